#include "train/signals.h"

#include <signal.h>
#include <unistd.h>

namespace lspt {
namespace {

volatile sig_atomic_t caught = 0;

void on_signal(int number) {
  if (caught != 0) _exit(128 + number);
  caught = number;
}

}  // namespace

void catch_signals() {
  struct sigaction action {};
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

int caught_signal() { return caught; }

}  // namespace lspt
