/// What shells and man(1) read, made from the tables of commands and flags.
#pragma once

#include <string>

namespace lspt {

/// The manual page, in the man(7) macros of roff.
std::string man_page();

/// The script by which a shell completes commands, flags and their values. Throws Error(kUsage) for
/// a shell that is not bash, zsh or fish.
std::string completion_for(const std::string& shell);

}  // namespace lspt
