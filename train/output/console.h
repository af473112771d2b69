/// What a run says, notices of the engine included: lines and a progress bar to standard error, and
/// the same lines to log.txt. Results go to standard output, which is not this class's business.
#pragma once

#include <chrono>
#include <fstream>
#include <string>
#include <vector>

namespace lspt {

class Console {
 public:
  /// With `part` it is the console of one of many runs: lines go to the log alone, and a bar begins
  /// with `part`.
  explicit Console(const std::string& part = "");
  ~Console();

  /// Lines from now on, and those said before, are appended to the file. A log that cannot be
  /// written is reported once; it does not stop a run.
  void open_log(const std::string& path);

  void line(const std::string& text);
  void warn(const std::string& text);  ///< "warning: " in front
  /// To the log alone.
  void log(const std::string& text);

  /// Whether there is a terminal to draw a bar on; otherwise progress is said by lines.
  bool has_bar() const { return bar_; }
  /// Replaces the bar, at most ten times a second.
  void bar(const std::string& text);
  void clear_bar();

 private:
  const std::string part_;
  bool bar_, color_;
  bool shown_ = false, log_failed_ = false;
  std::chrono::steady_clock::time_point drawn_{};
  std::ofstream log_;
  std::vector<std::string> pending_;  // said before open_log
};

/// "1:02:03" from seconds.
std::string clock_text(double seconds);
/// printf to a string; for numbers in messages.
std::string format(const char* pattern, ...) __attribute__((format(printf, 1, 2)));
/// 1234567 as "1,234,567".
std::string grouped(int64_t number);
/// A table's rows as text: columns as wide as their widest entry, right-aligned.
std::string aligned(const std::vector<std::vector<std::string>>& rows);
/// A field of a CSV file: in quotes, those inside doubled.
std::string quoted(std::string text);

}  // namespace lspt
