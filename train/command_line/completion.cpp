// Three shells, one table: each script has a line a flag.
#include "engine/error.h"
#include "train/command_line/manual.h"
#include "train/settings/recipe_file.h"

namespace lspt {
namespace {

/// What may stand for a value: words, or files, or folders, or nothing that can be listed.
struct Values {
  enum Kind { nothing, words, files, folders } kind = nothing;
  std::string list = {};
};

std::string joined(const std::vector<std::string>& words, const std::string& between = " ") {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : between) + word;
  return text;
}

std::vector<std::string> command_names(unsigned having = ~0u) {
  std::vector<std::string> names;
  for (const Command& command : commands())
    if (command.bit & having) names.push_back(command.name);
  return names;
}

std::string recipe_names() {
  std::vector<std::string> names;
  for (const EmbeddedRecipe& recipe : embedded_recipes()) names.push_back(recipe.name);
  return joined(names);
}

Values values_of(const Flag& flag) {
  if (const auto choices = choices_of(flag); !choices.empty())
    return {Values::words, joined(choices)};
  if (flag.name == "recipe") return {Values::words, recipe_names()};
  if (flag.value == "DIR") return {Values::folders};
  if (flag.value.ends_with("FILE") || flag.value.ends_with("PATH")) return {Values::files};
  return {};
}

Values values_of(const Command& command) {
  if (command.positional == "COMMAND") return {Values::words, joined(command_names())};
  if (command.positional == "SHELL") return {Values::words, "bash zsh fish"};
  if (command.positional == "NAME") return {Values::words, recipe_names()};
  return {command.positional.empty() ? Values::nothing : Values::files};
}

/// The first clause of a help text.
std::string clause(const std::string& help) { return help.substr(0, help.find_first_of(":;")); }

/// In single quotes: `quote` stands for one inside.
std::string in_quotes(const std::string& text, const std::string& quote) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? quote : std::string(1, c);
  return out + "'";
}

std::string all_spellings(const Command& command) {
  std::string text = "--help";
  for (const Flag* flag : flags_of(command.bit)) text += " " + joined(spellings_of(*flag));
  return text;
}

std::string bash() {
  const auto action = [](const Values& values) {
    const std::string actions[] = {"return", "words='" + values.list + "'", "kind=-f", "kind=-d"};
    return actions[values.kind];
  };
  std::string text = R"(# Completion for bash, written by `lspt completion bash`.
_lspt() {
  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} kind=-W words=
  # --flag=value is three words.
  if [[ $cur == = ]]; then
    cur=
  elif [[ $prev == = ]]; then
    prev=${COMP_WORDS[COMP_CWORD - 2]}
  fi
  ((COMP_CWORD > 1)) || prev=
  case "$prev:${COMP_WORDS[1]}" in
    :*) words=')" + joined(command_names()) +
                     " --help --version' ;;\n";
  for (const Flag& flag : flags()) {
    if (flag.value.empty()) continue;
    std::string patterns;
    for (const std::string& name : spellings_of(flag))
      for (const std::string& command : command_names(flag.commands))
        patterns += (patterns.empty() ? "" : " | ") + name + ":" + command;
    text += "    " + patterns + ") " + action(values_of(flag)) + " ;;\n";
  }
  for (const Command& command : commands())
    text += "    *:" + command.name + ") if [[ $cur == -* ]]; then words='" +
            all_spellings(command) + "'; else " + action(values_of(command)) + "; fi ;;\n";
  return text + R"(  esac
  if [[ $kind == -W ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
  else
    compopt -o filenames 2>/dev/null
    mapfile -t COMPREPLY < <(compgen "$kind" -- "$cur")
  fi
}
complete -F _lspt lspt
)";
}

std::string zsh() {
  const auto quote = [](const std::string& text) { return in_quotes(text, "'\\''"); };
  const auto action = [](const Values& values) {
    const std::string actions[] = {" ", "(" + values.list + ")", "_files", "_files -/"};
    return actions[values.kind];
  };
  std::string text =
      "#compdef lspt\n# Completion for zsh, written by `lspt completion zsh`.\n"
      "_lspt() {\n  local -a commands=(\n";
  for (const Command& command : commands())
    text += "    " + quote(command.name + ":" + clause(command.help)) + "\n";
  text +=
      "  )\n  if ((CURRENT == 2)); then\n    _describe command commands\n    return\n  fi\n"
      "  shift words\n  ((CURRENT--))\n  case $words[1] in\n";
  for (const Command& command : commands()) {
    text += "    " + command.name + ") _arguments '--help[what this command does]'";
    for (const Flag* entry : flags_of(command.bit)) {
      const Flag& flag = *entry;
      const auto names = spellings_of(flag);
      for (const std::string& name : names) {
        const bool list = flag.value == "FLAG=X,Y,...", word = name.starts_with("--");
        text +=
            " \\\n      " + quote((list ? "*" : "(" + joined(names) + ")") + name +
                                  (flag.value.empty() ? ""
                                   : word             ? "="
                                                      : "+") +
                                  "[" + clause(flag.help) + "]" +
                                  (flag.value.empty() ? "" : ":value:" + action(values_of(flag))));
      }
    }
    if (!command.positional.empty())
      text += " \\\n      " + quote("*:" + command.positional + ":" + action(values_of(command)));
    text += " ;;\n";
  }
  return text + "  esac\n}\n_lspt \"$@\"\n";
}

std::string fish() {
  const auto quote = [](const std::string& text) { return in_quotes(text, "\\'"); };
  const auto line = [&](const std::string& when, const std::string& rest) {
    return "complete -c lspt -n " + quote(when) + " " + rest + "\n";
  };
  const auto values = [&](const Values& of) {
    const std::string all[] = {"-x", "-x -a " + quote(of.list), "-r -F",
                               "-x -a '(__fish_complete_directories)'"};
    return all[of.kind];
  };
  std::string text =
      "# Completion for fish, written by `lspt completion fish`.\ncomplete -c lspt -f\n";
  for (const Command& command : commands()) {
    const std::string seen = "__fish_seen_subcommand_from " + command.name;
    text += line("__fish_use_subcommand", "-a " + command.name + " -d " + quote(command.help));
    if (const Values of = values_of(command); of.kind != Values::nothing)
      text += line(seen, of.kind == Values::words ? "-a " + quote(of.list) : "-F");
  }
  for (const Flag& flag : flags()) {
    std::string names;
    for (const std::string& name : spellings_of(flag))
      names += name.starts_with("--") ? "-l " + name.substr(2) + " " : "-s " + name.substr(1) + " ";
    text += line("__fish_seen_subcommand_from " + joined(command_names(flag.commands)),
                 names + (flag.value.empty() ? "" : values(values_of(flag)) + " ") + "-d " +
                     quote(clause(flag.help)));
  }
  return text;
}

}  // namespace

std::string completion_for(const std::string& shell) {
  if (shell == "bash") return bash();
  if (shell == "zsh") return zsh();
  require(shell == "fish", ErrorKind::kUsage, "completion: '", shell,
          "' found, one of bash, zsh, fish expected");
  return fish();
}

}  // namespace lspt
