/// What a user should know about how this process computes and did not ask for: a library that
/// cannot be used, a faster way that failed.
#pragma once

#include <functional>
#include <string>

namespace lspt {

/// Says it once in the life of the process, however often it is called with this text.
void notice(const std::string& text);
/// Who says notices from now on, beginning with those that nobody has said yet; nullptr: they wait.
void on_notice(std::function<void(const std::string&)> say);

}  // namespace lspt
