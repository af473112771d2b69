// Recipes: the files, the reader, and what goes before what.
#include <doctest/doctest.h>

#include <map>

#include "tests/mutate.h"
#include "tests/weights_fixture.h"
#include "train/settings/defaults.h"
#include "train/settings/recipe_file.h"
#include "train/settings/train_settings.h"

using namespace lspt;
using namespace lspt::testing;

namespace {

namespace fs = std::filesystem;

Options parse(std::vector<const char*> words) {
  words.insert(words.begin(), {"lspt", "train"});
  return parse_command_line(static_cast<int>(words.size()), words.data()).options;
}

std::string refusal(const std::string& text) {
  return error_of([&] { parse_recipe(text, "my.toml"); });
}

/// What --recipe `name` resolves to, as words.
std::map<std::string, std::string> resolved(const std::string& name) {
  Options options = parse({"--recipe", name.c_str(), "--weights", "mae.pth"});
  apply_recipe(options);
  resolve(options, std::nullopt);
  train_settings(options);
  std::map<std::string, std::string> out;
  for (const Flag& flag : flags())
    if (flag.commands & kRun) out[flag.name] = text_of(options, flag);
  return out;
}

}  // namespace

TEST_CASE("every recipe is its file, resolves, and is then what it says") {
  size_t files = 0;
  for (const auto& entry : fs::recursive_directory_iterator("train/recipes"))
    files += entry.path().extension() == ".toml";
  CHECK(embedded_recipes().size() == files);
  CHECK(files > 50);
  std::string before;
  for (const EmbeddedRecipe& embedded : embedded_recipes()) {
    const std::string name = embedded.name;
    CAPTURE(name);
    CHECK(before < name);
    before = name;
    CHECK(recipe_text(name) == read_file("train/recipes/" + name + ".toml"));
    CHECK(recipe_text(name).starts_with("# "));  // its line in the list
    const Recipe recipe = parse_recipe(embedded.text, name);
    const auto words = resolved(name);
    CHECK(words.at("method") == name.substr(0, name.find('/')));
    for (const auto& [flag, word] : recipe.settings) {
      const std::string key = flag->name;
      CAPTURE(key);
      CHECK(words.at(key) == word);
    }
  }
}

TEST_CASE("recipes hold the published numbers") {
  const auto cub = resolved("gapt/cub_mae");  // GaPT's Table 5: batch, prompts, lr, gate init
  CHECK(cub.at("batch-size") == "64");
  CHECK(cub.at("prompts") == "100");
  CHECK(cub.at("lr") == "0.1");
  CHECK(cub.at("gate-init") == "5");
  CHECK(cub.at("pool") == "avg");
  CHECK(cub.at("sched") == "epoch");
  CHECK(cub.at("weight-decay") == "0");
  CHECK(cub.at("recipe") == "gapt/cub_mae");
  const auto pets = resolved("gapt/vtab_oxford_iiit_pet_mocov3");
  CHECK(pets.at("batch-size") == "64");
  CHECK(pets.at("prompts") == "100");
  CHECK(pets.at("lr") == "1");
  CHECK(pets.at("gate-init") == "1");
  CHECK(pets.at("pool") == "token");
  const auto sun = resolved("vpt-deep/vtab_sun397_sup");  // VPT's demo: 25 per 256 images
  CHECK(sun.at("lr") == "12.5");
  CHECK(sun.at("prompts") == "5");
  CHECK(parse_recipe(recipe_text("vpt-deep/vtab_sun397_sup"), "").seeds == "42,44,82,100,800,");
  const auto grid = parse_recipe(recipe_text("vpt-deep/fgvc"), "").sweep;
  REQUIRE(grid.size() == 2);
  CHECK(grid[0].flag->name == "lr-base");
  CHECK(grid[0].values.size() == 9);
  CHECK(grid[1].values == std::vector<std::string>{"0.01", "0.001", "1e-04", "0"});
}

TEST_CASE("the command line goes before the recipe, the recipe before the method") {
  TempFolder folder;
  const std::string path = folder / "mine.toml";
  write_file(path, "method = \"vpt-deep\"\nlr = 3\nepochs = 7\nlog-interval = 2\n");
  Options o = parse({"--recipe", path.c_str(), "--epochs", "9"});
  apply_recipe(o);
  CHECK(o.has("lr"));
  CHECK(o.log_interval == 2);
  resolve(o, std::nullopt);
  CHECK(o.epochs == 9);           // command line
  CHECK(o.lr == 3);               // recipe
  CHECK(o.weight_decay == 0.05);  // vpt-deep's default
  CHECK(o.recipe == path);

  // --lr-base says what --lr says, whoever says it.
  o = parse({"--recipe", path.c_str(), "--lr-base", "2", "--batch-size", "64"});
  apply_recipe(o);
  resolve(o, std::nullopt);
  CHECK(o.lr == 0.5);
  o = parse({"--lr", "1", "--lr-base", "1"});
  CHECK(error_of([&] { resolve(o, std::nullopt); }).starts_with("2: --lr-base: contradicts --lr"));

  CHECK(run_name(o) == "lspt-vit_base_patch16_224");
  o.recipe = path;
  CHECK(run_name(o) == "mine");
  o.recipe = "gapt/cub_mae";
  CHECK(run_name(o) == "gapt-cub_mae");

  // Nor is swept over what the command line has.
  const auto axes = [](std::vector<const char*> words) {
    Options given = parse(std::move(words));
    return apply_recipe(given).sweep.size();
  };
  CHECK(axes({"--recipe", "vpt-deep/fgvc"}) == 2);
  CHECK(axes({"--recipe", "vpt-deep/fgvc", "--lr", "1"}) == 1);
  CHECK(axes({"--recipe", "vpt-deep/fgvc", "--lr-base", "1", "--wd", "0"}) == 0);

  // A recipe's flag counts as given: what the method cannot use is refused.
  o = parse({"--recipe", "gapt/cub_mae", "--method", "linear"});
  apply_recipe(o);
  CHECK(
      contains(error_of([&] { resolve(o, std::nullopt); }), "has no effect with --method linear"));
  CHECK(apply_recipe(o = parse({})).settings.empty());
}

TEST_CASE("a mistake in a recipe is named by file and line") {
  CHECK(refusal("lr = 0.1\nbtch-size = 4\n") ==
        "2: my.toml:2: no flag 'btch-size'; did you mean batch-size?");
  CHECK(contains(refusal("\nmethod = \"gatp\"\n"), "my.toml:2: --method: 'gatp' found"));
  CHECK(contains(refusal("method = \"gatp\""), "did you mean gapt?"));
  CHECK(refusal("lr = \"0.1\"") == "2: my.toml:1: lr: string found, a number expected");
  CHECK(refusal("epochs = 1.5") ==
        "2: my.toml:1: epochs: floating-point found, a whole number expected");
  CHECK(refusal("\n\nmethod = 3") ==
        "2: my.toml:3: method: integer found, a word in quotes expected");
  CHECK(refusal("lstm-share = true") ==
        "2: my.toml:1: lstm-share: boolean found, a whole number expected");
  CHECK(contains(refusal("gspc = 2"), "my.toml:1: --gspc: '2' found, one of 0|1 expected"));
  CHECK(contains(refusal("lr = nan"), "my.toml:1: --lr: 'nan' found"));
  CHECK(contains(refusal("epochs = 0"), "my.toml:1: --epochs: '0' found"));
  CHECK(contains(refusal("lr = 1\nlr = 2"), "my.toml:2: "));
  CHECK(contains(refusal("lr = = 1"), "my.toml:1: "));
  CHECK(contains(refusal("[lr]\nx = 1"), "my.toml:1: lr: table found"));
  for (const char* no : {"resume", "overwrite", "json", "recipe", "seeds", "checkpoint"})
    CHECK(contains(refusal(std::string(no) + " = 1"), "my.toml:1: no flag '"));
  CHECK(contains(refusal("sweep = 1"), "my.toml:1: sweep: a table"));
  CHECK(contains(refusal("[sweep]\nlr = 1"), "my.toml:2: lr: in [sweep] a list"));
  CHECK(contains(refusal("[sweep]\nlr = []"), "my.toml:2: lr: in [sweep] a list"));
  CHECK(contains(refusal("[sweep]\nlr = [1, \"x\"]"), "my.toml:2: lr: string found"));
  CHECK(contains(refusal("[sweep]\nimg-size = [32]"), "my.toml:2: img-size: cannot be swept"));
  CHECK(contains(refusal(std::string((1 << 14) + 1, '\n')), "bytes, a recipe of at most"));
  CHECK(refusal("") == "");
  CHECK(refusal("lr = 1\n[sweep]\nlr = [1, 2.5]\nseeds = [7]\n") == "");
}

TEST_CASE("an unknown recipe is refused with the nearest name") {
  const auto refused = [](const char* name) { return error_of([&] { recipe_text(name); }); };
  CHECK(contains(refused("gapt/cub_mea"),
                 "2: --recipe gapt/cub_mea: no such recipe; did you mean "
                 "gapt/cub_mae?"));
  CHECK(contains(refused("nonsense"), "`lspt recipes` lists them"));
  CHECK(contains(refused("absent.toml"), "absent.toml"));
  CHECK(refused("absent.toml").starts_with("2: "));
}

TEST_CASE("damaged recipes are refused or harmless") {
  const std::string text = recipe_text("gapt/cub_mae");
  int refused = 0, read = 0;
  for_each_mutation(text, 1, 10000, [&](const std::string& bytes) {
    const std::string error = error_of([&] { parse_recipe(bytes, "my.toml"); });
    ++(error.empty() ? read : refused);
    if (!error.empty()) CHECK(error.starts_with("2: my.toml:"));
  });
  CHECK(refused > 1000);
  CHECK(read > 100);
  CHECK(contains(refusal("[/"), "my.toml:1: "));
  // Nested deeper than anything sensible: an error, not a full stack.
  CHECK(refusal("lr = " + std::string(16000, '[')) != "");
  std::string tables = "lr";
  for (int i = 0; i < 8000; ++i) tables += ".a";
  CHECK(refusal(tables + " = 1") != "");
  CHECK(refusal("[" + tables + "]") != "");
  CHECK(refusal("x = [{" + tables + " = [{ y = 1 }]}]") != "");
  CHECK(refusal(std::string(1 << 20, 'a')) != "");
}
