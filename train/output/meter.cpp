#include "train/output/meter.h"

#include <algorithm>

namespace lspt {

double Meter::seconds() const {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count();
}

void Meter::show(int64_t done) {
  const double passed = seconds();
  const double rate = static_cast<double>(done) / std::max(passed, 1e-9);
  const std::string text = what_ + " " + grouped(done) + "/" + grouped(total_) +
                           format("  %.0f img/s  ETA ", rate) +
                           clock_text(static_cast<double>(total_ - done) / std::max(rate, 1e-9));
  console_.bar(text);
  if (console_.has_bar() || passed < said_ + 10) return;
  console_.line(text);
  said_ = passed;
}

}  // namespace lspt
