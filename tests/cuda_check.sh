#!/bin/sh
# Everything that only a GPU can show, in one unattended run of under eight minutes that ends in a
# table: build, the GPU cases of the test program, every op with its time, the program end to end,
# memory and race checks, speed, and what fp8 would make of it. Run it from the root of the repository
# on a machine with a GPU, nvcc and cuDNN.
#
#   sh tests/cuda_check.sh [FOLDER]     where logs and results go (default: cuda_check)
#
# Environment: DEPS_PREFIX, CUDA_HOME, CUDNN_HOME and ARCH as for make; QUICK=1 leaves out the
# sanitizers and the larger batch. Where python3 has torch, the same steps in PyTorch
# (tests/peers/vpt_step.py) run on the same card, and on two of its processors: the last column is
# ours by the best of theirs.
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

step "build" 240 build.log make -j"$(nproc)" ARCH="${ARCH:-${major:-90}}" build/lspt build/tests/run build/tests/ops build/tests/fp8 ||
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
step "fp8 for products by frozen weights" 60 fp8.log build/tests/fp8
# peer NAME FLAGS...: its lines beside ours.
: >"$out/peer.jsonl"
peer() {
  name=$1
  shift
  python3 -c 'import torch' 2>/dev/null || { row "PyTorch, $name" "NOT RUN: python3 has no torch"; return; }
  step "PyTorch, $name" 100 peer.tmp $on python3 tests/peers/vpt_step.py --prompts 50 --classes 100 "$@"
  grep '^{' "$out/peer.tmp" >>"$out/peer.jsonl"
}
on=""
peer "autocast" --device cuda --batch 64 --iterations 20 --dtype autocast --methods forward,linear,vpt-deep,lspt,full
peer "bf16" --device cuda --batch 64 --iterations 20 --dtype bf16 --methods forward,linear,vpt-deep,lspt,full
peer "bf16, compiled" --device cuda --batch 64 --iterations 20 --dtype bf16 --compile --methods forward,vpt-deep,lspt,full
peer "bf16, compiled, savings by hand" --device cuda --batch 64 --iterations 20 --dtype bf16 --compile --smart --methods forward,vpt-deep,lspt
# The processor of the same machine, two of its cores.
on="taskset -c 0,1"
step "bench on two cores" 60 bench.tmp $on build/lspt bench --device cpu --model vit_base_patch16_224 \
  --method forward,vpt-deep,lspt --batch-size 8 --prompts 50 --classes 100 --dtype bf16 --iterations 3 --warmup 1 --threads 2 --json
grep '^{' "$out/bench.tmp" >>"$out/bench.jsonl"
peer "two cores, bf16" --device cpu --batch 8 --iterations 3 --warmup 1 --threads 2 --dtype bf16 --methods forward,vpt-deep,lspt
peer "two cores, autocast" --device cpu --batch 8 --iterations 3 --warmup 1 --threads 2 --dtype autocast --methods forward,vpt-deep,lspt
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
# Our lines, each with the best of the peer's of its method and batch (of 50 prompts where it has any).
best() { # METHOD BATCH PROMPTS
  case $3 in 0 | 50) ;; *) return ;; esac
  while read -r line; do
    [ "$(value "$line" method | tr -d ' ')" = "$1" ] && [ "$(value "$line" batch | tr -d ' ')" = "$2" ] &&
      value "$line" images_per_second && echo
  done <"$out/peer.jsonl" | sort -g | tail -n 1
}
while read -r line; do
  method=$(value "$line" method) batch=$(value "$line" batch_size) prompts=$(value "$line" prompts)
  ours=$(value "$line" images_per_second) theirs=$(best "$method" "$batch" "$prompts")
  printf '%-4s %-10s batch %-4s prompts %-4s %9.1f images/s  %5.1f%% of %.0f GFLOP/s  %6.0f MiB  %4s launches  %s\n' \
    "$(value "$line" device | cut -c 1-4)" "$method" "$batch" "$prompts" \
    "$ours" "$(value "$line" fraction_of_peak | awk '{print 100 * $1}')" "$(value "$line" gemm_peak_gflops)" \
    "$(value "$line" peak_memory_mib)" "$(value "$line" launches)" \
    "$(echo "$ours $theirs" | awk 'NF == 2 { printf "%.2f of PyTorch at its best", $1 / $2 }')"
done <"$out/bench.jsonl"
while read -r line; do
  printf 'PyTorch %-10s batch %-4s %-9s compiled %-6s by hand %-6s %9s images/s %8s MiB\n' \
    "$(value "$line" method | tr -d ' ')" "$(value "$line" batch)" "$(value "$line" dtype)" \
    "$(value "$line" compiled)" "$(value "$line" smart)" "$(value "$line" images_per_second)" "$(value "$line" peak_memory_mib)"
done <"$out/peer.jsonl"
echo
cat "$out/fp8.log" 2>/dev/null
! grep -qE "FAILED|NOT FINISHED" "$table"
