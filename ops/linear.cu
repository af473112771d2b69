// Everything of linear is the library's product (engine/gemm.cu) but its bias gradient, a sum
// down columns.
#include "engine/cuda.cuh"
#include "engine/sum_rows.h"
#include "ops/linear.h"

namespace lspt::cuda {

void column_sum(const Tensor& sum, const Tensor& x, float beta) {
  require(sum.numel() == x.cols() && sum.dtype() == DType::f32, "column_sum: ", x.shape(), " into ",
          sum.shape());
  const OpScope op("column_sum", bytes_of(sum, x));
  sum_rows(sum, beta, 1.0f, x, {.rows = x.rows(), .row_stride = x.cols()});
}

}  // namespace lspt::cuda
