// lspt::cuda::gemm_unchecked by plain loops, in the place of cuBLASLt. Sums are in double, so that
// tests can hold the CPU's products against it with the tolerance of f32 alone.
#include "engine/gemm.h"

#include <cmath>
#include <vector>

#include "engine/cuda.cuh"
#include "engine/derived.h"

namespace lspt::cuda {
namespace {

/// A matrix as the closure of a captured graph keeps it: a pointer, like the device's.
struct Matrix {
  explicit Matrix(const Tensor& x) : data(x ? x.raw() : nullptr), dtype(x.dtype()) {
    emulated::check_pointer(data);
  }
  void* data;
  DType dtype;

  double operator[](int64_t i) const {
    return static_cast<double>(dtype == DType::f32
                                   ? static_cast<const float*>(data)[i]
                                   : static_cast<float>(static_cast<const bf16*>(data)[i]));
  }
  void set(int64_t i, float value) const {
    if (dtype == DType::f32)
      static_cast<float*>(data)[i] = value;
    else
      static_cast<bf16*>(data)[i] = value;
  }
};

struct Product {
  Matrix c, a, b, bias, residual;
  int64_t m, n, k;
  bool transpose_a, transpose_b, gelu;
  double beta;

  void run() const {
    std::vector<double> wide_b(static_cast<size_t>(k * n)), sums(static_cast<size_t>(n));
    for (int64_t i = 0; i < k; ++i)
      for (int64_t j = 0; j < n; ++j)
        wide_b[static_cast<size_t>(i * n + j)] = b[transpose_b ? j * k + i : i * n + j];
    for (int64_t row = 0; row < m; ++row) {
      for (int64_t j = 0; j < n; ++j) sums[static_cast<size_t>(j)] = start(row * n + j, j);
      for (int64_t i = 0; i < k; ++i) {
        const double factor = a[transpose_a ? i * m + row : row * k + i];
        const double* b_row = wide_b.data() + i * n;
        for (int64_t j = 0; j < n; ++j) sums[static_cast<size_t>(j)] += factor * b_row[j];
      }
      for (int64_t j = 0; j < n; ++j) {
        const double x = sums[static_cast<size_t>(j)];
        const double y = gelu ? 0.5 * x * std::erfc(-x * std::sqrt(0.5)) : x;
        c.set(row * n + j, static_cast<float>(y));
      }
    }
  }

  /// What is added to the product's element i, in column j.
  double start(int64_t i, int64_t j) const {
    return (beta != 0.0 ? beta * c[i] : 0.0) + (bias.data ? bias[j] : 0.0) +
           (residual.data ? residual[i] : 0.0);
  }
};

}  // namespace

void allow_tf32(bool) {}

void gemm_unchecked(const Tensor& c, const Tensor& a, bool transpose_a, const Tensor& b,
                    bool transpose_b, const GemmOptions& options) {
  const int64_t k = transpose_a ? a.rows() : a.cols();
  const Tensor bias = as_dtype(options.bias, c.dtype());  // kept, as the real ones keep it
  const OpScope op("gemm", bytes_of(a, b, c), 2 * c.numel() * k);
  const Product product{Matrix(c),
                        Matrix(a),
                        Matrix(b),
                        Matrix(bias),
                        Matrix(options.residual),
                        c.rows(),
                        c.cols(),
                        k,
                        transpose_a,
                        transpose_b,
                        options.gelu,
                        static_cast<double>(options.beta)};
  emulated::run_or_record(stream(), [product] { product.run(); });
  launched();
}

}  // namespace lspt::cuda
