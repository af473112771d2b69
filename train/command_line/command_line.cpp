// From argv to Options: CLI11 splits and prints help, the table checks the values.
#include <CLI/CLI.hpp>
#include <algorithm>

#include "engine/error.h"
#include "engine/kernel.h"
#include "train/settings/options.h"
#include "train/version.h"

namespace lspt {
namespace {

/// Every spelling of the command's flags: "--batch-size", "-b".
std::vector<std::string> spellings(unsigned command) {
  std::vector<std::string> all = {"--help", "-h"};
  for (const Flag* flag : flags_of(command))
    for (const std::string& name : spellings_of(*flag)) all.push_back(name);
  return all;
}

std::string suggestion(const std::string& word, const std::vector<std::string>& words) {
  const std::string near = nearest(word, words);
  return near.empty() ? "." : "; did you mean " + near + "?";
}

bool looks_like_flag(const std::string& word) {
  return word.size() > 1 && word[0] == '-' && !std::isdigit(static_cast<unsigned char>(word[1])) &&
         word[1] != '.';
}

/// CLI11 would list unknown words without saying what was meant, so they are looked for first.
const Command* checked_command(int argc, const char* const* argv) {
  if (argc < 2) return nullptr;
  const std::string first = argv[1];
  if (first == "--help" || first == "-h" || first == "--version") return nullptr;
  std::vector<std::string> names;
  std::string all;
  for (const Command& command : commands()) {
    names.push_back(command.name);
    all += " " + command.name;
  }
  const auto it = std::find(names.begin(), names.end(), first);
  require(it != names.end(), ErrorKind::kUsage, "command line: no command '", first, "'",
          suggestion(first, names), " Commands are", all);
  const Command& command = commands()[static_cast<size_t>(it - names.begin())];
  const auto known = spellings(command.bit);
  for (int i = 2; i < argc; ++i) {
    const std::string word = std::string(argv[i]).substr(0, std::string(argv[i]).find('='));
    if (!looks_like_flag(word)) continue;
    // -b8 is -b 8.
    const bool known_short =
        word[1] != '-' && std::find(known.begin(), known.end(), word.substr(0, 2)) != known.end();
    require(known_short || std::find(known.begin(), known.end(), word) != known.end(),
            ErrorKind::kUsage, "lspt ", command.name, ": no flag ", word, suggestion(word, known),
            " See lspt ", command.name, " --help");
  }
  return &command;
}

CLI::App* add_command(CLI::App& app, const Command& command, Options& options) {
  CLI::App* sub = app.add_subcommand(command.name, command.help);
  sub->footer("Example:\n  " + command.example + "\n\n" + kExitCodes);
  if (!command.positional.empty())
    sub->add_option(command.positional, options.files, command.positional_help)
        ->required(command.positional_min > 0)
        ->expected(command.positional_min, command.positional_max);
  for (const Flag* entry : flags_of(command.bit)) {
    const Flag& flag = *entry;
    const std::string names = "--" + flag.name + flag.aliases;
    const auto take = [&options, &flag](const std::string& text) {
      set_value(options, flag, text);
      options.given.insert(flag.name);
    };
    const bool list = std::holds_alternative<std::vector<std::string> Options::*>(flag.field);
    const auto take_all = [take](const std::vector<std::string>& texts) {
      for (const std::string& text : texts) take(text);
    };
    CLI::Option* option =
        flag.value.empty() ? sub->add_flag_callback(
                                 names, [take] { take("1"); }, description_of(flag))
        : list ? sub->add_option_function<std::vector<std::string>>(names, take_all,
                                                                    description_of(flag))
               : sub->add_option_function<std::string>(names, take, description_of(flag));
    if (!flag.value.empty()) option->type_name(flag.value);
    option->group(flag.group);
    if (list)
      option->allow_extra_args(false);  // a value each time
    else
      option->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  }
  return sub;
}

}  // namespace

Invocation parse_command_line(int argc, const char* const* argv) {
  Invocation out;
  out.command = checked_command(argc, argv);
  if (out.command)
    for (const Flag* flag : flags_of(out.command->bit))
      if (!flag->fallback.empty()) set_value(out.options, *flag, flag->fallback);

  CLI::App app(std::string("lspt: ") + kWhat, "lspt");
  app.footer(std::string("lspt COMMAND --help lists a command's flags.\n\n") + kExitCodes);
  app.get_formatter()->column_width(38);
  app.set_version_flag("--version",
                       std::string("lspt ") + kVersion +
                           (kHasCuda ? " (CPU and CUDA; compiler " : " (CPU; compiler ") +
                           __VERSION__ ")");
  app.require_subcommand(1);
  for (const Command& command : commands()) add_command(app, command, out.options);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& help) {
    std::ostringstream text;
    app.exit(help, text, text);
    out.command = nullptr;
    out.text = text.str();
  } catch (const CLI::ParseError& error) {
    if (argc < 2) fail(ErrorKind::kUsage, "command line: no command given\n", app.help());
    fail(ErrorKind::kUsage, "command line: ", error.what());
  }
  return out;
}

}  // namespace lspt
