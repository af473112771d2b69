// lspt recipes
#include <cstdio>

#include "train/commands/commands.h"
#include "train/settings/recipe_file.h"

namespace lspt {

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
