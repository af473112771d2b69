#include "engine/notice.h"

#include <mutex>
#include <set>
#include <utility>
#include <vector>

namespace lspt {
namespace {

struct {
  std::mutex mutex;
  std::set<std::string> known;
  std::vector<std::string> waiting;
  std::function<void(const std::string&)> say;
} notices;

void say_waiting() {
  if (!notices.say) return;
  for (const std::string& text : std::exchange(notices.waiting, {})) notices.say(text);
}

}  // namespace

void notice(const std::string& text) {
  const std::lock_guard lock(notices.mutex);
  if (notices.known.insert(text).second) notices.waiting.push_back(text);
  say_waiting();
}

void on_notice(std::function<void(const std::string&)> say) {
  const std::lock_guard lock(notices.mutex);
  notices.say = std::move(say);
  say_waiting();
}

}  // namespace lspt
