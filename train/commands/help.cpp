// lspt help, lspt man, lspt completion
#include <cstdio>

#include "train/command_line/manual.h"
#include "train/commands/commands.h"

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

}  // namespace lspt
