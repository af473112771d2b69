// Does fp8 pay for products by frozen weights? The eight of a ViT-B block with e4m3 operands beside
// the engine's own in bf16: whether this card's cuBLASLt serves them, how long they take, how far
// off they are. tests/cuda_check.sh runs it; by hand, ARCH being the card's own:
//
//   make ARCH=90 build/tests/fp8 && build/tests/fp8
//
// A line is a product: microseconds and TFLOP/s of each way, and microseconds and GB/s of a pass
// that does nothing but quantise the activation by rows, which layer norm, GELU or attention could
// do in passing; then how far the ways are off, |y - exact| / |exact| in percent, exact being f64
// on the operands before they are quantised; last the sums over a block. Exit code 1 if a result is
// wrong, 2 if there is no GPU, 0 also where nothing is served.
//
//   rows     a scale a row of the activation, a scale an output channel of the weight
//            (CUBLASLT_MATMUL_MATRIX_SCALE_OUTER_VEC_32F: cuBLAS 12.9, documented for sm_90 alone)
//   tensor   a scale each, found beforehand (CUBLASLT_MATMUL_MATRIX_SCALE_SCALAR_32F, the default)
//   fast     CUBLASLT_MATMUL_DESC_FAST_ACCUM: sums stay in the tensor cores, which on Hopper keep
//            fewer bits of them than f32 has
#include <cuda_fp8.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "engine/cuda.cuh"
#include "engine/gemm.h"
#include "engine/random.h"
#include "train/output/console.h"

using namespace lspt;
using namespace lspt::cuda;

namespace {

constexpr int64_t kRows = 64 * 247;  // images, and their tokens with 50 prompts
constexpr unsigned kSampled = 256;   // rows that are compared

constexpr struct {
  const char* name;
  int64_t inputs, outputs;
} kLayers[] = {{"qkv", 768, 2304}, {"proj", 768, 768}, {"fc1", 768, 3072}, {"fc2", 3072, 768}};

constexpr const char* kWays[] = {"bf16", "rows", "rows, fast", "tensor", "tensor, fast"};

__device__ float normal(uint32_t a, uint32_t b) {  // Box-Muller
  const float u = (static_cast<float>(a) + 0.5f) * 0x1p-32f;
  return sqrtf(-2.0f * logf(u)) * cosf(6.2831853f * 0x1p-32f * static_cast<float>(b));
}

/// 50 times larger than the others in all rows of heavy tails, as some activations of ViTs are.
__device__ bool is_massive(int64_t column) { return column % 251 == 7; }

/// A thread owns an element. Heavy tails: normal times exp(1.5 normal), and massive columns.
/// `transposed`: the transpose of the (cols, rows) matrix that the same stream gives.
__global__ void draw(bf16* to, int64_t rows, int64_t cols, bool transposed, bool heavy, float scale,
                     Random random) {
  const int64_t i = thread_index(), source = transposed ? i % cols * rows + i / cols : i;
  if (i >= rows * cols) return;
  const auto words = random.four(static_cast<uint64_t>(source));
  float value = scale * normal(words[0], words[1]);
  if (heavy) value *= expf(1.5f * normal(words[2], words[3]));
  to[i] = heavy && is_massive(i % cols) ? 50.0f * value : value;
}

/// A warp owns a row: its largest element becomes 448, e4m3's largest, or all are divided by the
/// one scale that is given. The second walk finds the row in the first-level cache.
__global__ void quantise(uint2* to, float* scales, const bf16* x, int64_t rows, int64_t width,
                         bool given) {
  const int64_t row = static_cast<int64_t>(blockIdx.x) * kRowWarps + threadIdx.x / 32;
  const int64_t first = threadIdx.x % 32 * kWide;
  if (row >= rows) return;
  float value[kWide], scale = given ? scales[0] : 0.0f;
  if (!given) {
    float largest = 1e-30f;  // a row of zeros has a scale too
    for (int64_t j = first; j < width; j += 32 * kWide) {
      load<kWide>(value, x + row * width + j);
      for (int k = 0; k < kWide; ++k) largest = fmaxf(largest, fabsf(value[k]));
    }
    scale = warp_max(largest) / 448.0f;
    if (first == 0) scales[row] = scale;
  }
  const float inverse = 1.0f / scale;
  for (int64_t j = first; j < width; j += 32 * kWide) {
    load<kWide>(value, x + row * width + j);
    unsigned pair[kWide / 2];
    for (int k = 0; k < kWide / 2; ++k) {
      const float2 both = make_float2(value[2 * k] * inverse, value[2 * k + 1] * inverse);
      pair[k] = __nv_cvt_float2_to_fp8x2(both, __NV_SATFINITE, __NV_E4M3);
    }
    to[(row * width + j) / kWide] = make_uint2(pair[0] | pair[1] << 16, pair[2] | pair[3] << 16);
  }
}

/// A warp owns a sampled row: squares of its errors, of its exact elements, which are sums in f64
/// of the operands before they are quantised, and of what these would be without massive columns.
__global__ void compare(float* sums, const bf16* y, const bf16* x, const bf16* w, const bf16* bias,
                        int64_t rows, int64_t n, int64_t k) {
  const int64_t row = blockIdx.x * rows / gridDim.x;
  double errors = 0, squares = 0, rests = 0;
  for (int64_t column = threadIdx.x; column < n; column += 32) {
    double rest = bias ? static_cast<double>(bias[column]) : 0.0, massive = 0;
    for (int64_t j = 0; j < k; ++j)
      (is_massive(j) ? massive : rest) +=
          static_cast<double>(x[row * k + j]) * static_cast<double>(w[column * k + j]);
    const double exact = rest + massive, off = static_cast<double>(y[row * n + column]) - exact;
    errors += off * off;
    squares += exact * exact;
    rests += rest * rest;
  }
  sums[3 * blockIdx.x] = warp_sum(static_cast<float>(errors));
  sums[3 * blockIdx.x + 1] = warp_sum(static_cast<float>(squares));
  sums[3 * blockIdx.x + 2] = warp_sum(static_cast<float>(rests));
}

Tensor drawn(int64_t rows, int64_t cols, float scale, uint64_t index, bool heavy = false,
             bool transposed = false) {
  const Tensor made({rows, cols}, DType::bf16, Device::cuda);
  launch(draw, blocks(rows * cols), kBlock, made.data<bf16>(), rows, cols, transposed, heavy, scale,
         Random(1, 0, index, Purpose::test));
  return made;
}

/// An element is its byte's value times its row's scale, or times the one scale.
struct E4m3 {
  Tensor bytes, scales;  // two bytes in the place of one bf16
};

E4m3 quantised(const Tensor& x, bool by_row) {
  E4m3 made{Tensor({x.rows(), x.cols() / 2}, DType::bf16, Device::cuda),
            Tensor({x.rows()}, DType::f32, Device::cuda)};
  const auto put = [&](bool given) {
    launch(quantise, blocks(x.rows(), kRowWarps), 32 * kRowWarps,
           static_cast<uint2*>(made.bytes.raw()), made.scales.data<float>(), x.data<bf16>(),
           x.rows(), x.cols(), given);
  };
  put(false);
  if (by_row) return made;
  const std::vector<float> scales = made.scales.to_vector();
  const float largest = *std::max_element(scales.begin(), scales.end());
  made.scales = to_device(Tensor::from({largest}, {1}), Device::cuda);
  put(true);
  return made;
}

/// Microseconds a call: the best of three rounds of twenty, behind one that warms up.
template <typename Body>
double time_of(const Body& body) {
  static cudaEvent_t events[2] = {};
  for (cudaEvent_t& event : events)
    if (!event) LSPT_CHECK(cudaEventCreate(&event));
  float best = INFINITY, now = 0;
  for (int round = 0; round < 4; ++round) {
    LSPT_CHECK(cudaEventRecord(events[0], stream()));
    for (int i = 0; i < 20; ++i) body();
    LSPT_CHECK(cudaEventRecord(events[1], stream()));
    LSPT_CHECK(cudaEventSynchronize(events[1]));
    LSPT_CHECK(cudaEventElapsedTime(&now, events[0], events[1]));
    if (round > 0) best = std::min(best, now);
  }
  return 1e3 / 20 * static_cast<double>(best);
}

/// y (rows, n) = x (rows, k) w^T + bias. Forward w is the weight as it is stored; for dX, which has
/// no bias, it is its transpose, which fp8 needs stored and the engine's bf16 does not.
struct Problem {
  Tensor x[2], w, bias, y;  // x: of normal rows, and of heavy tails
};

struct Result {
  double us = 0, errors[3] = {};  // percent: of both x; of heavy tails without massive columns
  std::string refused = {};       // why it is not served
};

/// run(i) puts the product of x[i] into y.
template <typename Run>
Result measure(const Problem& p, const Run& run) {
  Result result{.us = time_of([&] { run(0); })};
  for (int i = 0; i < 2; ++i) {
    fill(p.y, NAN);
    run(i);
    const Tensor sums({kSampled, 3}, DType::f32, Device::cuda);
    launch(compare, kSampled, 32, sums.data<float>(), p.y.data<bf16>(), p.x[i].data<bf16>(),
           p.w.data<bf16>(), p.bias ? p.bias.data<bf16>() : nullptr, kRows, p.y.cols(), p.w.cols());
    const std::vector<float> of_rows = sums.to_vector();
    double sum[3] = {};
    for (size_t j = 0; j < of_rows.size(); ++j) sum[j % 3] += static_cast<double>(of_rows[j]);
    result.errors[i] = 100 * std::sqrt(sum[0] / sum[1]);
    result.errors[2] = 100 * std::sqrt(sum[0] / sum[2]);
  }
  return result;
}

/// cuBLASLt's matrices are by columns: it is asked for y^T (n, rows) = A^T B with A = w seen as
/// (k, n) and B = x seen as (k, rows), the one form that fp8 has everywhere. So A's scales are w's,
/// one for each of the n rows of y^T, and B's are x's; the bias, in y's type, has an element a row
/// of y^T. Descriptors are kept until the program ends, as the engine's are.
Result fp8(const Problem& p, bool by_row, bool fast) {
  static cublasLtHandle_t library{};
  if (!library) LSPT_CHECK(LT(cublasLtCreate)(&library));
  const E4m3 w = quantised(p.w, by_row);
  const E4m3 x[] = {quantised(p.x[0], by_row), quantised(p.x[1], by_row)};
  cublasLtMatmulDesc_t operation{};
  LSPT_CHECK(LT(cublasLtMatmulDescCreate)(&operation, CUBLAS_COMPUTE_32F, CUDA_R_32F));
  const auto set = [&](cublasLtMatmulDescAttributes_t attribute, const auto& value) {
    return LT(cublasLtMatmulDescSetAttribute)(operation, attribute, &value, sizeof value);
  };
  LSPT_CHECK(set(CUBLASLT_MATMUL_DESC_TRANSA, CUBLAS_OP_T));
  LSPT_CHECK(set(CUBLASLT_MATMUL_DESC_FAST_ACCUM, int8_t{fast}));
  LSPT_CHECK(set(CUBLASLT_MATMUL_DESC_A_SCALE_POINTER, w.scales.raw()));
  LSPT_CHECK(set(CUBLASLT_MATMUL_DESC_B_SCALE_POINTER, x[0].scales.raw()));
  if (p.bias) LSPT_CHECK(set(CUBLASLT_MATMUL_DESC_EPILOGUE, CUBLASLT_EPILOGUE_BIAS));
  if (p.bias) LSPT_CHECK(set(CUBLASLT_MATMUL_DESC_BIAS_POINTER, p.bias.raw()));
  cublasStatus_t status = CUBLAS_STATUS_SUCCESS;
#if CUBLAS_VER_MAJOR * 100 + CUBLAS_VER_MINOR >= 1209
  const int32_t vectors = CUBLASLT_MATMUL_MATRIX_SCALE_OUTER_VEC_32F;
  if (by_row) status = set(CUBLASLT_MATMUL_DESC_A_SCALE_MODE, vectors);
  if (by_row && !status) status = set(CUBLASLT_MATMUL_DESC_B_SCALE_MODE, vectors);
#else  // headers that do not know it
  if (by_row) status = CUBLAS_STATUS_NOT_SUPPORTED;
#endif
  cublasLtMatrixLayout_t a{}, b{}, d{};
  const int64_t k = p.w.cols(), n = p.w.rows();
  LSPT_CHECK(LT(cublasLtMatrixLayoutCreate)(&a, CUDA_R_8F_E4M3, k, n, k));
  LSPT_CHECK(LT(cublasLtMatrixLayoutCreate)(&b, CUDA_R_8F_E4M3, k, kRows, k));
  LSPT_CHECK(LT(cublasLtMatrixLayoutCreate)(&d, CUDA_R_16BF, n, kRows, n));
  const uint64_t room = uint64_t{32} << 20;  // and 12 proposals: as in engine/gemm.cu
  const Tensor workspace({room / 4}, DType::f32, Device::cuda);
  cublasLtMatmulPreference_t preference{};
  LSPT_CHECK(LT(cublasLtMatmulPreferenceCreate)(&preference));
  LSPT_CHECK(LT(cublasLtMatmulPreferenceSetAttribute)(
      preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &room, sizeof room));
  cublasLtMatmulHeuristicResult_t found[12] = {};
  int count = 0, best = 0;
  if (!status)
    status = LT(cublasLtMatmulAlgoGetHeuristic)(library, operation, a, b, d, d, preference, 12,
                                                found, &count);
  const auto run = [&](int proposal, int i) {
    const float one = 1, zero = 0;
    return LT(cublasLtMatmul)(library, operation, &one, w.bytes.raw(), a, x[i].bytes.raw(), b,
                              &zero, p.y.raw(), d, p.y.raw(), d, &found[proposal].algo,
                              workspace.raw(), room, stream());
  };
  double best_time = INFINITY;
  for (int j = 0; j < count; ++j) {
    status = found[j].state ? found[j].state : run(j, 0);
    if (status) continue;  // proposed, but not for these matrices
    const double time = time_of([&] { LSPT_CHECK(run(j, 0)); });
    if (time < best_time) best_time = time, best = j;
  }
  if (best_time == INFINITY)
    return {.refused = status ? LT(cublasLtGetStatusName)(status) : "no algorithm"};
  return measure(p, [&](int i) {
    LSPT_CHECK(set(CUBLASLT_MATMUL_DESC_B_SCALE_POINTER, x[i].scales.raw()));
    LSPT_CHECK(run(best, i));
  });
}

/// Whether all products are near the exact ones.
bool print_all() {
  cudaFuncAttributes compiled{};
  LSPT_CHECK(cudaFuncGetAttributes(&compiled, quantise));
  std::printf("%s; cuBLASLt %zu\n%s", describe().c_str(), LT(cublasLtGetVersion)(),
              compiled.ptxVersion < 89 ? "built for an ARCH without fp8: quantise is slow\n" : "");
  std::string heads = format("%7s", ""), errors;  // errors: the second table
  for (const char* way : kWays) heads += format(" %17s", way);
  std::printf("\nus and TFLOP/s of a product; us and GB/s of quantising\n%s %17s", heads.c_str(),
              "quantise");
  double us[5] = {}, quantising[5] = {};
  std::string refused[5];
  bool good = true;
  for (const bool forward : {true, false})
    for (const auto& [name, inputs, outputs] : kLayers) {
      const int64_t k = forward ? inputs : outputs, n = forward ? outputs : inputs;
      const float scale = forward ? 1.0f : 1e-4f;  // gradients are small
      const Problem p{{drawn(kRows, k, scale, 0), drawn(kRows, k, scale, 1, true)},
                      drawn(n, k, 0.03f, 2),
                      forward ? drawn(1, n, 0.1f, 3) : Tensor(),
                      Tensor({kRows, n}, DType::bf16, Device::cuda)};
      const Tensor stored = forward ? p.w : drawn(k, n, 0.03f, 2, false, true);
      const Tensor bias = p.bias ? to_dtype(p.bias, DType::f32) : Tensor();
      const auto ours = [&](int i) { gemm(p.y, p.x[i], false, stored, forward, {.bias = bias}); };
      const double pass = time_of([&] { quantised(p.x[0], true); });
      const std::string head = format("\n%2s %-4s", forward ? "" : "dX", name);
      std::printf("%s", head.c_str());
      errors += head;
      double bf16_us = 0;
      for (int way = 0; way < 5; ++way) {
        const Result r = way == 0 ? measure(p, ours) : fp8(p, way <= 2, way % 2 == 0);
        const bool served = r.refused.empty();
        if (way == 0) bf16_us = r.us;
        us[way] += served ? r.us : bf16_us;
        if (served) {
          quantising[way] += way > 0 ? pass : 0;
          std::printf(" %10.1f %6.0f", r.us, 2e-6 * static_cast<double>(kRows * k * n) / r.us);
          errors += format(" %5.2f %5.2f %5.2f", r.errors[0], r.errors[1], r.errors[2]);
          good &= r.errors[0] < (way == 0 ? 1 : 10) && r.errors[1] < INFINITY;
        } else {
          refused[way] = ", not all served: " + r.refused;
          std::printf(" %17s", "not served");
          errors += format(" %17s", "-");
        }
      }
      std::printf(" %10.1f %6.0f", pass, 1e-3 * static_cast<double>(kRows * (3 * k + 4)) / pass);
      std::fflush(stdout);
    }
  std::printf(
      "\n\nerrors in %%: normal rows; heavy tails; by heavy tails without massive columns\n%s%s\n",
      heads.c_str(), errors.c_str());
  std::printf("\none block, forward and dX; what is not served at bf16's time\n");
  for (int way = 0; way < 5; ++way) {
    const double with = us[way] + quantising[way];
    std::printf("%-12s %7.1f us, bf16 / it %.2f; with quantising %7.1f us, %.2f%s\n", kWays[way],
                us[way], us[0] / us[way], with, us[0] / with, refused[way].c_str());
  }
  if (!good) std::printf("WRONG: a product is far from the exact one\n");
  return good;
}

}  // namespace

int main() try {
  if (!unusable().empty()) return std::printf("fp8: %s\n", unusable().c_str()), 2;
  if (compute_capability() >= 89) return print_all() ? 0 : 1;
  std::printf("fp8: not served, that needs sm_89: %s\n", describe().c_str());
  return 0;
} catch (const std::exception& error) {
  std::printf("\nfp8: %s\n", error.what());
  return 1;
}
