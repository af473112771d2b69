#include "train/settings/options.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <type_traits>

#include "engine/error.h"
#include "train/output/json_text.h"

namespace lspt {
namespace {

std::vector<std::string> split(const std::string& text, char at) {
  std::vector<std::string> parts;
  std::istringstream stream(text);
  for (std::string part; std::getline(stream, part, at);)
    if (!part.empty()) parts.push_back(part);
  return parts;
}

template <typename T>
void set_number(T& to, const Flag& flag, const std::string& text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  bool good = error == std::errc() && end == text.data() + text.size() && !text.empty();
  if constexpr (std::is_floating_point_v<T>) good = good && std::isfinite(value);
  good = good && static_cast<double>(value) >= flag.low && static_cast<double>(value) <= flag.high;
  std::ostringstream bounds;
  bounds.precision(16);
  bounds << flag.low << " to " << flag.high;
  require(good, ErrorKind::kUsage, "--", flag.name, ": '", text, "' found, a ",
          std::is_integral_v<T> ? "whole number" : "number", " from ", bounds.str(), " expected");
  to = value;
}

template <typename T>
std::string shortest(T value) {
  char buffer[40];
  return {buffer, std::to_chars(buffer, buffer + sizeof buffer, value).ptr};
}

}  // namespace

std::vector<const Flag*> flags_of(unsigned command) {
  std::vector<const Flag*> out;
  for (const Flag& flag : flags()) {
    const auto same = [&](const Flag* other) { return other->name == flag.name; };
    if ((flag.commands & command) && std::none_of(out.begin(), out.end(), same))
      out.push_back(&flag);
  }
  return out;
}

const Flag* find_flag(const std::string& name, unsigned command) {
  for (const Flag& flag : flags())
    if (flag.name == name && (flag.commands & command)) return &flag;
  return nullptr;
}

std::vector<std::string> spellings_of(const Flag& flag) {
  return split("--" + flag.name + flag.aliases, ',');
}

std::vector<std::string> choices_of(const Flag& flag) {
  if (flag.value.find('|') == std::string::npos) return {};
  return split(flag.value, '|');
}

std::string description_of(const Flag& flag) {
  if (flag.value.empty()) return flag.help;
  std::string value = flag.default_text;
  if (value.empty()) value = flag.fallback;
  if (value.empty()) value = text_of(Options{}, flag);
  return flag.help + (value.empty() ? "" : " [" + value + "]");
}

void set_value(Options& options, const Flag& flag, const std::string& text) {
  const auto choices = choices_of(flag);
  const bool known = std::find(choices.begin(), choices.end(), text) != choices.end();
  if (!choices.empty() && !known) {
    const std::string near = nearest(text, choices);
    fail(ErrorKind::kUsage, "--", flag.name, ": '", text, "' found, one of ", flag.value,
         " expected", near.empty() ? "" : "; did you mean " + near + "?");
  }
  std::visit(
      [&](auto member) {
        auto& to = options.*member;
        using T = std::remove_reference_t<decltype(to)>;
        if constexpr (std::is_same_v<T, std::string>) {
          require(!text.empty(), ErrorKind::kUsage, "--", flag.name, ": empty, ", flag.value,
                  " expected");
          to = text;
        } else if constexpr (std::is_same_v<T, std::vector<std::string>>) {
          to.push_back(text);
        } else if constexpr (std::is_same_v<T, bool>) {
          to = text == "1";
        } else {
          set_number(to, flag, text);
        }
      },
      flag.field);
}

std::string text_of(const Options& options, const Flag& flag) {
  return std::visit(
      [&](auto member) -> std::string {
        const auto& value = options.*member;
        using T = std::remove_cvref_t<decltype(value)>;
        if constexpr (std::is_same_v<T, std::string>)
          return value;
        else if constexpr (std::is_same_v<T, std::vector<std::string>>)
          return value.empty() ? "" : value.back();
        else if constexpr (std::is_same_v<T, bool>)
          return value ? "1" : "0";
        else
          return shortest(value);
      },
      flag.field);
}

// Optimal string alignment: insert, delete, replace, or swap two neighbours, each one edit.
std::string nearest(const std::string& word, const std::vector<std::string>& words) {
  std::string best;
  size_t best_distance = 3;
  for (const std::string& other : words) {
    std::vector<std::vector<size_t>> d(word.size() + 1, std::vector<size_t>(other.size() + 1));
    for (size_t i = 0; i <= word.size(); ++i) {
      for (size_t j = 0; j <= other.size(); ++j) {
        if (i == 0 || j == 0) {
          d[i][j] = i + j;
          continue;
        }
        const size_t differ = word[i - 1] != other[j - 1];
        d[i][j] = std::min({d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + differ});
        if (i > 1 && j > 1 && word[i - 1] == other[j - 2] && word[i - 2] == other[j - 1])
          d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
      }
    }
    if (d[word.size()][other.size()] < best_distance) {
      best_distance = d[word.size()][other.size()];
      best = other;
    }
  }
  return best;
}

std::string to_json(const Options& options, bool only_results, unsigned command) {
  nlohmann::ordered_json out = nlohmann::ordered_json::object();
  for (const Flag& flag : flags()) {
    if (!(flag.commands & command) || (only_results && !flag.result)) continue;
    std::visit([&](auto member) { out[flag.name] = options.*member; }, flag.field);
  }
  using nlohmann::ordered_json;
  return json_text(out, only_results ? -1 : 2);
}

Options options_from_json(const std::string& text, const std::string& source, bool all,
                          ErrorKind kind, unsigned command) {
  nlohmann::ordered_json json;
  try {
    json = nlohmann::ordered_json::parse(text);
  } catch (const nlohmann::ordered_json::parse_error& error) {
    const std::string what = error.what();  // "[json.exception...] parse error at line ..."
    fail(kind, source, ": ", what.substr(what.find("parse error")));
  }
  require(json.is_object(), kind, source, ": its settings are not a JSON object");
  std::vector<std::string> known;
  for (const Flag& flag : flags())
    if (flag.commands & command) known.push_back(flag.name);
  Options options;
  for (const auto& [name, value] : json.items()) {
    const auto at = text.find("\"" + name + "\"");
    const auto line =
        std::count(text.begin(),
                   text.begin() + static_cast<int64_t>(at == std::string::npos ? 0 : at), '\n') +
        1;
    const std::string where = source + ":" + std::to_string(line) + ": setting ";
    const Flag* flag = find_flag(name, command);
    const std::string near = flag ? "" : nearest(name, known);
    require(flag, kind, where, "\"", name, "\" is not known to this version",
            near.empty() ? "" : "; did you mean \"" + near + "\"?");
    if (!flag->result && !all) continue;
    const bool is_switch = std::holds_alternative<bool Options::*>(flag->field);
    require(is_switch ? value.is_boolean() : value.is_string() || value.is_number(), kind, where,
            "\"", name, "\": ", value.dump(), " found, ",
            is_switch ? "true or false" : "a word in quotes or a number", " expected");
    const std::string word = value.is_string()    ? value.get<std::string>()
                             : value.is_boolean() ? (value.get<bool>() ? "1" : "0")
                                                  : value.dump();
    // An empty string is a path that was not given.
    if (value.is_string() && word.empty()) continue;
    // 0 threads, or a width of 0: not given.
    const bool initial = word == text_of(Options(), *flag);
    if (initial && (!flag->result || (word == "0" && flag->low > 0))) continue;
    try {
      set_value(options, *flag, word);
    } catch (const Error& error) {
      fail(kind, where, error.what());
    }
    options.given.insert(name);
  }
  return options;
}

}  // namespace lspt
