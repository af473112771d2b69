#include "ops/linear.h"

#include "engine/gemm.h"
#include "engine/sum_rows.h"
#include "ops/gelu.h"

namespace lspt {

Var linear(const Var& x, const Var& weight, const Var& bias, const LinearOptions& options) {
  const int64_t inputs = x.dim(-1), outputs = weight.dim(0);
  require(weight.value.rank() == 2 && weight.dim(1) == inputs, "linear: weight ", weight.shape(),
          " for x ", x.shape());
  require(!bias || bias.shape() == Shape{outputs}, "linear: bias ", bias.shape(), ", expected (",
          outputs, ")");
  require(!(options.gelu && options.residual), "linear: gelu and residual together");
  Shape shape = x.shape();
  shape.set(-1, outputs);
  require(!options.residual || options.residual.shape() == shape, "linear: residual ",
          options.residual.shape(), ", expected ", shape);

  // A weight with a node may change between steps, or be a cast that serves this step alone; the
  // latter is packed by ops that use it many times (lstm_cell), not here.
  const bool frozen = !weight.node;
  const bool records = recording({&x, &weight, &bias, &options.residual});
  const Tensor w = to_dtype(weight.value, x.dtype());
  const bool fused = options.gelu && !records && gemm_fuses_gelu(x.device());
  Tensor y(shape, x.dtype(), x.device());
  gemm(y, x.value, false, w, true,
       {.bias = bias.value, .residual = options.residual.value, .gelu = fused, .pack_b = frozen});
  if (!records) {
    if (options.gelu && !fused) gelu_forward(y, y);
    return y;
  }

  Tensor h;
  if (options.gelu) {
    h = y;
    y = Tensor(shape, x.dtype(), x.device());
    gelu_forward(y, h);
  }
  const Tensor kept_x = weight.node ? x.value : Tensor();
  const Shape x_shape = x.shape();
  enum Input { kX, kWeight, kBias, kResidual };
  return record("linear", {&x, &weight, &bias, &options.residual}, y,
                [w, h, kept_x, frozen, x_shape](Backward& b) {
                  b.add(kResidual, b.grad());
                  const Tensor dh = h ? b.over_grad() : b.grad();
                  if (h) gelu_backward(dh, b.grad(), h);
                  if (b.wanted(kWeight)) {
                    const auto [dw, beta] = b.into(kWeight);
                    gemm(dw, dh, true, kept_x, false, {.beta = beta});
                  }
                  if (b.wanted(kBias)) {
                    const auto [db, beta] = b.into(kBias);
                    column_sum(db, dh, beta);
                  }
                  if (b.wanted(kX)) {
                    Tensor dx(x_shape, w.dtype(), w.device());
                    gemm(dx, dh, false, w, false, {.pack_b = frozen});
                    b.add(kX, dx);
                  }
                });
}

void column_sum(const Tensor& sum, const Tensor& x, float beta) {
  require(sum.numel() == x.cols() && sum.dtype() == DType::f32, "column_sum: ", x.shape(), " into ",
          sum.shape());
  sum_rows(sum, beta, 1.0f, x, Rows{.rows = x.rows(), .row_stride = x.cols()}, "column_sum");
}

}  // namespace lspt
