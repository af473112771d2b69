#!/bin/sh
# What the settings that the program gives itself reach: every method, three seeds, no flag but those
# below, as a table. Minutes on two cores for a few hundred small images; not part of make test.
#
#   sh tests/study.sh DATA WEIGHTS MODEL [FLAG...]
#   sh tests/study.sh CUB_200_2011 mae_pretrain_vit_base.pth vit_base_patch16_224 --dtype bf16
#
# Environment: LSPT, the program; EPOCHS (20), METHODS, SEEDS, OUT (a folder that keeps the runs:
# those that are finished there are not run again).
set -eu

[ $# -ge 3 ] || { sed -n '2,9s/^# \{0,1\}//p' "$0" >&2; exit 2; }
data=$1 weights=$2 model=$3
shift 3
LSPT=${LSPT:-build/lspt}
EPOCHS=${EPOCHS:-20}
METHODS=${METHODS:-linear full vpt-shallow vpt-deep gapt gspc lpc lspt}
SEEDS=${SEEDS:-1 2 3}
if [ -z "${OUT:-}" ]; then
  OUT=$(mktemp -d "${TMPDIR:-/tmp}/lspt_study_XXXXXX")
  trap 'rm -rf "$OUT"' EXIT
fi
mkdir -p "$OUT"

value() { # FILE KEY: a number of results.json
  sed -n "s/^ *\"$2\": \([0-9.eE+-]*\),*$/\1/p" "$1"
}

echo "$(basename "$data"), $(basename "$weights"), $model, $EPOCHS epochs${*:+, $*}"
printf '%-12s %-24s %8s %6s %8s %6s  %s\n' method "test top-1 by seed" mean std val epoch warnings
for method in $METHODS; do
  numbers="" vals="" epochs="" warnings=""
  for seed in $SEEDS; do
    run=$OUT/$method-$seed
    if [ ! -f "$run/results.json" ]; then
      "$LSPT" train --data "$data" --weights "$weights" --model "$model" --method "$method" --epochs "$EPOCHS" \
        --seed "$seed" --output "$run" --overwrite "$@" >"$OUT/out" 2>&1 || { cat "$OUT/out" >&2; exit 1; }
    fi
    numbers="$numbers $(value "$run/results.json" test_top1)"
    vals="$vals $(value "$run/results.json" best_top1)"
    epochs="$epochs $(value "$run/results.json" best_epoch)"
    grep -q '"warnings": \[\]' "$run/results.json" || warnings="$warnings $seed"
  done
  echo "$method;$numbers;$vals;$epochs;$warnings" | awk -F';' '{
    n = split($2, x, " "); m = 0; s = 0; text = ""
    for (i = 1; i <= n; ++i) { m += x[i] / n; text = text sprintf("%.1f ", x[i]) }
    for (i = 1; i <= n; ++i) s += (x[i] - m) ^ 2
    k = split($3, v, " "); e = split($4, p, " "); vm = 0; em = 0
    for (i = 1; i <= k; ++i) vm += v[i] / k
    for (i = 1; i <= e; ++i) em += p[i] / e
    printf "%-12s %-24s %8.1f %6.1f %8.1f %6.1f  %s\n", $1, text, m, (n > 1 ? sqrt(s / (n - 1)) : 0), vm, em, ($5 == "" ? "-" : "seeds" $5) }'
done
