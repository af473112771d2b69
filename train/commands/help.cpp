// lspt help, lspt man, lspt completion
#include <cstdio>

#include "train/command_line/manual.h"
#include "train/commands/commands.h"
#include "train/settings/recipe_file.h"

namespace lspt {
namespace {

int print(const std::string& text) {
  std::fputs(text.c_str(), stdout);
  return 0;
}

}  // namespace

int run_help(const Options& o) {
  std::vector<const char*> words = {"lspt", "--help"};
  if (!o.files.empty()) words.insert(words.begin() + 1, o.files[0].c_str());
  return print(parse_command_line(static_cast<int>(words.size()), words.data()).text);
}

int run_man(const Options&) { return print(man_page()); }

int run_completion(const Options& o) { return print(completion_for(o.files[0])); }

int run_recipes(const Options& options) {
  if (!options.files.empty()) {
    const std::string text = recipe_text(options.files[0]);
    parse_recipe(text, options.files[0]);
    std::fputs(text.c_str(), stdout);
    return 0;
  }
  for (const EmbeddedRecipe& recipe : embedded_recipes()) {
    const std::string text = recipe.text;  // its first line is a comment that says what it is
    std::printf("%-38s %s\n", recipe.name, text.substr(2, text.find('\n') - 2).c_str());
  }
  return 0;
}

}  // namespace lspt
