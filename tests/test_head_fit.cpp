// The head that is fitted exactly, and the epoch that is kept.
#include <doctest/doctest.h>

#include <cmath>

#include "ops/cross_entropy.h"
#include "tests/golden.h"
#include "train/choice.h"
#include "train/head_fit.h"

using namespace lspt;

namespace {

constexpr int64_t kWidth = 32, kClasses = 5;

ModelConfig linear_model() {
  ModelConfig config = golden::config("linear", 2, Pool::token);
  config.num_classes = kClasses;
  config.head_init = HeadInit::zero;
  return config;
}

/// Rows around a centre a class, far from zero and of size `scale`; every fourth label is wrong.
KeptFeatures clusters(int64_t count, float scale, uint64_t seed) {
  KeptFeatures out;
  const Random centres(1, 0, 0, Purpose::test), noise(seed, 0, 1, Purpose::test);
  for (int64_t i = 0; i < count; ++i) {
    const Tensor row({1, kWidth});
    for (int64_t d = 0; d < kWidth; ++d)
      row.data<float>()[d] =
          scale * (3 + centres.normal(static_cast<uint64_t>(i % kClasses * kWidth + d)) +
                   noise.normal(static_cast<uint64_t>(i * kWidth + d)));
    Batch batch;
    batch.labels = {static_cast<int>((i + (i % 4 == 3)) % kClasses)};
    batch.indices = {i};
    out.add(row, batch);
  }
  return out;
}

NamedTensors head_of(Model& model) {
  NamedTensors head;
  for (const Parameter* parameter : model.trainable()) head[parameter->name] = parameter->var.value;
  return head;
}

/// Largest derivative, by W s and b, of mean cross-entropy + decay / 2 |W s|^2 at the model's head.
double slope(Model& model, const KeptFeatures& x, double decay) {
  const NamedTensors head = head_of(model);
  const auto n = static_cast<double>(x.labels.size());
  std::vector<double> mean(kWidth), gradient(kClasses * kWidth), bias(kClasses);
  for (const Tensor& row : x.batches)
    for (size_t d = 0; d < kWidth; ++d) mean[d] += row.data<float>()[d] / n;
  double s = 0;
  for (const Tensor& row : x.batches)
    for (size_t d = 0; d < kWidth; ++d) s += std::pow(row.data<float>()[d] - mean[d], 2);
  s = std::sqrt(s / n / kWidth);
  const float *w = head.at("head.weight").data<float>(), *b = head.at("head.bias").data<float>();
  for (size_t i = 0; i < x.batches.size(); ++i) {
    const float* row = x.batches[i].data<float>();
    std::vector<double> p(kClasses);
    double sum = 0;
    for (size_t k = 0; k < kClasses; ++k) {
      double logit = b[k];
      for (size_t d = 0; d < kWidth; ++d) logit += static_cast<double>(w[k * kWidth + d]) * row[d];
      sum += p[k] = std::exp(logit);
    }
    for (size_t k = 0; k < kClasses; ++k) {
      const double error = p[k] / sum - (static_cast<int>(k) == x.labels[i]);
      bias[k] += error / n;
      for (size_t d = 0; d < kWidth; ++d)
        gradient[k * kWidth + d] += error * (row[d] - mean[d]) / s / n;
    }
  }
  double largest = 0;
  for (size_t i = 0; i < gradient.size(); ++i)
    largest = std::max(largest, std::abs(gradient[i] + decay * s * w[i]));
  for (const double value : bias) largest = std::max(largest, std::abs(value));
  return largest;
}

}  // namespace

TEST_CASE("the fitted head is where the slope is zero, whatever the features' size") {
  for (const float scale : {0.01f, 1.0f, 300.0f}) {
    CAPTURE(scale);
    Model model(linear_model());
    const KeptFeatures train = clusters(200, scale, 7);
    CHECK(slope(model, train, 0.01) > 0.05);
    const FitReport report = fit_head(model, train, {}, 1, true, {.decay = 0.01});
    CHECK(report.decay == 0.01);
    CHECK(report.tried == 0);
    CHECK(report.looks == 200);
    CHECK(slope(model, train, 0.01) < 1e-3);
  }
}

TEST_CASE("the decay is chosen on other images, and the fit is the same the second time") {
  const KeptFeatures train = clusters(120, 1, 7), choice = clusters(400, 1, 8);
  Model model(linear_model()), again(linear_model());
  const FitReport report = fit_head(model, train, choice, 1, true, {});
  CHECK(report.tried >= 4);
  CHECK(report.decay < 1);
  CHECK(report.decay > 1e-4);
  CHECK(slope(model, train, report.decay) < 1e-3);
  fit_head(again, train, choice, 1, true, {});
  for (const auto& [name, value] : head_of(model))
    CHECK(value.to_vector() == head_of(again).at(name).to_vector());

  // No worse on the images chosen on than three times as much decay, or as little.
  const auto loss = [&](double decay) {
    Model other(linear_model());
    fit_head(other, train, {}, 1, true, {.decay = decay});
    KeptFeatures kept;
    double sum = 0;
    for (size_t i = 0; i < choice.batches.size(); ++i) {
      Batch batch;
      batch.images = choice.batches[i];
      batch.labels = {choice.labels[i]};
      batch.indices = {0};
      sum += kept.look(other, batch, one_hot({choice.labels[i]}, kClasses)).loss;
    }
    return sum / static_cast<double>(choice.batches.size());
  };
  CHECK(loss(report.decay) <= loss(report.decay * 3) + 1e-3);
  CHECK(loss(report.decay) <= loss(report.decay / 3) + 1e-3);
}

TEST_CASE(
    "without images to choose on a fifth of the training images is held out, then all fitted") {
  Model model(linear_model());
  const KeptFeatures train = clusters(200, 1, 7);
  const FitReport report = fit_head(model, train, {}, 1, true, {.seed = 3});
  CHECK(report.tried >= 4);
  CHECK(report.decay < 1);
  CHECK(slope(model, train, report.decay) < 1e-3);
}

TEST_CASE("the epoch that is kept: the highest, the last, or the last within a standard error") {
  CHECK(standard_error(50, 100) == doctest::Approx(5));
  CHECK(standard_error(100, 30) == 0);
  const auto kept = [](Choose rule, const std::vector<double>& top1, int64_t images) {
    double highest = -1;
    size_t chosen = 0;
    for (size_t i = 0; i < top1.size(); ++i) {
      if (is_chosen(rule, top1[i], highest, images)) chosen = i + 1;
      highest = std::max(highest, top1[i]);
    }
    return chosen;
  };
  const std::vector<double> curve = {20, 50, 70, 66, 69, 60};
  CHECK(kept(Choose::best, curve, 30) == 3);
  CHECK(kept(Choose::last, curve, 30) == 6);
  CHECK(kept(Choose::one_se, curve, 30) == 5);     // 8.4 %
  CHECK(kept(Choose::one_se, curve, 20) == 6);     // 10.2 %
  CHECK(kept(Choose::one_se, curve, 10000) == 3);  // 0.46 %
  CHECK(kept(Choose::best, {70, 70}, 30) == 1);
  CHECK(kept(Choose::one_se, {100, 100, 99}, 30) == 2);
}
