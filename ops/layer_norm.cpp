#include "ops/layer_norm.h"

#include <cmath>
#include <vector>

#include "engine/narrow.h"
#include "engine/parallel.h"

namespace lspt {

Var layer_norm(const Var& x, const Var& weight, const Var& bias, float eps) {
  const Shape c{x.dim(-1)};
  require(!weight || (weight.shape() == c && weight.dtype() == DType::f32), "layer_norm: weight ",
          weight.shape(), ", expected f32 ", c);
  require(!bias || (bias.shape() == c && bias.dtype() == DType::f32), "layer_norm: bias ",
          bias.shape(), ", expected f32 ", c);
  Tensor y(x.shape(), x.dtype(), x.device());
  const Tensor statistics({x.value.rows(), 2}, DType::f32, x.device());
  layer_norm_forward(y, statistics, x.value, weight.value, bias.value, eps);
  if (!recording({&x, &weight, &bias})) return y;
  enum Input { kX, kWeight, kBias };
  return record("layer_norm", {&x, &weight, &bias}, y,
                [kept = x.value, w = weight.value, statistics, c](Backward& b) {
                  if (b.wanted(kWeight) || b.wanted(kBias)) {
                    const Tensor dw(c, DType::f32, kept.device()), db(c, DType::f32, kept.device());
                    layer_norm_affine_backward(dw, db, b.grad(), kept, statistics);
                    b.add(kWeight, dw);
                    b.add(kBias, db);
                  }
                  if (b.wanted(kX)) {
                    const auto [dx, beta] = b.into(kX);
                    layer_norm_backward(dx, beta, b.grad(), kept, w, statistics);
                  }
                });
}

namespace cpu {
namespace {

constexpr int64_t kRows = 16;  // rows a piece owns

/// One row as float, and room for one more.
struct Scratch {
  explicit Scratch(int64_t width) : x(static_cast<size_t>(width)), g(static_cast<size_t>(width)) {}
  std::vector<float> x, g;
};

}  // namespace

void layer_norm_forward(const Tensor& y, const Tensor& statistics, const Tensor& x,
                        const Tensor& weight, const Tensor& bias, float eps) {
  const int64_t width = x.cols();
  const std::vector<float> ones(static_cast<size_t>(width), 1.0f), zeros(ones.size(), 0.0f);
  const float* w = weight ? weight.data<float>() : ones.data();
  const float* shift = bias ? bias.data<float>() : zeros.data();
  float* stats = statistics.data<float>();
  dispatch(x.dtype(), [&]<typename T>() {
    const T* in = x.data<T>();
    T* out = y.data<T>();
    parallel_for(x.rows(), kRows, [=](int64_t begin, int64_t end) {
      Scratch scratch(width);
      float* row = scratch.x.data();
      for (int64_t i = begin; i < end; ++i) {
        widen(row, in + i * width, width);
        float sum = 0;
#pragma omp simd reduction(+ : sum)
        for (int64_t j = 0; j < width; ++j) sum += row[j];
        const float mean = sum / static_cast<float>(width);
        float squares = 0;
#pragma omp simd reduction(+ : squares)
        for (int64_t j = 0; j < width; ++j) squares += (row[j] - mean) * (row[j] - mean);
        const float rstd = 1.0f / std::sqrt(squares / static_cast<float>(width) + eps);
        for (int64_t j = 0; j < width; ++j) row[j] = (row[j] - mean) * rstd * w[j] + shift[j];
        narrow(out + i * width, row, width);
        stats[2 * i] = mean;
        stats[2 * i + 1] = rstd;
      }
    });
  });
}

void layer_norm_backward(const Tensor& dx, float beta, const Tensor& dy, const Tensor& x,
                         const Tensor& weight, const Tensor& statistics) {
  const int64_t width = x.cols();
  const std::vector<float> ones(static_cast<size_t>(width), 1.0f);
  const float* w = weight ? weight.data<float>() : ones.data();
  const float* stats = statistics.data<float>();
  dispatch(x.dtype(), [&]<typename T>() {
    dispatch(dx.dtype(), [&]<typename D>() {  // f32 if x is itself a parameter
      const T *in = x.data<T>(), *gradient = dy.data<T>();
      D* out = dx.data<D>();
      parallel_for(x.rows(), kRows, [=](int64_t begin, int64_t end) {
        Scratch scratch(width);
        float *n = scratch.x.data(), *g = scratch.g.data();
        for (int64_t i = begin; i < end; ++i) {
          const float mean = stats[2 * i], rstd = stats[2 * i + 1];
          widen(n, in + i * width, width);
          widen(g, gradient + i * width, width);
          float sum_g = 0, sum_gn = 0;
#pragma omp simd reduction(+ : sum_g, sum_gn)
          for (int64_t j = 0; j < width; ++j) {
            n[j] = (n[j] - mean) * rstd;
            g[j] *= w[j];
            sum_g += g[j];
            sum_gn += g[j] * n[j];
          }
          const float mean_g = sum_g / static_cast<float>(width);
          const float mean_gn = sum_gn / static_cast<float>(width);
          D* to = out + i * width;
          for (int64_t j = 0; j < width; ++j) g[j] = rstd * (g[j] - mean_g - n[j] * mean_gn);
          if (beta != 0.0f)
            for (int64_t j = 0; j < width; ++j) g[j] += static_cast<float>(to[j]);
          narrow(to, g, width);
        }
      });
    });
  });
}

void layer_norm_affine_backward(const Tensor& dweight, const Tensor& dbias, const Tensor& dy,
                                const Tensor& x, const Tensor& statistics) {
  const int64_t rows = x.rows(), width = x.cols();
  const float* stats = statistics.data<float>();
  dispatch(x.dtype(), [&]<typename T>() {
    const T *in = x.data<T>(), *gradient = dy.data<T>();
    float *dw = dweight.data<float>(), *db = dbias.data<float>();
    // A piece owns 128 columns and walks down them in row order.
    parallel_for(width, 128, [=](int64_t begin, int64_t end) {
      float sum_w[128] = {}, sum_b[128] = {};
      for (int64_t i = 0; i < rows; ++i) {
        const float mean = stats[2 * i], rstd = stats[2 * i + 1];
        for (int64_t j = begin; j < end; ++j) {
          const float g = gradient[i * width + j];
          sum_w[j - begin] += g * ((static_cast<float>(in[i * width + j]) - mean) * rstd);
          sum_b[j - begin] += g;
        }
      }
      for (int64_t j = begin; j < end; ++j) {
        dw[j] = sum_w[j - begin];
        db[j] = sum_b[j - begin];
      }
    });
  });
}

}  // namespace cpu
}  // namespace lspt
