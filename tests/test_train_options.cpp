// The flag table, the command line and the recipes.
#include <doctest/doctest.h>

#include "tests/weights_fixture.h"
#include "train/command_line/manual.h"
#include "train/settings/defaults.h"
#include "train/settings/train_settings.h"
#include "train/version.h"

using namespace lspt;
using namespace lspt::testing;

namespace {

Invocation parse(std::vector<const char*> words) {
  words.insert(words.begin(), "lspt");
  return parse_command_line(static_cast<int>(words.size()), words.data());
}

std::string refusal(const std::vector<const char*>& words) {
  return error_of([&] { parse(words); });
}

}  // namespace

TEST_CASE("a command line becomes options, by every spelling of a flag") {
  const auto o = parse({"train", "--data-dir", "d", "-b", "32", "--lr=1e-3", "--num-prompts", "7",
                        "--method", "vpt-deep", "--overwrite"})
                     .options;
  CHECK(o.data == "d");
  CHECK(o.batch_size == 32);
  CHECK(o.lr == 1e-3);
  CHECK(o.prompts == 7);
  CHECK(o.method == "vpt-deep");
  CHECK(o.overwrite);
  CHECK(o.has("lr"));
  CHECK_FALSE(o.has("epochs"));
  CHECK(parse({"predict", "--checkpoint", "c", "a.jpg", "b.jpg"}).options.files.size() == 2);
}

TEST_CASE("an unknown flag, command or choice is refused with the nearest spelling") {
  CHECK(contains(refusal({"train", "--batch-szie", "4"}), "2: lspt train: no flag --batch-szie"));
  CHECK(contains(refusal({"train", "--batch-szie", "4"}), "did you mean --batch-size?"));
  CHECK(contains(refusal({"trian"}), "did you mean train?"));
  CHECK(contains(refusal({"train", "--method", "lsptt"}), "did you mean lspt?"));
  CHECK_FALSE(contains(refusal({"train", "--frobnicate"}), "did you mean"));
  CHECK(contains(refusal({"eval", "--epochs", "3"}), "no flag --epochs"));
  CHECK(refusal({}).starts_with("2: "));
}

TEST_CASE("numbers must be numbers, finite and in range") {
  for (const char* bad : {"nan", "inf", "-1", "1,5", "", "1e99", "0x10", " 1"}) {
    CAPTURE(bad);
    CHECK(contains(refusal({"train", "--lr", bad}), "2: --lr: '"));
  }
  for (const char* bad : {"0", "1.5", "1e3", "99999999999999999999", "many"}) {
    CAPTURE(bad);
    CHECK(
        contains(refusal({"train", "--epochs", bad}), "a whole number from 1 to 100000 expected"));
  }
  CHECK(parse({"train", "--gate-init", "-5"}).options.gate_init == -5);
  CHECK(contains(refusal({"train", "--lr"}), "2: command line: "));
  CHECK(contains(refusal({"convert", "a"}), "2: command line: "));
}

TEST_CASE("help of every command names each of its flags, an example and the exit codes") {
  CHECK(contains(parse({"--help"}).text, "synth"));
  CHECK(contains(parse({"--version"}).text, kVersion));
  for (const Command& command : commands()) {
    CAPTURE(command.name);
    const std::string help = parse({command.name.c_str(), "--help"}).text;
    for (const Flag& flag : flags()) {
      CAPTURE(flag.name);
      if (flag.commands & command.bit) CHECK(contains(help, "--" + flag.name));
    }
    CHECK(contains(help, command.example));
    CHECK(contains(help, "Exit codes"));
  }
  CHECK(contains(parse({"train", "--help"}).text, "momentum of sgd [0.9]"));
}

TEST_CASE("the manual page and every shell's completion know each command and flag") {
  const std::string page = man_page(), bash = completion_for("bash"), zsh = completion_for("zsh"),
                    fish = completion_for("fish");
  for (const Flag& flag : flags()) {
    CAPTURE(flag.name);
    std::string escaped = "\\-\\-";
    for (const char c : flag.name) escaped += c == '-' ? "\\-" : std::string(1, c);
    CHECK(contains(page, "\\fB" + escaped + "\\fR"));
    CHECK(contains(fish, "-l " + flag.name + " "));
    for (const std::string& name : spellings_of(flag)) {
      CHECK(contains(bash, name));
      CHECK(contains(zsh, name + (flag.value.empty() ? "[" : name[1] == '-' ? "=[" : "+[")));
    }
    for (const std::string& choice : choices_of(flag)) CHECK(contains(bash, choice));
  }
  for (const Command& command : commands()) {
    CAPTURE(command.name);
    CHECK(contains(page, ".SS \"lspt " + command.name));
    CHECK(contains(bash, "*:" + command.name + ")"));
    CHECK(contains(zsh, command.name + ") _arguments"));
    CHECK(contains(fish, "-a " + command.name + " "));
  }
  CHECK(contains(error_of([] { completion_for("csh"); }), "2: completion: 'csh'"));
}

TEST_CASE("no command has two flags with one spelling, and every default passes its own check") {
  for (const Command& command : commands()) {
    std::set<std::string> seen;
    for (const Flag* entry : flags_of(command.bit)) {
      const Flag& flag = *entry;
      CAPTURE(flag.name);
      CHECK(seen.insert(flag.name).second);
      Options options;
      const std::string value = flag.fallback.empty() ? text_of(options, flag) : flag.fallback;
      if (!value.empty() && flag.default_text.empty())
        CHECK(error_of([&] { set_value(options, flag, value); }) == "");
    }
  }
}

TEST_CASE("options survive JSON exactly, and foreign JSON is refused") {
  Options options =
      parse({"train", "--data", "d \"q\"", "--lr", "0.1", "--weight-decay", "1e-300", "--seed",
             "9007199254740991", "--lstm-share", "0", "--mean-scope", "patches+cls"})
          .options;
  resolve(options, std::nullopt);
  const std::string text = to_json(options, true);
  CHECK(to_json(options_from_json(text, "file"), true) == text);
  CHECK(options_from_json(text, "file").weight_decay == 1e-300);
  CHECK_FALSE(options_from_json(text, "file").lstm_share);
  for (const char* bad :
       {"", "[]", "{\"nonsense\": 1}", "{\"lr\": \"x\"}", "{\"lr\": [1]}", "{\"epochs\": -1}",
        "{\"method\": \"magic\"}", "{\"no-aug\": 1}", "{\"data\": null}"})
    CHECK(error_of([&] { options_from_json(bad, "file"); }).starts_with("4: file:"));
  CHECK(
      contains(error_of([&] { options_from_json("{\n\"epocs\": 1}", "file"); }),
               "4: file:2: setting \"epocs\" is not known to this version; did you mean \"epochs"));
}

TEST_CASE("recipes fill what was not given and nothing else") {
  Options deep = parse({"train", "--method", "vpt-deep", "--lr", "3"}).options;
  resolve(deep, std::nullopt);
  CHECK(deep.lr == 3);
  CHECK(deep.prompts == 10);
  CHECK(deep.weight_decay == 0.05);
  CHECK(deep.epochs == 30);
  CHECK(deep.warmup_epochs == 2);
  CHECK(deep.init_head == "zero");
  CHECK(deep.validation_batch_size == deep.batch_size);
  CHECK(deep.pool == "token");

  Options full = parse({"train", "--method", "full"}).options;
  resolve(full, std::nullopt);
  CHECK(full.opt == "adamw");
  // Random values learn nothing below a head of zeros.
  CHECK(full.init_head == "vpt");
  CHECK(full.lr == 1e-3);
  CHECK(full.head_lr_mult == 1);
  Options tuned = parse({"train", "--method", "full", "--weights", "w"}).options;
  resolve(tuned, std::nullopt);
  CHECK(tuned.init_head == "zero");
  CHECK(tuned.lr == 1e-5);
  CHECK(tuned.head_lr_mult == 100);

  // Without epochs to spare there is no warm-up.
  Options one = parse({"train", "--epochs", "1"}).options;
  resolve(one, std::nullopt);
  CHECK(one.warmup_epochs == 0);

  // What SGD is told is not what AdamW is.
  Options sgd = parse({"train", "--method", "vpt-deep", "--opt", "sgd"}).options;
  resolve(sgd, std::nullopt);
  CHECK(sgd.lr == 0.25);
  CHECK(sgd.weight_decay == 0.001);
}

TEST_CASE("a linear head is fitted, and looked at images for once where nothing is random") {
  const auto resolved = [](std::vector<const char*> words) {
    words.insert(words.begin(), {"train", "--method", "linear"});
    Options options = parse(words).options;
    resolve(options, std::nullopt);
    return options;
  };
  CHECK(resolved({}).opt == "lbfgs");
  CHECK(resolved({"--epochs", "20"}).epochs == 20);
  CHECK(resolved({"--epochs", "20", "--no-aug"}).epochs == 1);
  CHECK(resolved({"--epochs", "20", "--transform", "vtab"}).epochs == 1);
  CHECK(resolved({"--epochs", "20", "--no-aug", "--opt", "sgd"}).epochs == 20);
  CHECK(contains(error_of([&] { resolved({"--lr", "1"}); }), "--lr: has no effect"));
  Options lspt = parse({"train", "--opt", "lbfgs"}).options;
  CHECK(contains(error_of([&] { resolve(lspt, std::nullopt); }), "2: --opt lbfgs"));
}

TEST_CASE("means and position embeddings are what the weights' authors make of them") {
  const auto resolved = [](std::vector<const char*> words, const WeightsHint& hint) {
    words.insert(words.begin(), "train");
    Options options = parse(words).options;
    resolve(options, hint);
    return options;
  };
  CHECK(resolved({}, {.family = Family::mae}).fc_norm == "1");
  CHECK(resolved({"--pool", "avg"}, {.family = Family::dinov2}).fc_norm == "0");
  CHECK(resolved({"--pool", "avg"}, {.family = Family::hf_vit}).fc_norm == "0");
  CHECK(resolved({"--pool", "avg"}, {.family = Family::timm}).fc_norm == "0");
  CHECK(resolved({"--pool", "avg", "--fc-norm", "1"}, {.family = Family::timm}).fc_norm == "1");
  CHECK(resolved({}, {.family = Family::lspt, .pool = "avg", .fc_norm = "1"}).fc_norm == "1");
  CHECK(resolved({}, {.resample = Resample::offset}).pos_interpolation == "offset");
  Options token = parse({"train", "--fc-norm", "0"}).options;
  CHECK(contains(error_of([&] { resolve(token, std::nullopt); }), "2: --fc-norm: has no effect"));
  Options none = parse({"train", "--pos-interpolation", "bicubic"}).options;
  CHECK(contains(error_of([&] { resolve(none, std::nullopt); }), "2: --pos-interpolation: has no"));
}

TEST_CASE("the first head is fitted where one of zeros would take long: to MAE's means") {
  const auto head = [](std::vector<const char*> words, std::optional<Family> family) {
    words.insert(words.begin(), "train");
    Options options = parse(words).options;
    resolve(options, family ? std::optional(WeightsHint{.family = *family}) : std::nullopt);
    return options.init_head;
  };
  CHECK(head({}, Family::mae) == "fit");
  CHECK(head({"--method", "full"}, Family::hf_vit_mae) == "fit");
  CHECK(head({"--method", "linear"}, Family::mae) == "zero");  // is fitted anyway
  CHECK(head({"--init-head", "zero"}, Family::mae) == "zero");
  CHECK(head({}, Family::dinov2) == "zero");
  CHECK(head({"--method", "full"}, std::nullopt) == "vpt");
  Options fit = parse({"train", "--init-head", "fit"}).options;
  resolve(fit, std::nullopt);
  CHECK(train_settings(fit).fits_head);
  CHECK(train_settings(fit).head_from.empty());
}

TEST_CASE("weights decide pooling, normalization and GaPT's rate") {
  const auto resolved = [](Family family) {
    Options options = parse({"train", "--method", "gapt", "--opt", "sgd"}).options;
    resolve(options, WeightsHint{.family = family});
    return options;
  };
  CHECK(resolved(Family::mae).pool == "avg");
  CHECK(resolved(Family::mae).lr == 0.1);
  CHECK(resolved(Family::moco_v3).pool == "token");
  CHECK(resolved(Family::moco_v3).lr == 1.0);
  CHECK(resolved(Family::timm).normalization == "half");
  CHECK(resolved(Family::google).normalization == "half");
  CHECK(resolved(Family::dinov2).normalization == "imagenet");
  CHECK(resolved(Family::dino).normalization == "imagenet");
}

TEST_CASE("every method's recipe describes a model of that method") {
  for (const std::string& method : method_names()) {
    CAPTURE(method);
    Options options = parse({"train", "--method", method.c_str()}).options;
    resolve(options, std::nullopt);
    const MethodConfig got_method = train_settings(options).model.method;
    const PromptConfig& got = got_method.prompt;
    const MethodConfig want_method = method_config(method, static_cast<int>(options.prompts));
    const PromptConfig& want = want_method.prompt;
    CHECK(got.prompts == want.prompts);
    CHECK(got_method.trained == want_method.trained);
    CHECK(got_method.linear() == want_method.linear());
    if (got.prompts == 0) continue;
    CHECK(got.new_prompts == want.new_prompts);
    CHECK(got.carry == want.carry);
    CHECK(got.gspc == want.gspc);
    CHECK(got.attn_temp == want.attn_temp);
  }
}

TEST_CASE("a switch that would do nothing is refused") {
  const auto refused = [](std::vector<const char*> words) {
    words.insert(words.begin(), "train");
    Options options = parse(words).options;
    return error_of([&] { resolve(options, std::nullopt); });
  };
  CHECK(contains(refused({"--method", "linear", "--prompts", "5"}), "2: --prompts: has no effect"));
  CHECK(contains(refused({"--method", "vpt-deep", "--lstm-hidden", "8"}), "needs --carry lstm"));
  CHECK(contains(refused({"--method", "lpc", "--mean-src", "in"}), "--mean-src"));
  CHECK(contains(refused({"--opt", "adamw", "--momentum", "0.5"}), "needs --opt sgd"));
  CHECK(contains(refused({"--carry", "none", "--new-prompts", "first"}), "--carry"));
  CHECK(refused({"--method", "gapt", "--gate-init", "10"}) == "");
}
