#include "ops/cross_entropy.h"

#include "engine/parallel.h"
#include "ops/math.h"

namespace lspt {

Var cross_entropy(const Var& logits, const Tensor& wanted) {
  const Tensor targets = to_device(wanted, logits.device());
  require(logits.value.rank() == 2 && targets.shape() == logits.shape() &&
              targets.dtype() == DType::f32 && logits.value.numel() > 0,
          "cross_entropy: targets ", targets.shape(), " ", name_of(targets.dtype()), " for logits ",
          logits.shape(), ", expected f32 of the same (B, K)");
  Tensor loss({1}, DType::f32, logits.device());
  const Tensor log_sum({logits.dim(0)}, DType::f32, logits.device());
  cross_entropy_forward(loss, log_sum, logits.value, targets);
  if (!recording({&logits})) return loss;
  return record("cross_entropy", {&logits}, loss,
                [kept = logits.value, targets, log_sum](Backward& b) {
                  const Tensor dlogits(kept.shape(), kept.dtype(), kept.device());
                  cross_entropy_backward(dlogits, b.grad(), log_sum, kept, targets);
                  b.add(0, dlogits);
                });
}

Tensor one_hot(const std::vector<int64_t>& labels, int64_t classes, float smoothing) {
  Tensor targets({static_cast<int64_t>(labels.size()), classes});
  fill(targets, smoothing / static_cast<float>(classes));
  float* row = targets.data<float>();
  for (int64_t label : labels) {
    require(label >= 0 && label < classes, ErrorKind::kData, "one_hot: label ", label,
            ", expected 0 to ", classes - 1);
    row[label] += 1.0f - smoothing;
    row += classes;
  }
  return targets;
}

namespace cpu {

void cross_entropy_forward(const Tensor& loss, const Tensor& log_sum, const Tensor& logits,
                           const Tensor& targets) {
  const int64_t rows = logits.dim(0), classes = logits.dim(1);
  const Tensor losses({rows});
  dispatch(logits.dtype(), [&]<typename T>() {
    parallel_for(rows, 4, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const T* x = logits.data<T>() + i * classes;
        const float* target = targets.data<float>() + i * classes;
        float largest = x[0], sum = 0, row_loss = 0;
#pragma omp simd reduction(max : largest)
        for (int64_t k = 0; k < classes; ++k) largest = std::max<float>(largest, x[k]);
#pragma omp simd reduction(+ : sum)
        for (int64_t k = 0; k < classes; ++k) sum += exp_approx(static_cast<float>(x[k]) - largest);
        const float log_of_sum = largest + std::log(sum);
#pragma omp simd reduction(+ : row_loss)
        for (int64_t k = 0; k < classes; ++k)
          row_loss += target[k] * (log_of_sum - static_cast<float>(x[k]));
        log_sum.data<float>()[i] = log_of_sum;
        losses.data<float>()[i] = row_loss;
      }
    });
  });
  double total = 0;
  for (int64_t i = 0; i < rows; ++i) total += losses.data<float>()[i];
  loss.data<float>()[0] = static_cast<float>(total / static_cast<double>(rows));
}

void cross_entropy_backward(const Tensor& dlogits, const Tensor& dloss, const Tensor& log_sum,
                            const Tensor& logits, const Tensor& targets) {
  const int64_t rows = logits.dim(0), classes = logits.dim(1);
  const float scale = dloss.data<float>()[0] / static_cast<float>(rows);
  dispatch(logits.dtype(), [&]<typename T>() {
    parallel_for(rows, 4, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const T* x = logits.data<T>() + i * classes;
        const float* target = targets.data<float>() + i * classes;
        const float log_of_sum = log_sum.data<float>()[i];
        T* dx = dlogits.data<T>() + i * classes;
        for (int64_t k = 0; k < classes; ++k)
          dx[k] = scale * (exp_approx(static_cast<float>(x[k]) - log_of_sum) - target[k]);
      }
    });
  });
}

}  // namespace cpu
}  // namespace lspt
