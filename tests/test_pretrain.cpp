// What pre-training adds to data and training: crops, unlabelled folders, files, rows, pictures.
#include <doctest/doctest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <set>

#include "data/augment.h"
#include "data/loader.h"
#include "models/weights/containers/weight_file.h"
#include "tests/data_fixtures.h"
#include "tests/errors.h"
#include "train/pretrain/picture.h"
#include "train/pretrain/rows.h"
#include "train/pretrain/state.h"

using namespace lspt;

namespace fs = std::filesystem;

namespace {

/// Five pictures in folders of two depths and at the top, and a file that is none.
std::vector<Sample> pictures(const TempFolder& folder) {
  folder.write("photos/a.jpg", jpeg(0));
  folder.write("photos/b/c.jpg", jpeg(1));
  folder.write("photos/b/notes.txt", "no picture");
  folder.write("photos/d/e/f.jpg", jpeg(2));
  folder.write("photos/d/e/g.jpg", jpeg(3, 300, 200));
  folder.write("photos/d/h.jpg", jpeg(4, 17, 23));
  DatasetOptions options;
  options.path = (folder / "photos");
  options.kind = "images";
  return open_dataset(options).train;
}

LoaderOptions crops(int workers = 0) {
  LoaderOptions options;
  options.batch_size = 3;
  options.img_size = 16;
  options.train = true;
  options.transform = Transform::mae;
  options.interpolation = Interpolation::bicubic;
  options.seed = 9;
  options.workers = workers;
  return options;
}

/// Of an epoch, from a batch on: each batch's pixels and numbers.
std::vector<float> epoch_of(Loader& loader, int64_t epoch, int64_t from = 0) {
  std::vector<float> all;
  Batch batch;
  for (loader.start(epoch, from); loader.next(batch);) {
    const std::vector<float> pixels = batch.images.to_vector();
    all.insert(all.end(), pixels.begin(), pixels.end());
    for (const int64_t index : batch.indices) all.push_back(static_cast<float>(index));
  }
  return all;
}

}  // namespace

TEST_CASE("crops are of a fifth to all of an image, 3:4 to 4:3, flipped half of the time") {
  const Size whole{80, 60};
  int flips = 0, count = 4000;
  double least = 1, most = 0, mean = 0;
  for (int i = 0; i < count; ++i) {
    const auto [window, flip] =
        random_resized_crop(whole, Random(1, 0, static_cast<uint64_t>(i), Purpose::augment));
    REQUIRE(window.left >= 0);
    REQUIRE(window.top >= 0);
    REQUIRE(window.left + window.width <= whole.width);
    REQUIRE(window.top + window.height <= whole.height);
    const double share = window.width * window.height / 4800.0;
    const double ratio = static_cast<double>(window.width) / window.height;
    CHECK((ratio > 0.72 && ratio < 1.39));  // a pixel more or less
    least = std::min(least, share);
    most = std::max(most, share);
    mean += share / count;
    flips += flip;
  }
  CHECK(least > 0.18);
  CHECK(least < 0.22);
  CHECK(most > 0.95);
  CHECK((mean > 0.5 && mean < 0.65));  // 0.6, less where large ones did not fit
  CHECK(std::abs(flips - count / 2) < 130);
}

TEST_CASE("an image too narrow for any crop gives its centre, as much as the ratios allow") {
  for (uint64_t i = 0; i < 50; ++i) {
    const auto [window, flip] = random_resized_crop({400, 3}, Random(1, 0, i, Purpose::augment));
    CHECK(window.height <= 3);
    CHECK(window.width <= 4);
  }
  const auto [window, flip] = random_resized_crop({9, 9000}, Random(1, 0, 0, Purpose::augment));
  CHECK((window.width == 9 && window.height == 12 && window.top == 4494));
}

TEST_CASE(
    "a folder of images without labels is read at any depth, where labels are not asked for") {
  const TempFolder folder;
  const auto samples = pictures(folder);
  CHECK(samples.size() == 5);
  CHECK(samples[0].path == (folder / "photos/a.jpg"));
  for (const Sample& sample : samples) CHECK(sample.label == 0);

  folder.write("flat/x.jpg", jpeg(0));
  folder.write("flat/y.jpg", jpeg(1));
  DatasetOptions options;
  options.path = (folder / "flat");
  CHECK(contains(error_of([&] { open_dataset(options); }), "no known layout"));
  options.unlabelled = true;
  const Dataset data = open_dataset(options);
  CHECK(data.layout == "images");
  CHECK(data.train.size() == 2);
  folder.write("flat/class/z.jpg", jpeg(2));
  CHECK(open_dataset(options).train.size() == 3);
  folder.write("none/x.txt", "");
  options.path = (folder / "none");
  CHECK(contains(error_of([&] { open_dataset(options); }), "has no training image"));
}

TEST_CASE("what a masked autoencoder trains on depends on seed, epoch and place alone") {
  const TempFolder folder;
  const auto samples = pictures(folder);
  Loader one(samples, crops()), three(samples, crops(3));
  const std::vector<float> first = epoch_of(one, 0), second = epoch_of(one, 1);
  CHECK(first != second);
  CHECK(first.size() == 5 * (3 * 16 * 16 + 1));
  CHECK(epoch_of(three, 1) == second);
  CHECK(epoch_of(three, 0) == first);
  const std::vector<float> rest = epoch_of(one, 0, 1);
  CHECK(std::equal(rest.rbegin(), rest.rend(), first.rbegin()));
  LoaderOptions other = crops();
  other.seed = 10;
  Loader another(samples, other);
  CHECK(epoch_of(another, 0) != first);
  CHECK(one.decoded() == 5);  // large ones are kept at twice the size, and read once
}

TEST_CASE("without augmentation it is the largest centred square") {
  const TempFolder folder;
  folder.write("x.jpg", jpeg(2, 40, 24));
  LoaderOptions options = crops();
  options.augment = false;
  Loader loader({{(folder / "x.jpg")}}, options);
  Batch batch;
  loader.start(0);
  REQUIRE(loader.next(batch));
  const Image whole = load_image((folder / "x.jpg"));
  Image square(24, 24);
  for (int y = 0; y < 24; ++y) std::copy_n(whole.row(y) + 3 * 8, 72, square.row(y));
  Tensor want({3, 16, 16});
  Normalizer(options.normalization)
      .write(resize(square, 16, 16, Interpolation::bicubic), {}, 16, want.data<float>());
  CHECK(batch.images.to_vector() == want.to_vector());
}

TEST_CASE("a PNG that was written is read back pixel by pixel") {
  for (const auto& [width, height] : {std::pair{1, 1}, std::pair{37, 19}, std::pair{300, 2}}) {
    const Image image = pattern(width, height);
    const std::vector<uint8_t> bytes = encode_png(image);
    const Image back = decode_image(bytes, "written");
    CHECK((back.width == width && back.height == height));
    CHECK(back.pixels == image.pixels);
    CHECK(encode_png(image) == bytes);
  }
}

TEST_CASE("a pre-training checkpoint comes back as it was, and damage is found") {
  const TempFolder folder;
  PretrainState state{
      .model_name = "vit_64x2x1_patch8_32",
      .config = "{}",
      .progress = {.epoch = 3, .step = 2, .updates = 17, .loss_sum = 0.1, .seen = 6},
      .data_sha256 = "abc"};
  state.model["mask_token"] = Tensor::from({1, 2}, {1, 1, 2});
  state.optimizer["exp_avg.mask_token"] = Tensor::from({3, 4}, {1, 1, 2});
  const std::string path = (folder / "last.safetensors");
  save_pretrain_state(path, state);
  const PretrainState back = load_pretrain_state(path);
  CHECK(WeightFile::open(path).metadata().at("model") == state.model_name);
  CHECK(back.config == "{}");
  CHECK(back.data_sha256 == "abc");
  CHECK(back.progress.epoch == 3);
  CHECK(back.progress.step == 2);
  CHECK(back.progress.updates == 17);
  CHECK(back.progress.loss_sum == 0.1);
  CHECK(back.progress.seen == 6);
  CHECK(back.model.at("mask_token").to_vector() == std::vector<float>{1, 2});
  CHECK(back.optimizer.at("exp_avg.mask_token").to_vector() == std::vector<float>{3, 4});

  std::string bytes = read_file(path);
  bytes.back() = static_cast<char>(bytes.back() ^ 1);
  folder.write("damaged", bytes);
  CHECK(contains(error_of([&] { load_pretrain_state((folder / "damaged")); }), "4: "));
  CHECK(contains(error_of([&] { load_pretrain_state((folder / "damaged")); }), "damaged"));
  save_encoder((folder / "encoder"), state.model, state.model_name);
  CHECK(contains(error_of([&] { load_pretrain_state((folder / "encoder")); }),
                 "no last.safetensors that lspt pretrain wrote"));
  state.model["mask_token"] = Tensor::from({1, NAN}, {1, 1, 2});
  CHECK(contains(error_of([&] { save_pretrain_state(path, state); }), "not finite"));
  CHECK(load_pretrain_state(path).progress.epoch == 3);
}

TEST_CASE("rows of pre-training come back from their file, those of later epochs left out") {
  const TempFolder folder;
  const std::vector<PretrainRow> rows = {{1, 0.5, 1e-3, 100, 2.5, NAN},
                                         {2, 0.25, 5e-4, 90, 3, 41.5}};
  folder.write("m.csv", csv_of(rows));
  const auto back = read_pretrain_csv((folder / "m.csv"), 9);
  REQUIRE(back.size() == 2);
  CHECK(std::isnan(back[0].probe_top1));
  CHECK(back[1].probe_top1 == 41.5);
  CHECK(back[1].loss == 0.25);
  CHECK(csv_of(back) == csv_of(rows));
  CHECK(read_pretrain_csv((folder / "m.csv"), 1).size() == 1);
  folder.write("n.csv", "epoch,other\n1,2\n");
  CHECK(read_pretrain_csv((folder / "n.csv"), 9).empty());
}

TEST_CASE("a reconstruction shows the image, what is seen of it, and both visible parts alike") {
  MaeConfig config;
  config.vit = vit_config("vit_32x1x2_patch8_32");
  config.decoder_dim = 32;
  config.decoder_depth = config.decoder_heads = 1;
  const Mae mae(config);
  Batch batch;
  batch.indices = {0, 1};
  batch.images = Tensor({2, 3, 32, 32});
  const Random random(1, 0, 0, Purpose::test);
  for (int64_t i = 0; i < batch.images.numel(); ++i)
    batch.images.data<float>()[i] = random.uniform(static_cast<uint64_t>(i), -1.5f, 1.5f);
  const Image picture = reconstructions(mae, batch, kImageNet);
  REQUIRE((picture.width == 4 + 3 * 100 && picture.height == 4 + 2 * 100));
  const Tensor order = random_order(batch.indices, 16, config.seed, 0);
  for (int b = 0; b < 2; ++b)
    for (int i = 0; i < 16; ++i) {
      const int patch = static_cast<int>(order.data<float>()[b * 16 + i]);
      const int x = 4 + patch % 4 * 24 + 10, y = 4 + 100 * b + patch / 4 * 24 + 10;
      const auto pixel = [&](int column) {
        const uint8_t* p = picture.row(y) + 3 * (x + 100 * column);
        return std::vector<int>(p, p + 3);
      };
      const bool visible = i < 4;
      CHECK((pixel(1) == pixel(0)) == visible);
      CHECK((pixel(2) == pixel(0)) == visible);
      if (!visible) CHECK(pixel(1) == std::vector<int>{124, 116, 104});
    }
}
