/// How far a pass over images is.
#pragma once

#include "train/output/console.h"

namespace lspt {

/// "check 1,200/5,994  812 img/s  ETA 0:00:06": a bar, or without a terminal a line every ten
/// seconds.
class Meter {
 public:
  Meter(Console& console, const std::string& what, int64_t total)
      : console_(console), what_(what), total_(total) {}
  ~Meter() { console_.clear_bar(); }
  void show(int64_t done);
  double seconds() const;

 private:
  Console& console_;
  const std::string what_;
  const int64_t total_;
  const std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
  double said_ = 0;  // when the last line was
};

}  // namespace lspt
