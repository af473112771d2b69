#!/bin/sh
# The program on a GPU: train, resume, evaluate and predict with --device cuda, the same losses as
# the CPU, and what happens when its memory is too small. Environment: LSPT, the program (linked with
# the emulated GPU it takes a minute).
set -u

LSPT=${LSPT:-build/lspt}
case $LSPT in /*) ;; *) LSPT=$PWD/$LSPT ;; esac
work=$(mktemp -d "${TMPDIR:-/tmp}/lspt_gpu_XXXXXX")
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
export XDG_CACHE_HOME="$work/cache"
failed=0
result() { # NAME: of the last command's exit status
  if [ $? -eq 0 ]; then echo "PASS $1"; else
    failed=$((failed + 1))
    echo "FAIL $1"
    sed 's/^/     /' err | tail -8
  fi
}

tiny="--model vit_tiny_patch16_224 --img-size 32"
"$LSPT" synth --output birds --classes 3 --train-per-class 6 --test-per-class 3 --size 48 >out 2>err
train="$LSPT train --data birds $tiny --batch-size 4 --warmup-epochs 1 --workers 1 --seed 5"
lspt="$train --method lspt --prompts 2"

$lspt --device cuda --epochs 3 --output straight >out 2>err
result "train on the GPU"
grep -q "on cpu" straight/log.txt
[ $? -ne 0 ] && grep -q "sm_" straight/log.txt
result "the log names the GPU"
$lspt --device cuda --epochs 3 --cuda-graph off --output plain >out 2>err
cmp straight/last.safetensors plain/last.safetensors >err 2>&1
result "captured and plain steps leave the same bytes"
$lspt --device cuda --epochs 3 --output parts >out 2>err &
pid=$!
while kill -0 $pid 2>/dev/null && [ ! -s parts/metrics.csv ]; do sleep 0.05; done
kill -INT $pid 2>/dev/null
wait $pid
"$LSPT" train --resume parts --device cuda >out 2>err
cmp straight/last.safetensors parts/last.safetensors >err 2>&1
result "a run that was stopped goes on to the same bytes"

$lspt --device cpu --epochs 3 --output cpu >out 2>err
awk -F, 'NR == FNR { loss[FNR] = $2; next }
  FNR > 1 { d = $2 - loss[FNR]; if (d < 0) d = -d; if (d > 1e-3 * loss[FNR]) bad = 1; n++ }
  END { exit bad || n != 3 }' cpu/metrics.csv straight/metrics.csv
result "the losses of every epoch are the CPU's to 1e-3"
"$LSPT" eval --checkpoint straight --device cuda --json >gpu.json 2>err
"$LSPT" eval --checkpoint straight --device cpu --json >cpu.json 2>err
[ "$(grep -o '"top1":[0-9.]*' gpu.json)" = "$(grep -o '"top1":[0-9.]*' cpu.json)" ] && [ -s gpu.json ]
result "a checkpoint of the GPU evaluates the same on the CPU"
"$LSPT" predict --checkpoint straight --device cuda birds/images/*/*_0001.jpg >out 2>err
[ "$(wc -l <out)" -eq 3 ]
result "predict"
$train --method full --dtype bf16 --device cuda --epochs 1 --clip-grad 1 --output full >out 2>err
result "train everything in bf16, gradients limited"
probe="$train --method linear --no-aug --opt sgd --device cuda --epochs 3"
$probe --output probe >out 2>err && $probe --cuda-graph off --output plain_probe >out 2>err
cmp probe/last.safetensors plain_probe/last.safetensors >err 2>&1
result "a linear probe on kept features"
fit="$LSPT train --data birds $tiny --batch-size 4 --workers 1 --seed 5 --method linear --epochs 2"
$fit --device cuda --output fit >out 2>err && $fit --device cpu --output fit_cpu >out 2>err
awk -F, 'NR == FNR { loss[FNR] = $4; next }
  FNR > 1 { d = $4 - loss[FNR]; if (d < 0) d = -d; if (d > 1e-2 * loss[FNR]) bad = 1; n++ }
  END { exit bad || n != 2 }' fit_cpu/metrics.csv fit/metrics.csv
result "a head that is fitted there is the CPU's"
"$LSPT" bench $tiny --device cuda --method forward,lspt --dtype bf16 --prompts 2 --batch-size 2 \
  --iterations 1 --warmup 0 --json >out 2>err
[ "$(grep -c '"ops":\[' out)" -eq 2 ]
result "bench prints a table of ops"
full="$train --method full --dtype bf16 --device cuda --epochs 2"
$full --output full_captured >out 2>err && $full --cuda-graph off --output full_plain >out 2>err
cmp full_captured/last.safetensors full_plain/last.safetensors >err 2>&1
result "captured steps of a whole backbone in bf16 leave the bytes of plain ones"
mae="$LSPT pretrain --data birds --model vit_tiny_patch8_32 --embed-dim 64 --depth 2 --decoder-depth 1 --batch-size 4 --workers 1 \
  --epochs 2 --lr 1e-3 --dtype bf16 --picture-interval 0"
$mae --device cuda --output mae >out 2>err && $mae --device cuda --cuda-graph off --output plain_mae >out 2>err
cmp mae/last.safetensors plain_mae/last.safetensors >err 2>&1
result "pre-training, captured and plain, leaves the same bytes"
$mae --device cpu --output mae_cpu >out 2>err
awk -F, 'NR == FNR { loss[FNR] = $2; next }
  FNR > 1 { d = $2 - loss[FNR]; if (d < 0) d = -d; if (d > 1e-2 * loss[FNR]) bad = 1; n++ }
  END { exit bad || n != 2 }' mae_cpu/metrics.csv mae/metrics.csv
result "and the CPU's losses to 1e-2"
if [ "${EMULATED:-0}" = 1 ]; then
  LSPT_EMULATED_GRAPHS=0 $lspt --device cuda --epochs 3 --output uncaptured >out 2>err
  [ $? -eq 0 ] && [ "$(grep -c "note: steps are launched one by one" uncaptured/log.txt)" -eq 1 ] &&
    cmp straight/last.safetensors uncaptured/last.safetensors >>err 2>&1
  result "where steps cannot be captured that is said once and the run goes on"
  LSPT_EMULATED_GRAPHS=0 $lspt --device cuda --epochs 3 --cuda-graph on --output insisted >out 2>err
  [ $? -ne 0 ] && grep -q "cudaGraphInstantiate" err
  result "--cuda-graph on insists"
  LSPT_EMULATED_MEMORY=20000000 $lspt --device cuda --epochs 1 --output small >out 2>err
  [ $? -eq 6 ] && grep -q "out of GPU memory: .* MiB wanted, .* of 19 MiB free; a smaller --batch-size" err
  result "a GPU too small is exit code 6, with what was wanted and what is free"
fi
CUDA_VISIBLE_DEVICES="" $lspt --device cuda --epochs 1 --output none >out 2>err
[ $? -eq 2 ] && grep -q "device cuda: no usable GPU: .*runtime" err
result "no GPU is exit code 2, with the versions"
CUDA_VISIBLE_DEVICES="" $lspt --epochs 1 --output auto >out 2>err && grep -q "on cpu" auto/log.txt
result "auto without a GPU takes the CPU"
[ $failed -eq 0 ]
