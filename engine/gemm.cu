// Products by cuBLASLt. Which of its kernels is fastest for a shape is not known beforehand, and
// its own guess is up to 15 % off (668 against 574 TFLOP/s for ViT-B's qkv on an H200): the
// first time a shape is seen a dozen proposals are timed on it, and the choice is kept in a
// file, so that a later run has the same algorithm and therefore the same bits. Matrices are
// ours, by rows; the library's are by columns, hence it is asked for C^T = B^T A^T.
#include <algorithm>
#include <cmath>
#include <map>
#include <sstream>

#include "engine/choices.h"
#include "engine/cuda.cuh"
#include "engine/derived.h"
#include "engine/gemm.h"
#include "engine/text.h"

namespace lspt::cuda {
namespace {

constexpr size_t kWorkspace = size_t{32} << 20;  // what NVIDIA recommends on Hopper
constexpr int kCandidates = 12;                  // algorithms that the heuristic may propose
bool tf32 = false;

cudaDataType_t type_of(DType type) { return type == DType::f32 ? CUDA_R_32F : CUDA_R_16BF; }

/// The largest power of two, up to 256, of which rows of this length begin at multiples in bytes.
int alignment_of(const Tensor& x, int64_t row) {
  const uint64_t all =
      reinterpret_cast<uintptr_t>(x.raw()) | static_cast<uint64_t>(row) * size_of(x.dtype());
  return static_cast<int>(std::min<uint64_t>(256, all & (~all + 1)));
}

struct GemmShape {
  int64_t m, n, k;
  bool transpose_a, transpose_b, accumulate, bias, tf32;
  DType in, out;
  int align_a, align_b, align_c;
  auto operator<=>(const GemmShape&) const = default;

  std::string key() const {
    std::ostringstream text;
    text << m << 'x' << n << 'x' << k << (transpose_a ? 't' : 'n') << (transpose_b ? 't' : 'n')
         << (accumulate ? "+c" : "") << (bias ? "+bias" : "") << (tf32 ? "+tf32" : "") << ' '
         << name_of(in) << ' ' << name_of(out) << ' ' << align_a << ' ' << align_b << ' '
         << align_c;
    return text.str();
  }
};

cublasLtHandle_t cublas() {
  static const cublasLtHandle_t instance = [] {
    cublasLtHandle_t made{};
    LSPT_CHECK(LT(cublasLtCreate)(&made));
    return made;
  }();
  return instance;
}

void* workspace() {
  static const Tensor* const kept =
      new Tensor({static_cast<int64_t>(kWorkspace / 4)}, DType::f32, Device::cuda);
  return kept->raw();
}

/// Named, because nvcc 13.0 fails on containers of the library's unnamed struct.
struct Algorithm {
  cublasLtMatmulAlgo_t value{};
};

/// One product as cuBLASLt prepares it; made once for every different problem and kept for good.
struct GemmPlan {
  cublasLtMatmulDesc_t operation{};
  cublasLtMatrixLayout_t a{}, b{}, c{};
  Algorithm algorithm;

  cublasStatus_t run(const void* left, const void* right, const void* add, void* to,
                     float beta) const {
    const float one = 1.0f;
    // Row-major C = A B is column-major C^T = B^T A^T: the right matrix goes first.
    return LT(cublasLtMatmul)(cublas(), operation, &one, right, b, left, a, &beta, add, c, to, c,
                              &algorithm.value, workspace(), kWorkspace, stream());
  }
};

template <typename T>
void set(cublasLtMatmulDesc_t operation, cublasLtMatmulDescAttributes_t attribute, const T& value) {
  LSPT_CHECK(LT(cublasLtMatmulDescSetAttribute)(operation, attribute, &value, sizeof value));
}

template <typename T>
void set(cublasLtMatmulPreference_t preference, cublasLtMatmulPreferenceAttributes_t attribute,
         const T& value) {
  LSPT_CHECK(LT(cublasLtMatmulPreferenceSetAttribute)(preference, attribute, &value, sizeof value));
}

/// A row-major (rows, cols) matrix is a column-major (cols, rows) one.
cublasLtMatrixLayout_t layout(DType type, int64_t rows, int64_t cols) {
  cublasLtMatrixLayout_t made{};
  LSPT_CHECK(LT(cublasLtMatrixLayoutCreate)(&made, type_of(type), static_cast<uint64_t>(cols),
                                            static_cast<uint64_t>(rows), cols));
  return made;
}

GemmPlan describe_problem(const GemmShape& p) {
  GemmPlan plan;
  LSPT_CHECK(LT(cublasLtMatmulDescCreate)(
      &plan.operation, p.tf32 ? CUBLAS_COMPUTE_32F_FAST_TF32 : CUBLAS_COMPUTE_32F, CUDA_R_32F));
  set(plan.operation, CUBLASLT_MATMUL_DESC_TRANSA, p.transpose_b ? CUBLAS_OP_T : CUBLAS_OP_N);
  set(plan.operation, CUBLASLT_MATMUL_DESC_TRANSB, p.transpose_a ? CUBLAS_OP_T : CUBLAS_OP_N);
  if (p.bias) set(plan.operation, CUBLASLT_MATMUL_DESC_EPILOGUE, CUBLASLT_EPILOGUE_BIAS);
  plan.a = p.transpose_a ? layout(p.in, p.k, p.m) : layout(p.in, p.m, p.k);
  plan.b = p.transpose_b ? layout(p.in, p.n, p.k) : layout(p.in, p.k, p.n);
  plan.c = layout(p.out, p.m, p.n);
  return plan;
}

void set_bias(const GemmPlan& plan, const Tensor& bias) {
  const void* pointer = bias.raw();
  set(plan.operation, CUBLASLT_MATMUL_DESC_BIAS_POINTER, pointer);
}

std::vector<Algorithm> candidates(const GemmPlan& plan, const GemmShape& p) {
  cublasLtMatmulPreference_t preference{};
  LSPT_CHECK(LT(cublasLtMatmulPreferenceCreate)(&preference));
  set(preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, uint64_t{kWorkspace});
  set(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, static_cast<uint32_t>(p.align_b));
  set(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, static_cast<uint32_t>(p.align_a));
  set(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, static_cast<uint32_t>(p.align_c));
  set(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, static_cast<uint32_t>(p.align_c));
  cublasLtMatmulHeuristicResult_t found[kCandidates] = {};
  int count = 0;
  const cublasStatus_t status =
      LT(cublasLtMatmulAlgoGetHeuristic)(cublas(), plan.operation, plan.b, plan.a, plan.c, plan.c,
                                         preference, kCandidates, found, &count);
  LT(cublasLtMatmulPreferenceDestroy)(preference);
  LSPT_CHECK(status);
  std::vector<Algorithm> usable;
  for (int i = 0; i < count; ++i)
    if (found[i].state == CUBLAS_STATUS_SUCCESS) usable.push_back({found[i].algo});
  require(!usable.empty(), "gemm: cuBLASLt has no algorithm for ", p.key());
  return usable;
}

/// By timing, on a C of its own: the real one may hold what is to be added to.
Algorithm fastest(GemmPlan& plan, const GemmShape& p, const Tensor& a, const Tensor& b,
                  const Tensor& c) {
  const Tensor scratch(c.shape(), c.dtype(), Device::cuda);
  cudaEvent_t begin{}, end{};
  LSPT_CHECK(cudaEventCreate(&begin));
  LSPT_CHECK(cudaEventCreate(&end));
  Algorithm best;
  float best_time = INFINITY;
  for (const Algorithm& candidate : candidates(plan, p)) {
    plan.algorithm = candidate;
    float time = INFINITY;
    for (int i = 0; i < 6; ++i) {  // the first warms up
      LSPT_CHECK(cudaEventRecord(begin, stream()));
      const cublasStatus_t status =
          plan.run(a.raw(), b.raw(), scratch.raw(), scratch.raw(), p.accumulate ? 1.0f : 0.0f);
      LSPT_CHECK(cudaEventRecord(end, stream()));
      LSPT_CHECK(cudaEventSynchronize(end));
      float now = 0;
      LSPT_CHECK(cudaEventElapsedTime(&now, begin, end));
      if (status != CUBLAS_STATUS_SUCCESS) break;  // proposed, but not for these matrices
      if (i > 0) time = std::min(time, now);
    }
    if (time < best_time) {
      best_time = time;
      best = candidate;
    }
  }
  require(best_time < INFINITY, "gemm: no algorithm of cuBLASLt ran for ", p.key());
  LSPT_CHECK(cudaEventDestroy(begin));
  LSPT_CHECK(cudaEventDestroy(end));
  return best;
}

Choices& choices() {
  static Choices* const kept = [] {
    const std::string about = describe();
    std::string card = about.substr(0, about.find(','));
    std::replace_if(
        card.begin(), card.end(), [](char c) { return c == ' ' || c == '/'; }, '-');
    return new Choices(Choices::cache_file("gemm-" + card + "-cublaslt-" +
                                           std::to_string(LT(cublasLtGetVersion)()) + ".txt"));
  }();
  return *kept;
}

/// The plan for a problem; `bias` is already set in it if it is new, because the heuristic looks at
/// its alignment.
const GemmPlan& plan_for(const GemmShape& p, const Tensor& a, const Tensor& b, const Tensor& c,
                         const Tensor& bias) {
  static std::map<GemmShape, GemmPlan>* const plans = new std::map<GemmShape, GemmPlan>;
  if (const auto it = plans->find(p); it != plans->end()) return it->second;
  GemmPlan plan = describe_problem(p);
  if (p.bias) set_bias(plan, bias);
  cublasLtMatmulHeuristicResult_t checked{};
  const bool known =
      from_hex(choices().find(p.key()), &plan.algorithm, sizeof plan.algorithm) &&
      LT(cublasLtMatmulAlgoCheck)(cublas(), plan.operation, plan.b, plan.a, plan.c, plan.c,
                                  &plan.algorithm.value, &checked) == CUBLAS_STATUS_SUCCESS &&
      checked.workspaceSize <= kWorkspace;
  if (!known) {
    plan.algorithm = fastest(plan, p, a, b, c);
    from_hex(choices().keep(p.key(), to_hex(&plan.algorithm, sizeof plan.algorithm)),
             &plan.algorithm, sizeof plan.algorithm);
  }
  return plans->emplace(p, plan).first->second;
}

}  // namespace

void allow_tf32(bool allow) { tf32 = allow; }

void gemm_unchecked(const Tensor& c, const Tensor& a, bool transpose_a, const Tensor& b,
                    bool transpose_b, const GemmOptions& options) {
  if (a.dtype() == DType::f32 && c.dtype() == DType::bf16) {  // no such product in cuBLASLt
    GemmOptions same = options;
    same.residual = to_dtype(options.residual, DType::f32);
    const Tensor product = to_dtype(c, DType::f32);
    gemm_unchecked(product, a, transpose_a, b, transpose_b, same);
    return copy(c, product);
  }
  const Tensor bias = as_dtype(options.bias, c.dtype());  // as cuBLASLt wants it
  const Tensor& add = options.residual ? options.residual : c;
  const bool accumulate = options.residual || options.beta != 0.0f;
  const GemmShape problem{c.rows(),
                          c.cols(),
                          transpose_a ? a.rows() : a.cols(),
                          transpose_a,
                          transpose_b,
                          accumulate,
                          static_cast<bool>(bias),
                          tf32 && a.dtype() == DType::f32,
                          a.dtype(),
                          c.dtype(),
                          alignment_of(a, a.cols()),
                          alignment_of(b, b.cols()),
                          std::min(alignment_of(c, c.cols()), alignment_of(add, c.cols()))};
  const GemmPlan& plan = plan_for(problem, a, b, c, bias);
  if (bias) set_bias(plan, bias);
  const OpScope op("gemm", bytes_of(a, b, c) + (accumulate ? bytes_of(c) : 0),
                   2 * problem.m * problem.n * problem.k);
  check(plan.run(a.raw(), b.raw(), add.raw(), c.raw(), accumulate ? 1.0f : 0.0f), "cublasLtMatmul");
  launched();
}

}  // namespace lspt::cuda
