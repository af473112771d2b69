#include "train/output/console.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>

#include "engine/notice.h"
#include "engine/text.h"

namespace lspt {
namespace {

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

}  // namespace

Console::Console(const std::string& part)
    : part_(part),
      bar_(isatty(STDERR_FILENO) != 0 && environment("TERM") != "dumb"),
      color_(bar_ && environment("NO_COLOR").empty()) {
  if (part_.empty()) on_notice([this](const std::string& text) { line("note: " + text); });
}

Console::~Console() {
  if (part_.empty()) on_notice(nullptr);
  clear_bar();
}

void Console::open_log(const std::string& path) {
  log_.open(path, std::ios::app);
  for (const std::string& text : pending_) log(text);
  pending_.clear();
}

void Console::line(const std::string& said) {
  const std::string text = printable(said);
  if (!part_.empty()) return log(text);
  clear_bar();
  std::fprintf(stderr, "%s\n", text.c_str());
  log(text);
}

void Console::warn(const std::string& said) {
  const std::string text = printable(said);
  if (!part_.empty()) return log("warning: " + text);
  clear_bar();
  std::fprintf(stderr, color_ ? "\033[33mwarning:\033[0m %s\n" : "warning: %s\n", text.c_str());
  log("warning: " + text);
}

void Console::log(const std::string& text) {
  if (!log_.is_open() && !log_failed_) return pending_.push_back(text);
  if (log_failed_ || log_ << text << std::endl) return;
  log_failed_ = true;
  std::fprintf(stderr, "warning: log.txt cannot be written any more\n");
}

void Console::bar(const std::string& text) {
  if (!bar_) return;
  const auto now = std::chrono::steady_clock::now();
  if (now - drawn_ < std::chrono::milliseconds(100)) return;
  drawn_ = now;
  winsize size{};
  const size_t width =
      ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1 ? size.ws_col - 1u : 79u;
  std::fprintf(stderr, "\r%s\033[K",
               (part_.empty() ? text : part_ + "  " + text).substr(0, width).c_str());
  std::fflush(stderr);
  shown_ = true;
}

void Console::clear_bar() {
  if (shown_) std::fprintf(stderr, "\r\033[K");
  shown_ = false;
}

std::string clock_text(double seconds) {
  const long long s = std::max(0LL, static_cast<long long>(seconds + 0.5));
  return format("%lld:%02lld:%02lld", s / 3600, s / 60 % 60, s % 60);
}

std::string format(const char* pattern, ...) {
  char text[1024];
  va_list arguments;
  va_start(arguments, pattern);
  std::vsnprintf(text, sizeof text, pattern, arguments);
  va_end(arguments);
  return text;
}

std::string grouped(int64_t number) {
  std::string text = std::to_string(number);
  for (size_t i = text.size(); i > 3 && text[i - 4] != '-'; i -= 3) text.insert(i - 3, ",");
  return text;
}

std::string quoted(std::string text) {
  for (size_t at = 0; (at = text.find('"', at)) != std::string::npos; at += 2)
    text.insert(at, "\"");
  return "\"" + text + "\"";
}

std::string aligned(const std::vector<std::vector<std::string>>& rows) {
  std::vector<size_t> widths;
  for (const auto& row : rows)
    for (size_t i = 0; i < row.size(); ++i) {
      if (i == widths.size()) widths.push_back(0);
      widths[i] = std::max(widths[i], row[i].size());
    }
  std::string out;
  for (const auto& row : rows) {
    for (size_t i = 0; i < row.size(); ++i)
      out += std::string(widths[i] - row[i].size() + 2, ' ') + row[i];
    out += "\n";
  }
  return out;
}

}  // namespace lspt
