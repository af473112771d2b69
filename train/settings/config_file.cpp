#include "train/settings/config_file.h"

#include "engine/file.h"
#include "train/settings/recipe_file.h"

namespace lspt {

bool is_setting(const Flag& flag) {
  for (const char* no :
       {"output", "overwrite", "resume", "config", "print-config", "dry-run", "json"})
    if (flag.name == no) return false;
  return flag.commands & kTrain;
}

bool is_place(const Flag& flag) {
  for (const char* name : {"data", "dataset", "train-list", "val-list", "test-list", "weights"})
    if (flag.name == name) return true;
  return false;
}

void apply_config(Options& options) {
  const std::string& path = options.config;
  for (const char* other : {"resume", "recipe"})
    require(!options.has(other), ErrorKind::kUsage, "--config: contradicts --", other);
  const std::string text(MappedFile::open(path, ErrorKind::kUsage)->bytes());
  const Options saved = options_from_json(text, path, true, ErrorKind::kUsage), typed = options;
  const bool other_method = typed.has("method") && typed.method != saved.method;
  // Of the two ways to say a rate, the one that the run was told.
  const std::string computed = saved.lr_base > 0 ? "lr" : "lr-base";
  for (const Flag& flag : flags()) {
    if (!is_setting(flag) || !saved.has(flag.name) || has_or_rival(typed, flag)) continue;
    if (flag.name == computed || (other_method && flag.default_text == kByMethod)) continue;
    std::visit([&](auto member) { options.*member = saved.*member; }, flag.field);
    options.given.insert(flag.name);
    options.settled.insert(flag.name);
  }
}

}  // namespace lspt
