// Sweeps: what is run, what is chosen, the table; on made-up results.
#include <doctest/doctest.h>

#include <cmath>

#include "data/synth.h"
#include "tests/weights_fixture.h"
#include "train/inputs/inputs.h"
#include "train/settings/defaults.h"
#include "train/settings/typed.h"
#include "train/sweep/comparison.h"
#include "train/sweep/runner.h"

using namespace lspt;
using namespace lspt::testing;

namespace {

Cell made_up(const std::string& lr, int64_t seed, double val, std::optional<double> test = {}) {
  Cell cell{.values = {lr}, .seed = seed};
  cell.result.best_top1 = val;
  cell.result.best_epoch = 4;
  cell.result.settings.schedule.lr = std::stod(lr);
  if (test) cell.result.test = RunResult::Test{*test, 99, *test - 1};
  return cell;
}

Cell lost(const std::string& lr, int64_t seed) {
  Cell cell = made_up(lr, seed, 0);
  cell.result.diverged = "training diverged";
  return cell;
}

std::vector<Axis> lr_axis(std::vector<std::string> values) {
  return {{find_flag("lr", kRun), std::move(values)}};
}

}  // namespace

TEST_CASE("seeds are a number of them or a list") {
  CHECK(parse_seeds("3", 42) == std::vector<int64_t>{42, 43, 44});
  CHECK(parse_seeds("1,5,2", 42) == std::vector<int64_t>{1, 5, 2});
  CHECK(parse_seeds("7,", 42) == std::vector<int64_t>{7});
  for (const char* bad : {"", "0", "-1", "x", "1,x", "1,,2", "1,1", ",", "1.5", "99999"}) {
    CAPTURE(bad);
    CHECK(error_of([&] { parse_seeds(bad, 42); }).starts_with("2: --seed"));
  }
}

TEST_CASE("a value of an axis may be a multiple of the method's own") {
  const Axis lr = parse_axis("lr=3x,1x");
  CHECK(lr.values == std::vector<std::string>{"3x", "1x"});
  CHECK(error_of([] { parse_axis("momentum=2x"); }).starts_with("2: --momentum"));  // one for all
  CHECK(error_of([] { parse_axis("opt=2x"); }).starts_with("2: --opt"));
  Options base;
  base.method = "vpt-deep";
  const Sweep sweep{{lr, parse_axis("opt=adamw")}, {1}};
  const auto rate = [&](const std::string& value, const std::string& opt) {
    Options o = options_of(base, sweep, {.values = {value, opt}, .seed = 1});
    resolve(o, std::nullopt);
    return o.lr;
  };
  CHECK(rate("3x", "adamw") == doctest::Approx(9e-3));
  CHECK(rate("1x", "sgd") == doctest::Approx(0.25));  // of what the other axes say
}

TEST_CASE("methods are compared seed by seed") {
  const auto method = [](std::vector<double> test) {
    Sweep sweep{{}, {1, 2, 3}};
    for (size_t i = 0; i < test.size(); ++i) {
      sweep.cells.push_back(made_up("0.1", sweep.seeds[i], 50, test[i]));
      sweep.cells.back().values = {};
      sweep.cells.back().result.test->images = 400;
      sweep.cells.back().result.trained = 1234;
    }
    return sweep;
  };
  const Sweep deep = method({60, 70, 80}), lspt = method({63, 72, 84});
  const PairedDifference d = paired(lspt, deep);
  CHECK(d.n == 3);
  CHECK(d.mean == doctest::Approx(3));
  CHECK(*d.error == doctest::Approx(1 / std::sqrt(3.0)));  // of 3, 2, 4
  CHECK_FALSE(paired(method({61}), deep).error);
  Sweep short_of_one = method({63, 72});
  CHECK(paired(short_of_one, deep).n == 2);
  short_of_one.cells[0].result.diverged = "it did";
  CHECK(paired(short_of_one, deep).n == 1);

  const std::vector<Compared> all = {{"vpt-deep", deep}, {"lspt", lspt}};
  CHECK(contains(csv_of(all, "vpt-deep"),
                 "vpt-deep,,1234,3,70.0000,10.0000,400,,\nlspt,,1234,3,73.0000,10.5357,400,3.0000,"
                 "0.5774\n"));
  const std::string table = table_of(all, "vpt-deep");
  CHECK(contains(table, "to vpt-deep"));
  CHECK(contains(table, "+3.00 (s.e. 0.58)"));
  CHECK(contains(table, "on these 400 images is 2.2"));
  CHECK(contains(json_of(all, "vpt-deep"), "\"difference\":3"));
}

TEST_CASE("axes are read, and every combination is a setting") {
  const Axis lr = parse_axis("lr=1e-1,3"), decay = parse_axis("weight-decay=0,1e-4");
  CHECK(lr.flag->name == "lr");
  CHECK(lr.values == std::vector<std::string>{"0.1", "3"});
  CHECK(settings_of({lr, decay}) ==
        std::vector<std::vector<std::string>>{
            {"0.1", "0"}, {"0.1", "1e-04"}, {"3", "0"}, {"3", "1e-04"}});
  CHECK(settings_of({}).size() == 1);
  CHECK(cell_name({lr, decay}, {{"3", "0"}, 42}) == "lr=3,weight-decay=0,seed=42");

  const auto refused = [](const std::string& text) {
    return error_of([&] { settings_of({parse_axis(text)}); });
  };
  CHECK(contains(refused("lrr=1"), "2: --sweep: 'lrr=1' found"));
  CHECK(contains(refused("lrr=1"), "did you mean lr?"));
  CHECK(contains(refused("lr"), "FLAG=VALUE"));
  CHECK(contains(refused("lr="), "--lr: ''"));
  CHECK(contains(refused("lr=1,,2"), "--lr: ''"));
  CHECK(contains(refused("lr=1,x"), "--lr: 'x'"));
  CHECK(contains(refused("lr=1,1.0"), "twice"));
  for (const char* no :
       {"seed=1,2", "data=a,b", "weights=a,b", "img-size=32,64", "dtype=f32,bf16", "output=a,b",
        "threads=1,2", "recipe=a,b", "mae-norm=stored,vpt", "model=a,b", "seeds=1"})
    CHECK(contains(refused(no), "a flag of the method expected"));
  CHECK(contains(error_of([&] { settings_of({lr, lr}); }), "twice"));
  CHECK(contains(error_of([&] { settings_of({lr, parse_axis("lr-base=1")}); }), "twice"));
  std::string many = "epochs=1";
  for (int i = 2; i <= 101; ++i) many += "," + std::to_string(i);
  CHECK(contains(error_of([&] {
                   settings_of({parse_axis(many), parse_axis("prompts" + many.substr(6))});
                 }),
                 "more than 10000"));
}

TEST_CASE("the best on validation is chosen, of equals the smallest rate, never a diverged one") {
  const auto best = [](const std::vector<Cell>& cells) {
    const Cell* cell = best_of(cells);
    return cell ? cell->values[0] : "none";
  };
  CHECK(best({made_up("1", 1, 50), made_up("2", 1, 60), made_up("3", 1, 55)}) == "2");
  CHECK(best({made_up("3", 1, 60), made_up("1", 1, 60), made_up("2", 1, 60)}) == "1");
  CHECK(best({lost("1", 1), made_up("2", 1, 0)}) == "2");
  CHECK(best({lost("1", 1), lost("2", 1)}) == "none");
  // The test accuracy has no say.
  CHECK(best({made_up("1", 1, 50, 99), made_up("2", 1, 60, 1)}) == "2");
}

TEST_CASE("mean and deviation are those of a sample") {
  const Spread three = spread_of({70, 72, 77});
  CHECK(three.n == 3);
  CHECK(three.mean == doctest::Approx(73));
  CHECK(*three.deviation == doctest::Approx(std::sqrt(13.0)));  // (9 + 1 + 16) / 2
  CHECK_FALSE(spread_of({5}).deviation);
  CHECK(spread_of({5}).mean == 5);
  CHECK(spread_of({}).n == 0);
  CHECK(*spread_of({4, 4}).deviation == 0);
}

TEST_CASE("the table, the csv and the JSON say the same") {
  Sweep sweep{.axes = lr_axis({"0.1", "1", "9"}), .seeds = {42, 43, 44}};
  sweep.cells = {made_up("0.1", 42, 50), made_up("1", 42, 60, 58), lost("9", 42),
                 made_up("1", 43, 61, 60), lost("1", 44)};
  sweep.chosen = {"1"};
  sweep.cells[1].seconds = 1.25;
  CHECK(
      csv_of(sweep) ==
      "lr,seed,status,chosen,best_epoch,val_top1,test_top1,test_top5,test_mean_class_top1,time_s\n"
      "0.1,42,done,0,4,50.0000,,,,0.0\n"
      "1,42,done,1,4,60.0000,58.0000,99.0000,57.0000,1.2\n"
      "9,42,diverged,0,,,,,,0.0\n"
      "1,43,done,1,4,61.0000,60.0000,99.0000,59.0000,0.0\n"
      "1,44,diverged,1,,,,,,0.0\n");
  CHECK(table_of(sweep) ==
        "Settings:\n"
        "   lr  seed  val Acc@1  best epoch\n"
        "  0.1    42    50.0000           4\n"
        "    1    42    60.0000           4  <- chosen\n"
        "    9    42   diverged           -\n"
        "\n"
        "Seeds of --lr 1:\n"
        "       seed  best epoch  val Acc@1  test Acc@1  test Acc@5  test mean per class\n"
        "         42           4    60.0000     58.0000     99.0000              57.0000\n"
        "         43           4    61.0000     60.0000     99.0000              59.0000\n"
        "         44    diverged          -           -           -                    -\n"
        "       mean                60.5000     59.0000     99.0000              58.0000\n"
        "  std (n-1)                 0.7071      1.4142      0.0000               1.4142\n");
  const std::string json = json_of(sweep);
  CHECK(contains(json, "\"axes\":{\"lr\":[0.1,1,9]}"));
  CHECK(contains(json, "\"chosen\":{\"lr\":1}"));
  CHECK(contains(json, "\"test_top1\":{\"n\":2,\"mean\":59.0,\"std\":1.414"));
  CHECK(contains(json, "{\"lr\":9,\"seed\":42,\"diverged\":true}"));

  // Half way nothing is chosen yet, and nothing says so.
  sweep.chosen = {};
  CHECK_FALSE(contains(table_of(sweep), "chosen"));
  CHECK_FALSE(contains(table_of(sweep), "Seeds"));
  CHECK(contains(json_of(sweep), "\"chosen\":null"));
}

TEST_CASE("runs share images unless they would be other images") {
  TempFolder folder;
  SynthOptions birds;
  birds.output = folder / "birds";
  birds.classes = 2;
  birds.train_per_class = 10;
  birds.test_per_class = 2;
  birds.size = 32;
  synth(birds);
  Options o;
  o.data = birds.output;
  o.model = "vit_tiny_patch16_224";
  resolve(o, std::nullopt);
  Inputs inputs(dataset_options(o));
  const auto train_of = [&](const Options& options) -> Loader& {
    return inputs.train(data_settings(options));
  };
  const auto choice_of = [&](const Options& options) {
    return &inputs.choice(data_settings(options));
  };
  CHECK(inputs.chosen_on() == "val");
  const Loader* first = &train_of(o);
  Options other = o;
  other.lr = 7;
  other.weight_decay = 1;
  other.method = "linear";
  CHECK(&train_of(other) == first);
  CHECK(choice_of(o) != first);
  Batch batch;
  const auto begins = [&](const Options& options) {
    Loader& loader = train_of(options);
    loader.start(0);
    REQUIRE(loader.next(batch));
    return batch.images.to_vector();
  };
  const auto images = begins(o);
  CHECK(begins(other) == images);
  other.seed = 1;
  const Loader* val = choice_of(o);
  CHECK(choice_of(other) == val);  // nothing random about these
  CHECK(begins(other) != images);
  other = o;
  other.batch_size = 2;
  CHECK(begins(other).size() < images.size());
  CHECK(begins(o) == images);
}

TEST_CASE("results.json is read back as it was written") {
  TempFolder folder;
  RunResult result{.data_sha256 = "d",
                   .weights_sha256 = "w",
                   .epochs = 5,
                   .best_epoch = 3,
                   .chosen_on = "val",
                   .best_top1 = 100.0 / 3,
                   .last_top1 = 12.5,
                   .chosen_images = 30,
                   .trained = 7};
  Options options;
  resolve(options, std::nullopt);
  options.lr = 0.3;
  result.settings = train_settings(options);
  CHECK_FALSE(read_result(folder.path()));
  write_file(folder / "results.json", json_of(result, "x"));
  CHECK_FALSE(read_result(folder.path()));  // without its settings it says nothing
  write_file(folder / "config.json", result.settings.config);
  auto read = read_result(folder.path());
  REQUIRE(read);
  CHECK(json_of(*read, "x") == json_of(result, "x"));
  CHECK(read->settings.schedule.lr == 0.3);
  CHECK_FALSE(read->test);
  result.test = RunResult::Test{1, 2, 3, 60};
  result.diverged = "why";
  write_file(folder / "results.json", json_of(result, "x"));
  read = read_result(folder.path());
  CHECK(json_of(*read, "x") == json_of(result, "x"));
  for (const char* bad : {"", "{}", "[1]", "{\"data_sha256\": 3}"}) {
    write_file(folder / "results.json", bad);
    CHECK(error_of([&] { read_result(folder.path()); }).starts_with("2: "));
  }
}
