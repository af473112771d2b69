#!/bin/sh
# A kill test: runs that are killed at random moments, run out of disk, or meet another in their
# folder, go on afterwards and end with the bytes of a run that nobody disturbed. Environment: LSPT,
# the program; SOAK_MINUTES (5); SOAK_SEED (of the moments; by the clock). Prints "N kills, 0 lost",
# or what was lost and ends with 1.
set -u

LSPT=${LSPT:-build/lspt}
case $LSPT in /*) ;; *) LSPT=$PWD/$LSPT ;; esac
work=$(mktemp -d "${TMPDIR:-/tmp}/lspt_soak_XXXXXX")
disk=$work/disk
trap 'umount "$disk" 2>/dev/null; rm -rf "$work"' EXIT
cd "$work" || exit 1
export XDG_CACHE_HOME="$work/cache"
end=$(awk -v now="$(date +%s)" -v minutes="${SOAK_MINUTES:-5}" 'BEGIN { printf "%d", now + 60 * minutes }')
seed=${SOAK_SEED:-$(date +%s)}
kills=0 lost=0 rounds=0 drawn=0

lose() {
  lost=$((lost + 1))
  echo "LOST $1"
  tail -n 3 err | sed 's/^/     /'
}
# A moment in the course of a run that takes $1 seconds.
moment() {
  drawn=$((drawn + 1))
  awk -v s=$((seed + 7919 * drawn)) -v t="$1" 'BEGIN { srand(s); print 0.01 + 0.4 * rand() * t }'
}
now() { date +%s.%N; }
took() { awk -v a="$1" -v b="$(now)" 'BEGIN { print b - a }'; }

# Every run is named "run", in a folder of its own, so that what it writes has the same bytes.
data="--data $work/birds --model vit_tiny_patch16_224 --img-size 32 --batch-size 2 --workers 1 --threads 1"
fast="--warmup-epochs 1 --save-interval 0.0005 --output run"
train="$LSPT train $data --method lspt --prompts 2 --epochs 6 $fast"
sweep="$LSPT sweep $data --method vpt-deep --prompts 2 --epochs 3 --sweep lr=0.003,0.03 --seeds 2 $fast"
# The command that begins a run, or goes on with it.
go_on() {
  case $1 in
    sweep) echo "$sweep" ;;
    train) if [ -e run/last.safetensors ]; then echo "$LSPT train --resume run"; else echo "$train --overwrite"; fi ;;
  esac
}
# same KIND NAME: the folder here holds what the undisturbed run's does, all but times and log.
same() {
  (cd "$work/calm_$1/run" && find . | sort) >want
  (cd run && find . | sort) >got
  cmp want got >err 2>&1 || { diff want got >err; lose "$2: other files"; return; }
  for file in $(cd run && find . -name '*.safetensors' -o -name '*.svg' -o -name 'sweep.txt' -o -name 'sweep.json'); do
    cmp "$work/calm_$1/run/$file" "run/$file" >err 2>&1 || lose "$2: $file"
  done
  # The hash of all pixels is there only if the image cache is whole, which a kill may prevent.
  for file in $(cd run && find . -name 'results.json'); do
    grep -v '"pixels_sha256"' "$work/calm_$1/run/$file" >want
    grep -v '"pixels_sha256"' "run/$file" | cmp want - >err 2>&1 || lose "$2: $file"
  done
  for file in $(cd run && find . -name '*.csv'); do
    columns=1-7
    [ "$file" = ./sweep.csv ] && columns=1-4
    [ "$(cut -d, -f$columns "$work/calm_$1/run/$file")" = "$(cut -d, -f$columns "run/$file")" ] || lose "$2: $file"
  done
}
# finish KIND NAME: to the end, and the end is the same.
finish() {
  $(go_on "$1") >out 2>err || { lose "$2: does not go on (exit code $?)"; return; }
  same "$1" "$2"
}
place() {
  rounds=$((rounds + 1))
  mkdir "$work/round_$rounds" && cd "$work/round_$rounds" || exit 1
}

killed() { # KIND: killed again and again, until it ends between two kills
  place
  $(go_on "$1") >out 2>err &
  pid=$!
  for kill in 1 2 3 4 5 6 7 8 9 10; do
    sleep "$(moment "$(eval echo \$time_"$1")")"
    kill -s KILL $pid 2>/dev/null || break
    wait $pid 2>/dev/null
    [ $? -eq 137 ] || break
    kills=$((kills + 1))
    $(go_on "$1") >out 2>err &
    pid=$!
  done
  wait $pid
  finish "$1" "$1 after $kills kills in all"
}
full() { # KIND: the disk is full from some moment on
  place
  if [ "$how" = tmpfs ]; then
    mkdir "$disk/run" && ln -s "$disk/run" run
    $(go_on "$1") >out 2>err &
    pid=$!
    sleep "$(moment "$(eval echo \$time_"$1")")"
    dd if=/dev/zero of="$disk/filler" bs=65536 2>/dev/null
    wait $pid
    code=$?
    rm "$disk/filler"
  else
    (ulimit -f 256 && exec $(go_on "$1")) >out 2>err
    code=$?
  fi
  case $code in 0 | 7) ;; *) lose "$1 on a full disk: exit code $code, 7 expected" ;; esac
  finish "$1" "$1 after a full disk"
  [ "$how" = tmpfs ] && rm -rf "$disk/run"
}
both() { # KIND: two at once into one folder, and into one new image cache
  place
  export XDG_CACHE_HOME="$PWD/cache"
  $(go_on "$1") >out 2>err &
  one=$!
  $(go_on "$1") >out2 2>err2 &
  two=$!
  wait $one
  first=$?
  wait $two
  second=$?
  case "$first $second" in "0 7" | "7 0" | "0 0") ;; *) lose "$1, two at once: exit codes $first and $second" ;; esac
  rm -rf cache out2 err2
  export XDG_CACHE_HOME="$work/cache"
  same "$1" "$1, two at once"
}

"$LSPT" synth --output birds --classes 3 --train-per-class 16 --test-per-class 4 --size 48 >/dev/null || exit 1
for kind in train sweep; do
  mkdir "calm_$kind" && cd "calm_$kind" || exit 1
  begin=$(now)
  $(go_on $kind) >out 2>err || { cat err; exit 1; }
  eval "time_$kind=$(took "$begin")"
  rm out err
  cd ..
done
how="ulimit -f"
mkdir "$disk" && mount -t tmpfs -o size=32m tmpfs "$disk" 2>/dev/null && how=tmpfs
echo "seed $seed; undisturbed, a run takes $time_train s and a sweep $time_sweep s; the full disk is a $how"

while [ "$(date +%s)" -lt $end ]; do
  for kind in train sweep; do
    killed $kind
    killed $kind
    [ "$(date +%s)" -lt $end ] || break
    full $kind
    both $kind
    cd "$work" && rm -rf round_*
  done
  echo "$rounds rounds, $kills kills, $lost lost"
done
echo "$kills kills, $lost lost"
[ $lost -eq 0 ]
