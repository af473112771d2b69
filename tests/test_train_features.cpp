// Features computed once: .npy files, and training on them against training on images.
#include <cstring>

#include "ops/cross_entropy.h"
#include "tests/data_fixtures.h"
#include "tests/golden.h"
#include "train/inputs/feature_source.h"
#include "train/metrics.h"
#include "train/output/npy.h"
#include "train/step.h"

namespace lspt {
namespace {

TEST_CASE(".npy files are NumPy's to the byte") {
  const TempFolder folder;
  std::vector<float> values;
  for (int i = 0; i < 6; ++i) values.push_back(static_cast<float>(i) / 4 - 1);
  write_npy(folder / "a.npy", 2, [&](FileSink& out) {
    out.write(values.data(), 8);
    out.write(values.data() + 2, 16);
  });
  CHECK(read_file(folder / "a.npy") == read_file("tests/golden/npy/f32.npy"));
  write_npy(folder / "b.npy", {3, -1, int64_t{1} << 40});
  CHECK(read_file(folder / "b.npy") == read_file("tests/golden/npy/i64.npy"));
  CHECK_THROWS_AS(
      write_npy(folder / "c.npy", 2, [&](FileSink& out) { out.write(values.data(), 20); }), Error);
  CHECK_FALSE(std::filesystem::exists(folder / "c.npy"));
}

constexpr int kSamples = 11;

std::vector<Sample> write_samples(const TempFolder& folder) {
  std::vector<Sample> samples;
  for (int k = 0; k < kSamples; ++k)
    samples.push_back({folder.write(std::to_string(k) + ".jpg", jpeg(k, 40 + k, 40)), k % 5});
  return samples;
}

LoaderOptions options_for(bool train) {
  LoaderOptions options;
  options.batch_size = 4;
  options.img_size = 32;
  options.train = train;
  options.augment = false;
  options.workers = 1;
  return options;
}

ModelConfig linear_model(DType dtype, Pool pool) {
  ModelConfig config = golden::config("linear", 3, pool);
  config.method = method_config("linear", 0);
  config.dtype = dtype;
  return config;
}

bool same_bits(const Tensor& a, const Tensor& b) {
  return a.shape() == b.shape() && std::memcmp(a.raw(), b.raw(), a.nbytes()) == 0;
}

/// Three epochs of a linear probe, the second begun in its middle; loss and logits of every step,
/// and after each epoch an evaluation.
std::vector<Tensor> train(Model& model, BatchSource& batches, BatchSource& evaluation) {
  Optimizer optimizer({.kind = OptimizerKind::sgd, .momentum = 0.9f, .weight_decay = 0.01f},
                      model.trainable());
  TrainStep step(model, optimizer);
  std::vector<Tensor> seen;
  Batch batch;
  for (const auto& [epoch, first] : {std::pair{0, 0}, {1, 1}, {2, 0}, {3, 0}, {4, 2}}) {
    batches.start(epoch, first);
    while (batches.next(batch)) {
      const std::vector<int64_t> labels(batch.labels.begin(), batch.labels.end());
      const auto [loss, logits] = step.forward(batch.images, one_hot(labels, 5), {});
      seen.push_back(Tensor::from({loss}, {1}));
      seen.push_back(logits);
      step.update(0.1f);
    }
    const auto e = evaluate(model, evaluation, [](int64_t) { return true; });
    seen.push_back(Tensor::from({static_cast<float>(e->loss), static_cast<float>(e->top1)}, {2}));
  }
  for (const Parameter* parameter : model.trainable()) seen.push_back(parameter->var.value);
  return seen;
}

TEST_CASE("tuning a head, or the last blocks, on kept stems is that on images, to the bit") {
  const TempFolder folder;
  const std::vector<Sample> samples = write_samples(folder);
  for (const DType dtype : {DType::f32, DType::bf16})
    for (const auto& [pool, trained] : {std::pair{Pool::token, Trained::nothing},
                                        {Pool::avg, Trained::nothing},
                                        {Pool::token, Trained::last},
                                        {Pool::avg, Trained::last}}) {
      ModelConfig config = linear_model(dtype, pool);
      config.method.trained = trained;
      Model on_images(config), on_features(config);
      Loader images(samples, options_for(true)), test(samples, options_for(false));
      Loader train_images(samples, options_for(true)), test_images(samples, options_for(false));
      const auto features = features_for(on_features, train_images);
      const auto test_features = features_for(on_features, test_images);
      REQUIRE(features);
      REQUIRE(test_features);
      const auto expected = train(on_images, images, test);
      const auto found = train(on_features, *features, *test_features);
      REQUIRE(found.size() == expected.size());
      for (size_t i = 0; i < found.size(); ++i) {
        CAPTURE(i);
        CHECK(same_bits(found[i], expected[i]));
      }
    }
}

TEST_CASE("an image's features do not depend on the batch it is in") {
  const TempFolder folder;
  const std::vector<Sample> samples = write_samples(folder);
  for (const DType dtype : {DType::f32, DType::bf16}) {
    Model model(linear_model(dtype, Pool::token));
    LoaderOptions options = options_for(false);
    options.batch_size = kSamples;
    Loader loader(samples, options);
    Batch all;
    loader.start(0);
    REQUIRE(loader.next(all));
    const Tensor together = model.features(all.images).value;
    for (const int64_t size : {1, 2, 3, 5, 8})
      for (int64_t at = 0; at + size <= kSamples; ++at)
        CHECK(same_bits(model.features(all.images.slice(at, at + size)).value,
                        together.slice(at, at + size)));
  }
}

// An epoch of the source is an epoch of the loader with features for images.
void expect_features(FeatureSource& source, Loader& loader, Model& model, int64_t epoch) {
  Batch a, b;
  source.start(epoch);
  loader.start(epoch);
  while (loader.next(b)) {
    REQUIRE(source.next(a));
    CHECK(a.number == b.number);
    CHECK(a.indices == b.indices);
    CHECK(a.labels == b.labels);
    CHECK(same_bits(a.images, model.features(b.images).value));
  }
  CHECK_FALSE(source.next(a));
}

TEST_CASE("images are read once, and features follow their labels") {
  const TempFolder folder;
  const std::vector<Sample> samples = write_samples(folder);
  Model model(linear_model(DType::f32, Pool::token));
  Loader images(samples, options_for(true));
  FeatureSource source(model, images);
  Loader loader(samples, options_for(true));
  Batch a;
  for (const int64_t epoch : {0, 1}) {
    expect_features(source, loader, model, epoch);
    CHECK_FALSE(source.next(a));
    std::filesystem::remove_all(folder.path());  // nothing is read from now on; `loader` keeps all
  }
  source.start(7, 1);
  int64_t seen = 0;
  while (source.next(a)) seen += static_cast<int64_t>(a.labels.size());
  CHECK(seen == kSamples - 4);
  CHECK(source.wait_seconds() == 0);
}

TEST_CASE("an image that cannot be read is left out of the kept features too") {
  const TempFolder folder;
  std::vector<Sample> samples = write_samples(folder);
  for (const size_t i : {size_t{2}, size_t{5}}) samples[i].path = folder.write("bad.jpg", "-");
  Model model(linear_model(DType::f32, Pool::token));
  LoaderOptions options = options_for(true);
  options.skip_bad = true;
  for (const int64_t size : {1, 3}) {  // batches of nothing else, and smaller ones
    options.batch_size = size;
    Loader images(samples, options);
    FeatureSource source(model, images);
    Loader loader(samples, options);
    for (const int64_t epoch : {0, 1}) expect_features(source, loader, model, epoch);
    CHECK(source.bad_images().size() == 2);
  }
}

TEST_CASE("features are kept only where they stay") {
  const TempFolder folder;
  const std::vector<Sample> samples = write_samples(folder);
  LoaderOptions augmented = options_for(true);
  augmented.augment = true;
  LoaderOptions evaluation = options_for(false);
  evaluation.augment = true;  // says nothing there
  Model linear(linear_model(DType::f32, Pool::token));
  CHECK(linear.features_stay());
  const auto keeps = [&](Model& model, const LoaderOptions& options) {
    Loader images(samples, options);
    return features_for(model, images) != nullptr;
  };
  CHECK_FALSE(keeps(linear, augmented));
  CHECK(keeps(linear, evaluation));
  for (const std::string& method : method_names()) {
    CAPTURE(method);
    Model model(golden::config(method));
    const bool head_alone = method == "linear" || method == "mlp";
    const bool stays = head_alone || method == "partial";
    CHECK(model.features_stay() == head_alone);
    CHECK(model.frozen_blocks() == (head_alone ? 3 : stays ? 2 : 0));
    CHECK(keeps(model, options_for(true)) == stays);
    CHECK(keeps(model, evaluation) == stays);
  }
}

TEST_CASE("without augmentation training sees what evaluation sees, shuffled") {
  const TempFolder folder;
  const std::vector<Sample> samples = write_samples(folder);
  Loader train(samples, options_for(true)), test(samples, options_for(false));
  Batch all, batch;
  std::vector<Tensor> images(kSamples);
  test.start(0);
  while (test.next(all))
    for (size_t i = 0; i < all.indices.size(); ++i)
      images[static_cast<size_t>(all.indices[i])] =
          all.images.slice(static_cast<int64_t>(i), static_cast<int64_t>(i) + 1);
  train.start(0);
  std::vector<int64_t> order;
  while (train.next(batch))
    for (size_t i = 0; i < batch.indices.size(); ++i) {
      order.push_back(batch.indices[i]);
      CHECK(same_bits(batch.images.slice(static_cast<int64_t>(i), static_cast<int64_t>(i) + 1),
                      images[static_cast<size_t>(batch.indices[i])]));
    }
  CHECK_FALSE(std::is_sorted(order.begin(), order.end()));
}

}  // namespace
}  // namespace lspt
