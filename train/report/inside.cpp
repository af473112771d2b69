#include "train/report/inside.h"

#include <algorithm>
#include <cmath>

namespace lspt {

namespace {

/// Rows (..., D) less their mean.
Tensor without_mean(const Tensor& x) {
  const auto width = static_cast<size_t>(x.cols());
  std::vector<float> values = x.to_vector();
  std::vector<double> mean(width);
  for (size_t i = 0; i < values.size(); ++i)
    mean[i % width] += static_cast<double>(values[i]) / static_cast<double>(x.rows());
  for (size_t i = 0; i < values.size(); ++i) values[i] -= static_cast<float>(mean[i % width]);
  return Tensor::from(values, x.shape());
}

}  // namespace

Tensor prompt_similarity(const std::vector<Tensor>& entering, bool own) {
  if (own) {
    std::vector<Tensor> rest;
    for (const Tensor& rows : entering) rest.push_back(without_mean(rows));
    return prompt_similarity(rest);
  }
  const auto blocks = static_cast<int64_t>(entering.size());
  require(blocks > 0, "prompt_similarity: no prompts");
  int64_t images = 1;
  for (const Tensor& rows : entering)
    if (rows.rank() == 3) images = rows.dim(0);
  const int64_t width = entering[0].cols(), prompts = entering[0].dim(-2 + entering[0].rank()),
                rows = images * prompts;
  // Row r of block l; the same for all images where the block's rows are.
  const auto row = [&](int64_t l, int64_t r) {
    const Tensor& of = entering[static_cast<size_t>(l)];
    return of.data<float>() + (of.rank() == 3 ? r : r % prompts) * width;
  };
  const auto dot = [&](const float* x, const float* y) {
    double sum = 0;
    for (int64_t c = 0; c < width; ++c)
      sum += static_cast<double>(x[c]) * static_cast<double>(y[c]);
    return sum;
  };
  const Tensor out({blocks, blocks});
  for (int64_t a = 0; a < blocks; ++a)
    for (int64_t b = a; b < blocks; ++b) {
      double sum = 0;
      for (int64_t r = 0; r < rows; ++r) {
        const float *x = row(a, r), *y = row(b, r);
        const double lengths = std::sqrt(dot(x, x) * dot(y, y));
        if (lengths > 0) sum += dot(x, y) / lengths;
      }
      out.data<float>()[a * blocks + b] = out.data<float>()[b * blocks + a] =
          static_cast<float>(sum / static_cast<double>(rows));
    }
  return out;
}

Likeness likeness_of(const Tensor& similarity) {
  const int64_t blocks = similarity.dim(0);
  Likeness out;
  for (int64_t a = 0; a + 1 < blocks; ++a)
    for (int64_t b = a + 1; b < blocks; ++b) {
      const double s = static_cast<double>(similarity.data<float>()[a * blocks + b]);
      out.all += 2 * s / static_cast<double>(blocks * (blocks - 1));
      if (b == a + 1) out.neighbours += s / static_cast<double>(blocks - 1);
    }
  return out;
}

Tensor gate_summary(const std::vector<Tensor>& gates) {
  const auto steps = static_cast<int64_t>(gates.size());
  const Tensor out({steps, 4, kGateColumns});
  std::vector<float> values;
  for (int64_t step = 0; step < steps; ++step) {
    const Tensor& of = gates[static_cast<size_t>(step)];
    const int64_t units = of.cols() / 4;
    for (int64_t gate = 0; gate < 4; ++gate) {
      values.clear();
      for (int64_t r = 0; r < of.rows(); ++r) {
        const float* from = of.data<float>() + r * of.cols() + gate * units;
        values.insert(values.end(), from, from + units);
      }
      double mean = 0, squares = 0;
      for (const float v : values) mean += static_cast<double>(v);
      mean /= static_cast<double>(values.size());
      for (const float v : values) {
        const double d = static_cast<double>(v) - mean;
        squares += d * d;
      }
      float* to = out.data<float>() + (step * 4 + gate) * kGateColumns;
      to[kMean] = static_cast<float>(mean);
      to[kDeviation] = static_cast<float>(std::sqrt(squares / static_cast<double>(values.size())));
      for (const auto& [column, part] : {std::pair{kLow, 0.1}, {kMedian, 0.5}, {kHigh, 0.9}}) {
        const auto at = values.begin() +
                        static_cast<int64_t>(part * static_cast<double>(values.size() - 1) + 0.5);
        std::nth_element(values.begin(), at, values.end());
        to[column] = *at;
      }
    }
  }
  return out;
}

Gaze gaze_of(const Tensor& attention, int64_t image, int64_t patches) {
  const int64_t heads = attention.dim(1), keys = attention.cols();
  require(keys > patches, "gaze_of: ", keys, " keys, ", patches, " of them patches");
  Gaze out;
  out.patches.resize(static_cast<size_t>(patches));
  for (int64_t h = 0; h < heads; ++h) {
    const float* p = attention.data<float>() + (image * heads + h) * keys;
    const auto part = [&](int64_t i) {
      return static_cast<double>(p[i]) / static_cast<double>(heads);
    };
    out.itself += part(0);
    for (int64_t i = 1; i < keys - patches; ++i) out.prompts += part(i);
    for (int64_t i = 0; i < patches; ++i)
      out.patches[static_cast<size_t>(i)] += static_cast<float>(part(keys - patches + i));
  }
  return out;
}

PromptLook look_at_prompts(const Model& model, const Tensor& images) {
  Probe probe{.values = true};
  model.look(images, probe);
  PromptLook out;
  if (!probe.entering.empty()) {
    out.similarity = prompt_similarity(probe.entering);
    out.own_similarity = prompt_similarity(probe.entering, true);
  }
  if (!probe.gates.empty()) out.gates = gate_summary(probe.gates);
  return out;
}

}  // namespace lspt
