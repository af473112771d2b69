#include "train/settings/recipe_file.h"

#include <algorithm>
#include <charconv>
#include <filesystem>

#include "engine/error.h"
#include "engine/file.h"

// Its parser asserts that "[" is followed by a key, then checks it: without this "[/" ends the
// program (3.3.0).
#define TOML_ASSERT(expression) static_assert(true)
#include <toml++/toml.h>

namespace lspt {
namespace {

/// Recipes are pages, not books; and toml++ recurses as deep as a dotted key is long.
constexpr size_t kLargest = 1 << 14;

/// Flags that a recipe may set: all of a run's that have a value.
const Flag* recipe_flag(const std::string& name) {
  const Flag* flag = find_flag(name, kRun);
  return flag && !flag->value.empty() && flag->name != "recipe" ? flag : nullptr;
}

std::string at(const std::string& source, const toml::node& node) {
  return source + ":" + std::to_string(node.source().begin.line) + ": ";
}

const Flag& flag_of(const toml::key& key, const std::string& source) {
  const std::string name(key.str());
  if (const Flag* flag = recipe_flag(name)) return *flag;
  std::vector<std::string> known;
  for (const Flag& flag : flags())
    if (recipe_flag(flag.name)) known.push_back(flag.name);
  const std::string near = nearest(name, known);
  fail(ErrorKind::kUsage, source, ":", key.source().begin.line, ": no flag '", name,
       near.empty() ? "'" : "'; did you mean " + near + "?");
}

/// A value as the command line would have it, its type being the flag's.
std::string word_of(const Flag& flag, const toml::node& node, const std::string& source) {
  const bool real = std::holds_alternative<double Options::*>(flag.field);
  const bool whole = std::holds_alternative<int64_t Options::*>(flag.field) ||
                     flag.value == "0|1" || flag.value == "1|0";
  std::string word;
  if (const auto* text = node.as_string(); text && !real && !whole) {
    word = text->get();
  } else if (const auto* number = node.as_integer(); number && (real || whole)) {
    word = std::to_string(number->get());
  } else if (const auto* value = node.as_floating_point(); value && real) {
    char buffer[40];
    word.assign(buffer, std::to_chars(buffer, buffer + sizeof buffer, value->get()).ptr);
  } else {
    std::ostringstream type;
    type << node.type();
    fail(ErrorKind::kUsage, at(source, node), flag.name, ": ", type.str(), " found, ",
         real    ? "a number"
         : whole ? "a whole number"
                 : "a word in quotes",
         " expected");
  }
  try {
    Options checked;
    set_value(checked, flag, word);
    return text_of(checked, flag);
  } catch (const Error& error) {
    fail(ErrorKind::kUsage, at(source, node), error.what());
  }
}

const toml::array& list_of(const toml::key& key, const toml::node& node,
                           const std::string& source) {
  const toml::array* list = node.as_array();
  require(list && !list->empty(), ErrorKind::kUsage, at(source, node), key.str(),
          ": in [sweep] a list of values expected");
  return *list;
}

void read_sweep(const toml::table& table, const std::string& source, Recipe& recipe) {
  for (const auto& [key, node] : table) {
    const toml::array& list = list_of(key, node, source);
    const bool seeds = key.str() == "seeds";
    const Flag& flag = seeds ? *recipe_flag("seed") : flag_of(key, source);
    require(seeds || may_sweep(flag), ErrorKind::kUsage, at(source, node), flag.name,
            ": cannot be swept over; it belongs to data, backbone, machine or seed");
    Axis axis{&flag, {}};
    for (const toml::node& value : list) axis.values.push_back(word_of(flag, value, source));
    if (!seeds) {
      recipe.sweep.push_back(axis);
      continue;
    }
    // A list of one seed; a bare number would say how many.
    for (const std::string& seed : axis.values) recipe.seeds += seed + ",";
  }
}

}  // namespace

Recipe parse_recipe(const std::string& text, const std::string& source) {
  require(text.size() <= kLargest, ErrorKind::kUsage, source, ": ", text.size(),
          " bytes, a recipe of at most ", kLargest, " expected");
  toml::table parsed;
  try {
    parsed = toml::parse(text);
  } catch (const toml::parse_error& error) {
    fail(ErrorKind::kUsage, source, ":", error.source().begin.line, ": ", error.description());
  }
  Recipe recipe;
  for (const auto& [key, node] : parsed) {
    if (key.str() == "sweep") {
      const toml::table* table = node.as_table();
      require(table, ErrorKind::kUsage, at(source, node), "sweep: a table [sweep] expected");
      read_sweep(*table, source, recipe);
      continue;
    }
    const Flag& flag = flag_of(key, source);
    recipe.settings.emplace_back(&flag, word_of(flag, node, source));
  }
  return recipe;
}

std::string recipe_text(const std::string& name) {
  if (name.ends_with(".toml"))
    return std::string(MappedFile::open(name, ErrorKind::kUsage)->bytes());
  std::vector<std::string> names;
  for (const EmbeddedRecipe& recipe : embedded_recipes()) {
    if (name == recipe.name) return recipe.text;
    names.push_back(recipe.name);
  }
  const std::string near = nearest(name, names);
  fail(ErrorKind::kUsage, "--recipe ", name, ": no such recipe",
       near.empty() ? ". " : "; did you mean " + near + "? ",
       "`lspt recipes` lists them; a file of your own ends in .toml");
}

Recipe apply_recipe(Options& options) {
  if (!options.has("recipe")) return {};
  Recipe recipe = parse_recipe(recipe_text(options.recipe), options.recipe);
  const Options typed = options;
  std::erase_if(recipe.sweep, [&](const Axis& axis) { return has_or_rival(typed, *axis.flag); });
  for (const auto& [flag, word] : recipe.settings) {
    if (has_or_rival(typed, *flag)) continue;
    set_value(options, *flag, word);
    options.given.insert(flag->name);
  }
  return recipe;
}

std::string run_name(const Options& options) {
  if (options.recipe.empty()) return options.method + "-" + options.model;
  const bool file = options.recipe.ends_with(".toml");
  std::string name = file ? std::filesystem::path(options.recipe).stem().string() : options.recipe;
  std::replace(name.begin(), name.end(), '/', '-');
  return name;
}

bool has_or_rival(const Options& options, const Flag& flag) {
  return options.has(flag.name) || options.has(rival_of(flag.name));
}

std::string rival_of(const std::string& flag) {
  return flag == "lr" ? "lr-base" : flag == "lr-base" ? "lr" : "";
}

bool may_sweep(const Flag& flag) {
  for (const char* no : {"weights", "mae-norm", "pos-interpolation", "model", "recipe", "seed"})
    if (flag.name == no) return false;
  return (flag.commands & kRun) && flag.result && !flag.value.empty() &&
         (flag.group == "Model" || flag.group == kVariants || flag.group == "Optimization");
}

Axis parse_axis(const std::string& text) {
  const size_t equal = text.find('=');
  const std::string name = text.substr(0, equal);
  std::vector<std::string> known;
  for (const Flag& flag : flags())
    if (may_sweep(flag)) known.push_back(flag.name);
  const Flag* flag = find_flag(name, kRun);
  const std::string near = nearest(name, known);
  require(equal != std::string::npos && flag && may_sweep(*flag), ErrorKind::kUsage, "--sweep: '",
          text, "' found, FLAG=VALUE,VALUE,... with a flag of the method expected",
          near.empty() || near == name ? "" : "; did you mean " + near + "?");
  Axis axis{flag, {}};
  for (size_t begin = equal + 1; begin <= text.size();) {
    const size_t end = std::min(text.find(',', begin), text.size());
    Options checked;
    std::string word = text.substr(begin, end - begin);
    // "3x": a multiple of what the setting is by itself.
    const bool multiple = word.size() > 1 && word.ends_with('x') &&
                          flag->default_text == kByMethod &&
                          !std::holds_alternative<std::string Options::*>(flag->field);
    if (multiple) word.pop_back();
    set_value(checked, *flag, word);
    axis.values.push_back(text_of(checked, *flag) + (multiple ? "x" : ""));
    begin = end + 1;
  }
  return axis;
}

}  // namespace lspt
