#!/bin/sh
# cuda_headers.sh DIR...: the GPU sources against the headers of another CUDA toolkit or cuDNN in DIR...,
# unpacked from packages, for instance: types and calls are checked, nothing is linked or run. Needs
# nvcc, of any supported version; crt/ of that other toolkit must stay out of DIR.
set -eu

[ $# -ge 1 ] || { sed -n '2,4s/^# \{0,1\}//p' "$0" >&2; exit 2; }
flags=""
for folder in "$@"; do flags="$flags -I$folder"; done
for source in engine/*.cu ops/*.cu data/*.cu train/*.cu; do
  nvcc -std=c++20 -DLSPT_CUDA --expt-relaxed-constexpr -I. $flags --Werror all-warnings \
    -Xcompiler -Wall,-Wextra,-Wshadow,-Werror,-Wno-restrict -arch=sm_90 -cuda -o /dev/null "$source"
done
printf '#include <cublasLt.h>\n#include <cuda_runtime.h>\n#include <cudnn_version.h>\nCUDART_VERSION CUBLAS_VER_MAJOR CUDNN_VERSION\n' |
  nvcc -E -x cu $flags - | tail -n 1 | sed 's/^/CUDART, cuBLAS, cuDNN: /; s/$/: compiled/'
