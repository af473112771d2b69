#!/bin/sh
# Whether two builds of lspt compute the same bits: every method in f32 and bf16 on drawn birds, then
# eval, predict, features and a sweep. Metadata and times may differ; values may not.
#
#   sh tests/same_bits.sh OLD NEW     two programs, an earlier commit's and this one's
set -eu

[ $# -eq 2 ] || { sed -n '2,5s/^# \{0,1\}//p' "$0" >&2; exit 2; }
old=$(realpath "$1") new=$(realpath "$2")
work=$(mktemp -d "${TMPDIR:-/tmp}/lspt_bits_XXXXXX")
trap 'rm -rf "$work"' EXIT
cd "$work"
export XDG_CACHE_HOME="$work/cache"
"$old" synth --output birds --classes 4 --train-per-class 8 --test-per-class 4 --size 48 >/dev/null 2>&1
"$old" train --data birds --model vit_tiny_patch16_224 --img-size 32 --method full --epochs 1 --output backbone >/dev/null 2>&1

# The bytes behind a safetensors header.
values() { tail -c "+$(($(od -An -tu8 -N8 "$1") + 9))" "$1" | sha256sum; }
differ=0
same() { # WHAT FILE-OF-OLD FILE-OF-NEW
  if cmp -s "$2" "$3"; then echo "same    $1"; else differ=1; echo "DIFFERS $1"; fi
}
both() { # NAME COMMAND...: run by each, its standard output kept
  name=$1
  shift
  for side in old new; do
    mkdir -p $side
    eval "program=\$$side"
    (cd $side && "$program" "$@" >"$name.out" 2>"$name.err") || { cat "$side/$name.err" >&2; exit 1; }
  done
}
for method in linear mlp partial bias adapter lora full vpt-shallow vpt-deep gapt gspc lpc lspt; do
  for dtype in f32 bf16; do
    run=$method-$dtype
    both train train --data ../birds --model vit_tiny_patch16_224 --img-size 32 --weights ../backbone/last.safetensors \
      --method $method --dtype $dtype --epochs 2 --batch-size 8 --workers 1 --threads 1 --device cpu --output "$run"
    for side in old new; do
      { values $side/"$run"/last.safetensors; values $side/"$run"/best.safetensors; cut -d, -f1-7 $side/"$run"/metrics.csv; } >$side.txt
    done
    same "train $run" old.txt new.txt
    both predict predict --checkpoint "$run" --device cpu ../birds/images
    same "predict $run" old/predict.out new/predict.out
  done
done
both eval eval --checkpoint lspt-f32 --device cpu --json
same "eval" old/eval.out new/eval.out
both features features --data ../birds --checkpoint lspt-f32 --device cpu --output features
for file in features_train features_test labels_test; do same "features: $file" old/features/$file.npy new/features/$file.npy; done
both sweep sweep --data ../birds --model vit_tiny_patch16_224 --img-size 32 --weights ../backbone/last.safetensors --method vpt-deep \
  --epochs 1 --batch-size 8 --workers 1 --threads 1 --device cpu --sweep lr=1e-3,1e-2 --seeds 2 --output swept
same "sweep" old/sweep.out new/sweep.out
exit $differ
