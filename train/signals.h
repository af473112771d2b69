/// Ctrl-C and SIGTERM: the first asks for an orderly stop, the second ends the process at once.
#pragma once

namespace lspt {

void catch_signals();
/// The signal that asked for a stop, or 0.
int caught_signal();

}  // namespace lspt
