#include "ops/gate.h"

#include <vector>

#include "engine/memory.h"
#include "engine/parallel.h"
#include "ops/math.h"

namespace lspt {

Var gate(const Var& p_in, const Var& p_out, const Var& logits, int64_t index) {
  require(p_in.shape() == p_out.shape() && p_in.dtype() == p_out.dtype(), "gate: ", p_in.shape(),
          " ", name_of(p_in.dtype()), " with ", p_out.shape(), " ", name_of(p_out.dtype()));
  require(logits.value.rank() == 1 && logits.dtype() == DType::f32 && index >= 0 &&
              index < logits.dim(0),
          "gate: element ", index, " of logits ", logits.shape());
  Tensor y(p_in.shape(), p_in.dtype(), p_in.device());
  gate_forward(y, p_in.value, p_out.value, logits.value, index);
  if (!recording({&p_in, &p_out, &logits})) return y;
  const Tensor in = logits.node ? p_in.value : Tensor();
  const Tensor out = logits.node ? p_out.value : Tensor();
  enum Input { kIn, kOut, kLogits };
  return record("gate", {&p_in, &p_out, &logits}, y,
                [in, out, logits = logits.value, index](Backward& b) {
                  for (const Input input : {kIn, kOut}) {
                    if (!b.wanted(input)) continue;
                    const Tensor dx(b.grad().shape(), b.grad().dtype(), b.grad().device());
                    gate_backward(dx, b.grad(), logits, index, input == kOut);
                    b.add(input, dx);
                  }
                  if (!b.wanted(kLogits)) return;
                  const auto [dlogits, beta] = b.into(kLogits);
                  if (beta == 0.0f) memory::zero(dlogits.raw(), dlogits.nbytes(), dlogits.device());
                  gate_logit_backward(dlogits, b.grad(), in, out, logits, index);
                });
}

namespace cpu {

constexpr int64_t kGrain = 1 << 14;

void gate_forward(const Tensor& y, const Tensor& p_in, const Tensor& p_out, const Tensor& logits,
                  int64_t index) {
  const float g = sigmoid(logits.data<float>()[index]);
  dispatch(y.dtype(), [&]<typename T>() {
    T* out = y.data<T>();
    const T *before = p_in.data<T>(), *after = p_out.data<T>();
    parallel_for(y.numel(), kGrain, [=](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i)
        out[i] = g * static_cast<float>(after[i]) + (1.0f - g) * static_cast<float>(before[i]);
    });
  });
}

void gate_backward(const Tensor& dx, const Tensor& dy, const Tensor& logits, int64_t index,
                   bool out) {
  const float g = sigmoid(logits.data<float>()[index]), factor = out ? g : 1.0f - g;
  dispatch(dx.dtype(), [&]<typename T>() {
    T* to = dx.data<T>();
    const T* gradient = dy.data<T>();
    parallel_for(dx.numel(), kGrain, [=](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) to[i] = factor * static_cast<float>(gradient[i]);
    });
  });
}

void gate_logit_backward(const Tensor& dlogits, const Tensor& dy, const Tensor& p_in,
                         const Tensor& p_out, const Tensor& logits, int64_t index) {
  const float g = sigmoid(logits.data<float>()[index]);
  std::vector<float> partial(static_cast<size_t>((dy.numel() + kGrain - 1) / kGrain));
  dispatch(dy.dtype(), [&]<typename T>() {
    const T *gradient = dy.data<T>(), *before = p_in.data<T>(), *after = p_out.data<T>();
    parallel_for(dy.numel(), kGrain, [&](int64_t begin, int64_t end) {
      float sum = 0;
#pragma omp simd reduction(+ : sum)
      for (int64_t i = begin; i < end; ++i)
        sum += static_cast<float>(gradient[i]) *
               (static_cast<float>(after[i]) - static_cast<float>(before[i]));
      partial[static_cast<size_t>(begin / kGrain)] = sum;
    });
  });
  float total = 0;
  for (float sum : partial) total += sum;
  dlogits.data<float>()[index] += g * (1.0f - g) * total;
}

}  // namespace cpu
}  // namespace lspt
