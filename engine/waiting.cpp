#include "engine/waiting.h"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "engine/parallel.h"
#include "engine/processors.h"

namespace lspt {
namespace {

using Clock = std::chrono::steady_clock;
constexpr auto kLook = std::chrono::milliseconds(500);
constexpr double kBusy = 0.1, kQuiet = 0.03;  // of the time, over all threads together

/// Nanoseconds that threads of this process were ready to run and did not; nothing if the system
/// does not count them. Those of threads that ended are missing.
std::optional<double> delays() {
  std::optional<double> sum;
  std::error_code error;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task", error)) {
    double ran = 0, waited = 0;
    if (std::ifstream(task.path() / "schedstat") >> ran >> waited) sum = sum.value_or(0) + waited;
  }
  return sum;
}

class Watch {
 public:
  Watch()
      : more_(processors_allowed() - thread_count() + 2),  // of the thread that asks
        thread_([this] { look(); }) {}
  ~Watch() {
    {
      const std::lock_guard lock(mutex_);
      end_ = true;
    }
    wake_.notify_all();
    thread_.join();
  }

 private:
  void look() {
    std::optional<double> before = delays();
    auto then = Clock::now();
    std::thread extra;
    for (std::unique_lock lock(mutex_);
         before && !wake_.wait_for(lock, kLook, [&] { return end_; });) {
      const std::optional<double> now = delays();
      const double passed = std::chrono::duration<double, std::nano>(Clock::now() - then).count();
      const double share = now ? (*now - *before) / passed : 0;
      before = now;
      then = Clock::now();
      if (share > kBusy && !extra.joinable()) extra = sleep_instead();
      if (share < kQuiet && extra.joinable()) spin_again(extra, lock);
    }
    if (std::unique_lock lock(mutex_); extra.joinable()) spin_again(extra, lock);
  }

  /// libgomp hardly spins (a hundred times) while it manages more threads than there are
  /// processors: so it gets some more, which do nothing.
  std::thread sleep_instead() {
    idle_ = true;
    return std::thread([this] {
#pragma omp parallel num_threads(more_)
      ++began_;  // an empty region would be left out
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [&] { return !idle_; });
    });
  }
  void spin_again(std::thread& extra, std::unique_lock<std::mutex>& lock) {
    idle_ = false;
    lock.unlock();
    wake_.notify_all();
    extra.join();
    lock.lock();
  }

  const int more_;
  std::atomic<int> began_{0};
  std::mutex mutex_;
  std::condition_variable wake_;
  bool end_ = false, idle_ = false;
  std::thread thread_;
};

}  // namespace

void watch_waiting() {
  const char* ours = std::getenv("LSPT_WAITING");
  if (thread_count() < 2 || !ours || std::string(ours) != "auto") return;
  static const Watch watch;
}

}  // namespace lspt
