#include <set>

#include "train/command_line/manual.h"
#include "train/settings/options.h"
#include "train/version.h"

namespace lspt {
namespace {

/// Text as roff prints it: `\` and `-` are themselves, and no line is taken for a request.
std::string roff(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if ((c == '.' || c == '\'') && (out.empty() || out.back() == '\n')) out += "\\&";
    if (c == '\\')
      out += "\\e";
    else if (c == '-')
      out += "\\-";
    else
      out += c;
  }
  return out;
}

std::string bold(const std::string& text) { return "\\fB" + roff(text) + "\\fR"; }
std::string italic(const std::string& text) { return "\\fI" + roff(text) + "\\fR"; }

/// A paragraph that a tag hangs before.
std::string tagged(const std::string& tag, const std::string& text) {
  return ".TP\n" + tag + "\n" + roff(text) + "\n";
}

std::string flag_text(const Flag& flag) {
  std::string tag;
  for (const std::string& name : spellings_of(flag)) tag += (tag.empty() ? "" : ", ") + bold(name);
  if (!flag.value.empty()) tag += " " + italic(flag.value);
  return tagged(tag, description_of(flag));
}

std::string command_text(const Command& command) {
  std::string text = ".SS \"lspt " + roff(command.name) + "\"\n" + roff(command.help) + "\n";
  if (!command.positional.empty())
    text += tagged(italic(command.positional), command.positional_help);
  std::set<std::string> done;  // groups, in the order of their first flags
  const auto all = flags_of(command.bit);
  for (const Flag* first : all) {
    if (!done.insert(first->group).second) continue;
    text += ".PP\n" + roff(first->group) + ":\n";
    for (const Flag* flag : all)
      if (flag->group == first->group) text += flag_text(*flag);
  }
  return text + ".PP\nExample:\n.PP\n.nf\n.RS 4\n" + roff(command.example) + "\n.RE\n.fi\n";
}

}  // namespace

std::string man_page() {
  std::string text = std::string(".TH LSPT 1 ") + kVersionDate + " \"lspt " + kVersion +
                     "\" \"User Commands\"\n.ad l\n.SH NAME\nlspt \\- " + kWhat +
                     "\n.SH SYNOPSIS\n.B lspt\n.I COMMAND\n.RI [ FLAG ...]\n.SH DESCRIPTION\n" +
                     "What each command does, its flags and, in brackets, their defaults.\n";
  for (const Command& command : commands())
    text += tagged(bold("lspt " + command.name), command.help);
  text += ".SH COMMANDS\n";
  for (const Command& command : commands()) text += command_text(command);
  return text + ".SH EXIT STATUS\n.nf\n" + roff(kExitCodes) + "\n.fi\n";
}

}  // namespace lspt
