#!/bin/sh
# cudnn_plans.sh FOLDER PROGRAM: runs PROGRAM, made of tests/cudnn_plans.cpp, on a machine without a
# GPU. cuDNN opens libcuda.so.1 even where it only compiles for a described device, and the toolkit's
# link stub answers every call with an error. So one is made in FOLDER that has the same names and
# answers "done"; where there is a driver it would hide it.
# CUDA_HOME and CUDNN_HOME: where the toolkit and cuDNN are.
set -eu

folder=$1 program=$2
cuda=${CUDA_HOME:-/usr/local/cuda}
cudnn=${CUDNN_HOME:-$cuda}
stub=$cuda/lib64/stubs/libcuda.so
[ -e "$stub" ] || { echo "cudnn_plans.sh: no $stub" >&2 && exit 1; }
mkdir -p "$folder"

# Of these the result matters: no device, a text, a number of clusters above 0 (else kernels for
# sm_90 are refused), the address of a function by its name.
written='cuInit|cuDeviceGetCount|cuGetErrorString|cuGetErrorName|cuGetProcAddress(_v2)?'
written="$written|cuOccupancyMaxActiveClusters"
cat >"$folder/libcuda.c" <<'C'
#include <dlfcn.h>
int cuInit(unsigned flags) { return 100; /* CUDA_ERROR_NO_DEVICE */ }
int cuDeviceGetCount(int* count) { *count = 0; return 0; }
int cuGetErrorString(int error, const char** text) { *text = "none"; return 0; }
int cuGetErrorName(int error, const char** text) { *text = "none"; return 0; }
int cuOccupancyMaxActiveClusters(int* count, void* kernel, const void* config) {
  *count = 66;
  return 0;
}
int cuGetProcAddress_v2(const char* name, void** to, int version, unsigned long long flags,
                        int* status) {
  *to = dlsym(RTLD_DEFAULT, name);
  return *to ? 0 : 500; /* CUDA_ERROR_NOT_FOUND */
}
C
nm -D --defined-only "$stub" | awk '$2 == "T" { sub("@.*", "", $3); print $3 }' | sort -u |
  grep -vxE "$written" | sed 's/.*/int &(void) { return 0; }/' >>"$folder/libcuda.c"
${CC:-cc} -shared -fPIC -w -Wl,-soname,libcuda.so.1 -o "$folder/libcuda.so.1" "$folder/libcuda.c" \
  -ldl

LD_LIBRARY_PATH=$folder:$cudnn/lib64:$cudnn/lib:$cuda/lib64${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
export LD_LIBRARY_PATH
exec "$program"
