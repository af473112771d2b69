#include <algorithm>
#include <chrono>
#include <thread>

#include "data/loader.h"
#include "engine/memory.h"
#include "tests/data_fixtures.h"
#include "tests/gpu.h"

namespace lspt {
namespace {

std::vector<Sample> write_samples(const TempFolder& folder, int count) {
  std::vector<Sample> samples;
  for (int k = 0; k < count; ++k)
    samples.push_back(
        {folder.write(std::to_string(k) + ".jpg", jpeg(k, 40 + k % 3, 30 + k)), k % 4});
  return samples;
}

LoaderOptions small(bool train, int workers) {
  LoaderOptions options;
  options.batch_size = 4;
  options.img_size = 24;
  options.train = train;
  options.workers = workers;
  options.seed = 3;
  return options;
}

// Everything an epoch hands out, as one digest, and its order.
std::pair<unsigned long, std::vector<int64_t>> read_epoch(Loader& loader, int64_t epoch,
                                                          int64_t first = 0) {
  unsigned long digest = 0;
  std::vector<int64_t> order;
  Batch batch;
  loader.start(epoch, first);
  while (loader.next(batch)) {
    const Tensor images = to_device(batch.images, Device::cpu);
    digest =
        crc32(digest, static_cast<const Bytef*>(images.raw()), static_cast<uInt>(images.nbytes()));
    order.insert(order.end(), batch.indices.begin(), batch.indices.end());
    CHECK(batch.images.shape() == Shape{static_cast<int64_t>(batch.labels.size()), 3, 24, 24});
    for (size_t i = 0; i < batch.labels.size(); ++i) CHECK(batch.labels[i] == batch.indices[i] % 4);
  }
  return {digest, order};
}

TEST_CASE("evaluation goes through the samples in order, the last batch smaller") {
  const TempFolder folder;
  Loader loader(write_samples(folder, 10), small(false, 2));
  CHECK(loader.batches() == 3);
  const auto [digest, order] = read_epoch(loader, 0);
  CHECK(order == std::vector<int64_t>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9});
  CHECK(read_epoch(loader, 1).first == digest);
  Batch batch;
  CHECK_FALSE(loader.next(batch));
}

TEST_CASE("training shuffles by seed and epoch, and no number of workers changes a bit") {
  const TempFolder folder;
  const std::vector<Sample> samples = write_samples(folder, 19);
  Loader inline_loader(samples, small(true, 0));
  const auto first = read_epoch(inline_loader, 0), second = read_epoch(inline_loader, 1);
  CHECK(first.second != second.second);
  CHECK(first.first != second.first);
  auto sorted = first.second;
  std::sort(sorted.begin(), sorted.end());
  for (int64_t i = 0; i < 19; ++i) CHECK(sorted[static_cast<size_t>(i)] == i);
  for (const int workers : {1, 3}) {
    Loader loader(samples, small(true, workers));
    CHECK(read_epoch(loader, 0) == first);
    CHECK(read_epoch(loader, 1) == second);
    CHECK(read_epoch(loader, 0) == first);
  }
}

TEST_CASE("batches made on the GPU are the CPU's to the bit" * test::needs_gpu()) {
  const TempFolder folder;
  const std::vector<Sample> samples = write_samples(folder, 19);
  for (const bool train : {true, false}) {
    Loader host(samples, small(train, 1));
    // All images stay on the GPU, some do (pieces of 64 MiB or the whole budget), none does; and
    // the host's cache keeps them or not.
    for (const size_t device_bytes : {~size_t{0}, size_t{12} << 10, size_t{0}})
      for (const size_t cache_bytes : {size_t{1} << 30, size_t{0}}) {
        LoaderOptions options = small(train, 2);
        options.device = Device::cuda;
        options.device_bytes = device_bytes;
        options.cache_bytes = cache_bytes;
        Loader loader(samples, options);
        for (const int64_t epoch : {0, 1, 2})
          CHECK(read_epoch(loader, epoch) == read_epoch(host, epoch));
        if (device_bytes > 1 << 20) CHECK(loader.decoded() == 19);
      }
  }
}

TEST_CASE("an epoch resumed at a batch continues with the bits of the whole one") {
  const TempFolder folder;
  Loader loader(write_samples(folder, 14), small(true, 2));
  Batch batch;
  std::vector<std::vector<float>> whole;
  loader.start(5);
  while (loader.next(batch)) whole.push_back(batch.images.to_vector());
  REQUIRE(whole.size() == 4);
  loader.start(5, 2);
  for (size_t i = 2; i < 4; ++i) {
    REQUIRE(loader.next(batch));
    CHECK(batch.images.to_vector() == whole[i]);
  }
  CHECK_FALSE(loader.next(batch));
  loader.start(5, 4);
  CHECK_FALSE(loader.next(batch));
}

TEST_CASE("the second epoch decodes nothing, and a full cache changes no bit") {
  const TempFolder folder;
  const std::vector<Sample> samples = write_samples(folder, 12);
  Loader cached(samples, small(true, 2));
  LoaderOptions options = small(true, 2);
  options.cache_bytes = 10'000;
  Loader bounded(samples, options);
  options.cache_bytes = 0;
  Loader uncached(samples, options);
  for (int64_t epoch = 0; epoch < 2; ++epoch) {
    const auto result = read_epoch(cached, epoch);
    CHECK(read_epoch(bounded, epoch) == result);
    CHECK(read_epoch(uncached, epoch) == result);
  }
  CHECK(cached.decoded() == 12);
  CHECK(bounded.decoded() > 12);
  CHECK(bounded.decoded() < 24);
  CHECK(uncached.decoded() == 24);
}

TEST_CASE("a bad image arrives as its error in next(), and the loader can be started again") {
  const TempFolder folder;
  std::vector<Sample> samples = write_samples(folder, 12);
  const std::string bytes = read_file(samples[6].path);
  folder.write("6.jpg", bytes.substr(0, bytes.size() / 2));
  for (const int workers : {0, 1, 3}) {
    Loader loader(samples, small(false, workers));
    Batch batch;
    loader.start(0);
    CHECK(loader.next(batch));
    const std::string error = error_of([&] { loader.next(batch); });
    CHECK(error.substr(0, 3) == "3: ");
    CHECK(contains(error, "6.jpg: truncated"));
    CHECK_FALSE(loader.next(batch));
    loader.start(0, 2);
    CHECK(loader.next(batch));
    CHECK(batch.indices[0] == 8);
  }
}

TEST_CASE("bad images that are to be left out make their batches smaller, and nothing else") {
  const TempFolder folder;
  std::vector<Sample> samples = write_samples(folder, 14);
  for (const int bad : {1, 4, 5, 6, 7, 13})
    folder.write(std::to_string(bad) + ".jpg",
                 read_file(samples[static_cast<size_t>(bad)].path).substr(0, 200));
  for (const int workers : {0, 1, 3}) {
    LoaderOptions options = small(false, workers);
    options.skip_bad = true;
    Loader loader(samples, options);
    Loader good({samples[0], samples[2], samples[3]}, small(false, 0));
    for (int64_t epoch = 0; epoch < 2; ++epoch) {
      Batch batch, expected;
      loader.start(epoch);
      good.start(epoch);
      std::vector<std::pair<int64_t, std::vector<int64_t>>> read;
      while (loader.next(batch)) {
        read.emplace_back(batch.number, batch.indices);
        CHECK(batch.images.shape()[0] == static_cast<int64_t>(batch.labels.size()));
        for (size_t i = 0; i < batch.labels.size(); ++i)
          CHECK(batch.labels[i] == batch.indices[i] % 4);
        if (batch.number != 0) continue;
        REQUIRE(good.next(expected));
        CHECK(batch.images.to_vector() == expected.images.to_vector());
      }
      // The second batch held bad images alone.
      CHECK(read == std::vector<std::pair<int64_t, std::vector<int64_t>>>{
                        {0, {0, 2, 3}}, {2, {8, 9, 10, 11}}, {3, {12}}});
      const auto bad = loader.bad_images();
      REQUIRE(bad.size() == 6);
      CHECK(bad[0].index == 1);
      CHECK(contains(bad[0].error, "/1.jpg: truncated"));
      CHECK(bad[5].index == 13);
    }
  }
  LoaderOptions options = small(false, 2);
  options.skip_bad = true;
  Loader all_bad({samples[1], samples[4]}, options);
  Batch batch;
  all_bad.start(0);
  CHECK_FALSE(all_bad.next(batch));
  CHECK(all_bad.bad_images().size() == 2);
}

TEST_CASE(
    "VTAB's transform goes straight to the size, and training changes nothing but the order") {
  const TempFolder folder;
  const std::vector<Sample> samples = write_samples(folder, 4);
  for (const Interpolation filter :
       {Interpolation::bilinear, Interpolation::bicubic, Interpolation::tf_bilinear}) {
    LoaderOptions options = small(false, 2);
    options.transform = Transform::vtab;
    options.interpolation = filter;
    Loader eval(samples, options);
    options.train = true;
    Loader train(samples, options);
    Batch batch;
    eval.start(0);
    REQUIRE(eval.next(batch));
    const std::vector<float> values = batch.images.to_vector();
    const size_t one = values.size() / 4;
    for (size_t k = 0; k < 4; ++k) {
      std::vector<float> expected(one);
      const Image image = load_image(samples[k].path);
      const Normalizer normalizer(kImageNet);
      if (filter == Interpolation::tf_bilinear)
        normalizer.write(resize_tf(image, 24, 24), 24, expected.data());
      else
        normalizer.write(resize(image, 24, 24, filter), {}, 24, expected.data());
      CHECK(std::equal(expected.begin(), expected.end(),
                       values.begin() + static_cast<long>(k * one)));
    }
    train.start(3);
    REQUIRE(train.next(batch));
    const std::vector<float> shuffled = batch.images.to_vector();
    for (size_t i = 0; i < 4; ++i) {
      const long at = static_cast<long>(i * one), from = batch.indices[i] * static_cast<long>(one);
      CHECK(std::equal(shuffled.begin() + at, shuffled.begin() + at + static_cast<long>(one),
                       values.begin() + from));
    }
  }
  LoaderOptions options = small(false, 2);
  options.interpolation = Interpolation::tf_bilinear;
  CHECK(contains(error_of([&] { Loader(samples, options); }), "2: loader: tf-bilinear"));
}

TEST_CASE("a loader can be destroyed or restarted at any moment") {
  const TempFolder folder;
  const std::vector<Sample> samples = write_samples(folder, 12);
  for (int round = 0; round < 20; ++round) {
    Loader loader(samples, small(true, 3));
    Batch batch;
    loader.start(0);
    if (round % 4 == 1) loader.next(batch);
    if (round % 4 == 2) loader.start(1);
    if (round % 4 == 3) std::this_thread::sleep_for(std::chrono::milliseconds(round % 3));
  }
  Loader never_started(samples, small(true, 3));
  Batch batch;
  CHECK_FALSE(never_started.next(batch));
  Loader empty({}, small(true, 2));
  empty.start(0);
  CHECK_FALSE(empty.next(batch));
}

TEST_CASE("batches reuse memory: later epochs ask the system for none") {
  const TempFolder folder;
  Loader loader(write_samples(folder, 16), small(true, 2));
  read_epoch(loader, 0);
  const int64_t calls = memory::stats().system_calls;
  for (int64_t epoch = 1; epoch < 4; ++epoch) read_epoch(loader, epoch);
  CHECK(memory::stats().system_calls == calls);
}

TEST_CASE("time spent waiting is counted") {
  const TempFolder folder;
  Loader loader(write_samples(folder, 8), small(true, 0));
  read_epoch(loader, 0);
  CHECK(loader.wait_seconds() > 0);
}

TEST_CASE("options out of range are usage errors") {
  LoaderOptions options;
  options.batch_size = 0;
  CHECK(contains(error_of([&] { Loader({}, options); }), "2: loader: batch size 0"));
  options = {};
  options.img_size = -1;
  CHECK(contains(error_of([&] { Loader({}, options); }), "2: loader: image size -1"));
  options = {};
  options.workers = -1;
  CHECK(contains(error_of([&] { Loader({}, options); }), "2: loader: -1 workers"));
}

}  // namespace
}  // namespace lspt
