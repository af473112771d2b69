#!/bin/sh
# Everything that only a GPU can show, in one unattended run of under eight minutes that ends in a
# table: build, the GPU cases of the test program, every op with its time, the program end to end,
# memory and race checks, speed. Run it from the root of the repository on a machine with a GPU, nvcc and cuDNN.
#
#   sh tests/cuda_check.sh [FOLDER]     where logs and results go (default: cuda_check)
#
# Environment: DEPS_PREFIX, CUDA_HOME, CUDNN_HOME and ARCH as for make; PEER="python3 SCRIPT", a
# PyTorch benchmark with the flags --modes --batch --prompts --dtype --impl --smart --iters --out, to
# be run beside ours on the same card: the last column is ours by the best of its lines; QUICK=1 leaves out the sanitizers and the larger batch.
set -u

out=${1:-cuda_check}
mkdir -p "$out"
out=$(cd "$out" && pwd)
table=$out/table.txt
: >"$table"
began=$(date +%s)
left() { echo $((470 - ($(date +%s) - began))); }

row() { printf '%-52s %s\n' "$1" "$2" | tee -a "$table"; }
# step NAME SECONDS LOG COMMAND...: runs it in what time is left, at most SECONDS.
step() {
  name=$1 limit=$2 file=$3 log=$out/$3
  shift 3
  [ "$limit" -gt "$(left)" ] && limit=$(left)
  if [ "$limit" -lt 5 ]; then
    row "$name" "NOT RUN: no time left"
    return 1
  fi
  start=$(date +%s)
  timeout "$limit" "$@" >"$log" 2>&1
  code=$?
  took=$(($(date +%s) - start))
  case $code in
    0) row "$name" "ok, $took s" ;;
    124) row "$name" "NOT FINISHED in $limit s (see $file)" ;;
    *) row "$name" "FAILED with $code, $took s (see $file)" ;;
  esac
  return $code
}

# cuDNN from a Python package, if the toolkit has none.
if [ -z "${CUDNN_HOME:-}" ]; then
  found=$(python3 -c 'import nvidia.cudnn as c; print(list(c.__path__)[0])' 2>/dev/null)
  [ -n "$found" ] && [ ! -e "${CUDA_HOME:-/usr/local/cuda}/include/cudnn_graph.h" ] && export CUDNN_HOME="$found"
fi
major=$(nvidia-smi --query-gpu=compute_cap --format=csv,noheader 2>/dev/null | head -n 1 | tr -d .)
nvidia-smi --query-gpu=name,driver_version,memory.total,compute_cap --format=csv,noheader >"$out/card.txt" 2>&1
if [ -z "$major" ]; then
  row "card" "none: nvidia-smi names no GPU, there is nothing to check"
  exit 2
fi
row "card" "$(head -n 1 "$out/card.txt")"

step "build" 240 build.log make -j"$(nproc)" ARCH="${ARCH:-${major:-90}}" build/lspt build/tests/run build/tests/ops ||
  { tail -n 20 "$out/build.log"; exit 1; }
export OMP_WAIT_POLICY=passive
step "GPU cases" 120 cases.log build/tests/run --test-case="*GPU*"
grep -E "^\[doctest\] (test cases|assertions)" "$out/cases.log" | while read -r line; do row "" "$line"; done
step "GPU cases, each launch waited for" 60 sync.log env LSPT_CUDA_SYNC=1 build/tests/run \
  --test-case="every op passes every check on the GPU" --subcase="the GPU computes*"
step "every op, with its time (ops.log)" 90 ops.log build/tests/ops
grep "^FAIL" "$out/ops.log" | while read -r line; do row "" "$line"; done
step "the program: train, resume, eval, predict" 90 program.log env LSPT=build/lspt sh tests/gpu_program.sh
grep "^FAIL" "$out/program.log" | while read -r line; do row "" "$line"; done

bench() { # METHODS BATCH PROMPTS FLAGS...
  methods=$1 batch=$2 prompts=$3
  shift 3
  step "bench $methods, batch $batch, $prompts prompts $*" 60 bench.tmp build/lspt bench --device cuda \
    --model vit_base_patch16_224 --method "$methods" --batch-size "$batch" --prompts "$prompts" \
    --classes 100 --dtype bf16 --iterations 20 --warmup 5 --json "$@"
  grep '^{' "$out/bench.tmp" >>"$out/bench.jsonl"
}
: >"$out/bench.jsonl"
bench forward,linear,vpt-deep,lspt,full 64 50
bench vpt-deep,lspt 64 50 --cuda-graph off
if [ "${QUICK:-0}" != 1 ]; then
  bench forward,vpt-deep,lspt,full 128 50
  bench vpt-deep,lspt 64 100
fi
if [ -n "${PEER:-}" ]; then
  : >"$out/peer.jsonl"
  step "peer, eager" 90 peer.log $PEER --modes forward,linear,vpt_deep,lspt,fullft --batch 64 \
    --prompts 50 --dtype autocast,bf16 --impl eager --iters 20 --out "$out/peer.jsonl"
  step "peer, compiled, plain and with savings by hand" 200 peer2.log $PEER --modes forward,vpt_deep,lspt,fullft \
    --batch 64 --prompts 50 --dtype bf16 --impl compile --smart --iters 20 --out "$out/peer.jsonl"
fi
if [ "${QUICK:-0}" != 1 ] && command -v compute-sanitizer >/dev/null 2>&1; then
  # racecheck does not know the asynchronous barriers of cuDNN's own kernels: hazards there are none.
  others=""
  compute-sanitizer --help 2>/dev/null | grep -q kernel-name-exclude && others="--kernel-name-exclude kernel_substring=cudnn_"
  for tool in memcheck racecheck; do
    flags=""
    [ $tool = racecheck ] && flags=$others
    step "compute-sanitizer $tool $flags" 60 $tool.log compute-sanitizer --tool $tool $flags --error-exitcode 9 \
      build/tests/run --test-case="every op passes every check on the GPU" --subcase="the GPU computes*"
  done
fi

echo
echo "==== summary, $(($(date +%s) - began)) s ===="
cat "$table"
value() { printf '%s' "$1" | grep -o "\"$2\":[^,}]*" | head -n 1 | cut -d: -f2 | tr -d '"'; }
# Our lines, each with the best of the peer's of its method, batch and prompts.
best() { # METHOD BATCH PROMPTS
  mode=$(echo "$1" | sed 's/-/_/; s/^full$/fullft/')
  [ -s "$out/peer.jsonl" ] && while read -r line; do
    [ "$(value "$line" mode | tr -d ' ')" = "$mode" ] && [ "$(value "$line" batch | tr -d ' ')" = "$2" ] || continue
    case $mode in linear | fullft) ;; *) [ "$(value "$line" P | tr -d ' ')" = "$3" ] || continue ;; esac
    value "$line" img_s && echo
  done <"$out/peer.jsonl" | sort -g | tail -n 1
}
while read -r line; do
  method=$(value "$line" method) batch=$(value "$line" batch_size) prompts=$(value "$line" prompts)
  ours=$(value "$line" images_per_second) theirs=$(best "$method" "$batch" "$prompts")
  printf '%-10s batch %-4s prompts %-4s %9.1f images/s  %5.1f%% of %.0f GFLOP/s  %6.0f MiB  %s\n' "$method" "$batch" "$prompts" \
    "$ours" "$(value "$line" fraction_of_peak | awk '{print 100 * $1}')" "$(value "$line" gemm_peak_gflops)" \
    "$(value "$line" peak_memory_mib)" "$(echo "$ours $theirs" | awk 'NF == 2 { printf "%.2f of the peer at its best", $1 / $2 }')"
done <"$out/bench.jsonl"
[ -s "$out/peer.jsonl" ] && while read -r line; do
  printf 'peer %-10s batch %-4s %-8s %-8s savings %-6s %9s images/s %8s MiB\n' "$(value "$line" mode | tr -d ' ')" \
    "$(value "$line" batch)" "$(value "$line" dtype)" "$(value "$line" impl)" "$(value "$line" smart)" \
    "$(value "$line" img_s)" "$(value "$line" peak_mib)"
done <"$out/peer.jsonl"
! grep -qE "FAILED|NOT FINISHED" "$table"
