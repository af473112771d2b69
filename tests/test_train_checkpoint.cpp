// Checkpoints, metrics, curves and the run folder.
#include <doctest/doctest.h>

#include <cmath>

#include "tests/weights_fixture.h"
#include "train/checkpoint.h"
#include "train/metrics.h"
#include "train/output/run_folder.h"
#include "train/settings/defaults.h"
#include "train/settings/typed.h"

using namespace lspt;
using namespace lspt::testing;

namespace {

/// One setting of a checkpoint as a flag would have it.
void set(Checkpoint& c, const char* flag, const char* value) {
  Options options = options_from_json(c.settings.result_config, "example");
  set_value(options, *find_flag(flag, kTrain), value);
  c.settings = train_settings(options);
}

Checkpoint example() {
  Checkpoint c;
  Options options;
  options.data = "birds";
  resolve(options, std::nullopt);
  c.settings = train_settings(options);
  c.progress = {.epoch = 3,
                .step = 17,
                .updates = 320,
                .loss_sum = 1.0 / 3.0,
                .correct = 5,
                .seen = 9,
                .best_top1 = 200.0 / 3.0,
                .best_epoch = 2,
                .chosen_top1 = 60,
                .chosen_epoch = 3};
  c.backbone = {"/a/mae.pth", 123, std::string(64, 'a'), Tensor::from({1, 2}, {2})};
  c.class_names = {"001.Gull", "tern \"b\"", "caf\xc3\xa9"};
  c.data = {"d", "s", "t", 7};
  c.warnings = {"chance"};
  c.trained["head.weight"] = Tensor::from({1, -2, 3.5f, 1e-30f}, {2, 2});
  c.trained["prompt.0"] = Tensor::from({0.1f}, {1, 1});
  c.optimizer["momentum.prompt.0"] = Tensor::from({7}, {1, 1});
  return c;
}

}  // namespace

TEST_CASE("a checkpoint comes back as it was saved, and the same one gives the same bytes") {
  const TempFolder folder;
  const Checkpoint saved = example();
  save_checkpoint(folder / "a", saved);
  save_checkpoint(folder / "b", saved);
  CHECK(read_file(folder / "a") == read_file(folder / "b"));
  const Checkpoint loaded = load_checkpoint(folder / "a");
  CHECK(loaded.progress.epoch == 3);
  CHECK(loaded.progress.step == 17);
  CHECK(loaded.progress.updates == 320);
  CHECK(loaded.progress.loss_sum == saved.progress.loss_sum);
  CHECK(loaded.progress.best_top1 == saved.progress.best_top1);
  CHECK(loaded.progress.chosen_top1 == 60);
  CHECK(loaded.progress.chosen_epoch == 3);
  CHECK(loaded.warnings == saved.warnings);
  CHECK(loaded.backbone.sketch.to_vector() == std::vector<float>{1, 2});
  CHECK(loaded.class_names == saved.class_names);
  CHECK(loaded.backbone.path == "/a/mae.pth");
  CHECK(loaded.data.images == "s");
  CHECK(loaded.data.times == "t");
  CHECK(loaded.data.newest == 7);
  CHECK(loaded.backbone.bytes == 123);
  CHECK(loaded.settings.result_config == saved.settings.result_config);
  REQUIRE(loaded.trained.size() == 2);
  REQUIRE(loaded.optimizer.size() == 1);
  CHECK(loaded.trained.at("head.weight").to_vector() == std::vector<float>{1, -2, 3.5f, 1e-30f});
  CHECK(loaded.optimizer.at("momentum.prompt.0").to_vector()[0] == 7);
}

TEST_CASE("a checkpoint from before files' sizes were hashed has names alone") {
  const TempFolder folder;
  Checkpoint before = example();
  before.data = {.names = "d"};
  save_checkpoint(folder / "a", before);
  CHECK(read_file(folder / "a").find("data_images") == std::string::npos);
  const DataDigest loaded = load_checkpoint(folder / "a").data;
  CHECK(loaded.names == "d");
  CHECK(loaded.images == "");
  CHECK(same_images(loaded, example().data));
}

TEST_CASE("a run starts with the head of a linear probe of the same features") {
  const TempFolder folder;
  Checkpoint probe = example();
  set(probe, "method", "linear");
  probe.trained["head.bias"] = Tensor::from({5, 6}, {2});
  save_checkpoint(folder / "probe", probe);
  const auto trouble = [&](Checkpoint to) {
    return error_of([&] { head_for(to, folder / "probe"); });
  };

  Checkpoint to = example();
  const NamedTensors head = head_for(to, folder / "probe");
  CHECK(head.size() == 2);
  CHECK(head.at("head.weight").to_vector() == std::vector<float>{1, -2, 3.5f, 1e-30f});
  CHECK(head.at("head.bias").to_vector() == std::vector<float>{5, 6});
  std::swap(to.class_names[0], to.class_names[1]);
  CHECK(contains(trouble(to), "3 other classes, or of these in another order"));
  to = example();
  // Images that the head was fitted to must not judge this run.
  to.data.names = "e";
  CHECK(contains(trouble(to), "was fitted to other images, or another split"));
  set(to, "split-seed", "1");
  CHECK(contains(trouble(to), "was fitted with --split-seed 0, this run has 1"));
  set(to, "val-fraction", "0.2");
  CHECK(contains(trouble(to), "was fitted with --val-fraction 0.1, this run has 0.2"));
  set(to, "img-size", "64");
  CHECK(contains(trouble(to), "was fitted with --img-size 224, this run has 64"));
  set(to, "pos-interpolation", "offset");
  CHECK(contains(trouble(to), "was fitted with --pos-interpolation auto, this run has offset"));
  set(to, "mae-norm", "vpt");
  CHECK(contains(trouble(to), "was fitted with --mae-norm stored, this run has vpt"));
  set(to, "pool", "patches");
  CHECK(contains(trouble(to), "was fitted with --pool token, this run has patches"));
  to.backbone.sha256 = std::string(64, 'b');
  CHECK(trouble(to).find("another backbone") ==
        std::string::npos);  // another file, the same values
  to.backbone.sketch = Tensor::from({1, 2.1f}, {2});
  CHECK(contains(trouble(to), "reads another backbone\n"));
  to.backbone = {};
  CHECK(contains(trouble(to), "expected none: no --weights, random values by the seed"));
  save_checkpoint(folder / "prompts", example());
  CHECK(contains(error_of([&] { head_for(to, folder / "prompts"); }), "what --method lspt tuned"));
  CHECK(contains(error_of([&] { head_for(to, folder / "none"); }), "none does not exist"));
}

TEST_CASE("every single-bit flip of a checkpoint is detected") {
  const TempFolder folder;
  save_checkpoint(folder / "good", example());
  const std::string good = read_file(folder / "good");
  int undetected = 0;
  for (size_t at = 0; at < good.size(); at += 3) {
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ (1 << (at % 8)));
    write_file(folder / "bad", bad);
    const std::string error = error_of([&] { load_checkpoint(folder / "bad"); });
    if (!error.starts_with("4: ")) {
      CAPTURE(at);
      CHECK(error == "an error");
      ++undetected;
    }
  }
  CHECK(undetected == 0);
}

TEST_CASE("a truncated checkpoint, plain weights and a missing file are refused") {
  const TempFolder folder;
  save_checkpoint(folder / "good", example());
  const std::string good = read_file(folder / "good");
  for (size_t size = 0; size < good.size(); size += 97) {
    write_file(folder / "bad", good.substr(0, size));
    CHECK(error_of([&] { load_checkpoint(folder / "bad"); }).starts_with("4: "));
  }
  CHECK(error_of([&] { load_checkpoint(folder / "none"); }).starts_with("4: "));
}

TEST_CASE("a value that is not finite is not saved over a good checkpoint") {
  const TempFolder folder;
  save_checkpoint(folder / "last", example());
  const std::string before = read_file(folder / "last");
  for (const float bad : {NAN, INFINITY, -INFINITY}) {
    Checkpoint diverged = example();
    diverged.trained["prompt.0"] = Tensor::from({bad}, {1, 1});
    CHECK(contains(error_of([&] { save_checkpoint(folder / "last", diverged); }),
                   "prompt.0 is not finite"));
    CHECK(read_file(folder / "last") == before);
  }
}

Dataset three_images() {
  Dataset dataset;
  const FileStamp stamp{.bytes = 10, .modified = 5'000'000'000};
  dataset.train = {{"x/a.jpg", 0, stamp}, {"x/b.jpg", 1, stamp}};
  dataset.test = {{"x/c.jpg", 1, stamp}};
  return dataset;
}

TEST_CASE("another order, label, size or split of the images is another data set") {
  const DataDigest digest = data_digest_of(three_images());
  const auto same = [&](const auto& change) {
    Dataset dataset = three_images();
    change(dataset);
    return same_images(data_digest_of(dataset), digest);
  };
  CHECK(same([](Dataset& d) { d.train[0].path = "elsewhere/a.jpg"; }));
  CHECK(same([](Dataset& d) { d.train[0].stamp.modified = 0; }));
  CHECK_FALSE(same([](Dataset& d) { d.train[0].label = 1; }));
  CHECK_FALSE(same([](Dataset& d) { std::swap(d.train[0], d.train[1]); }));
  CHECK_FALSE(same([](Dataset& d) { d.train[0].stamp.bytes = 11; }));
  // A checkpoint from before has names and labels alone.
  const DataDigest before{.names = digest.names};
  Dataset other = three_images();
  other.train[0].stamp.bytes = 11;
  CHECK(same_images(before, data_digest_of(other)));
  CHECK(before.sha256() == digest.names);
  CHECK(digest.sha256() == digest.images);
}

TEST_CASE("images that were modified since are counted, and one of them named") {
  Dataset now = three_images();
  const DataDigest then = data_digest_of(now);
  CHECK(modified_since(then, now) == "");
  now.test[0].stamp.modified += 999'999'999;  // a copy may have whole seconds
  CHECK(modified_since(then, now) == "");
  now.test[0].stamp.modified += 1;
  CHECK(modified_since(then, now) ==
        "1 of 3 images were modified since the run began, for example x/c.jpg; their names and "
        "sizes are the same");
  now.test[0].stamp.modified = 0;
  CHECK(contains(modified_since(then, now), "other times of modification"));
  CHECK(modified_since({.names = then.names}, now) == "");
}

TEST_CASE("the rank of a label counts larger scores, earlier equal ones and every NaN") {
  const Tensor logits = Tensor::from({1, 3, 2, 3, 3, 3, NAN, 0, 1}, {3, 3});
  CHECK(ranks(logits, {2, 1, 2}) == std::vector<int64_t>{1, 1, 1});
  CHECK(ranks(logits, {1, 0, 0})[2] == 2);
}

TEST_CASE("metrics.csv is read back up to an epoch") {
  const TempFolder folder;
  std::vector<EpochRow> rows;
  for (int64_t epoch = 1; epoch <= 4; ++epoch)
    rows.push_back({epoch, 1.5, 20, 1.25, 40.5, 80, 0.01, 300, 12.5});
  write_file(folder / "m.csv", csv_of(rows));
  const auto some = read_csv(folder / "m.csv", 2);
  REQUIRE(some.size() == 2);
  CHECK(some[1].epoch == 2);
  CHECK(some[1].eval_top1 == 40.5);
  CHECK(csv_of(read_csv(folder / "m.csv", 9)) == csv_of(rows));
  CHECK(read_csv(folder / "none.csv", 9).empty());
  rows[0].eval_top1 = 100.0 / 3;
  CHECK(as_written(rows[0]).eval_top1 == 33.3333);
  CHECK(csv_of({as_written(rows[0])}) == csv_of({rows[0]}));
}

TEST_CASE("curves are drawn for no epoch, one, and one with a loss that is not finite") {
  EpochRow row{1, 1.5, 20, 1.25, 40.5, 80, 0.01, 300, 12.5};
  CHECK(contains(curves_svg({}, "a < b", "val"), "a &lt; b"));
  CHECK(contains(curves_svg({row}, "t", "val"), "<circle"));
  EpochRow bad = row;
  bad.epoch = 2;
  bad.eval_loss = NAN;
  const std::string svg = curves_svg({row, bad}, "t", "val");
  CHECK_FALSE(contains(svg, "nan"));
  CHECK(contains(svg, "</svg>"));
}

TEST_CASE("a run folder is locked, kept clean, and not shared with what is there") {
  const TempFolder parent;
  { const RunFolder unused(parent / "a/b", FolderMode::fresh); }
  CHECK_FALSE(std::filesystem::exists(parent / "a/b"));
  {
    const RunFolder run(parent / "run/", FolderMode::fresh);
    CHECK(run.file("x") == parent / "run/x");
    write_file(run.file("log.txt"), "x");
    CHECK(contains(error_of([&] { RunFolder(parent / "run", FolderMode::resume); }),
                   "another lspt is writing there"));
  }
  CHECK(contains(error_of([&] { RunFolder(parent / "run", FolderMode::fresh); }), "2: --output"));
  { const RunFolder again(parent / "run", FolderMode::resume); }
  CHECK(std::filesystem::exists(parent / "run/log.txt"));
  { const RunFolder over(parent / "run", FolderMode::overwrite); }
  CHECK_FALSE(std::filesystem::exists(parent / "run/log.txt"));
  write_file(parent / "file", "x");
  CHECK(error_of([&] { RunFolder(parent / "file/run", FolderMode::fresh); }).starts_with("7: "));
}
