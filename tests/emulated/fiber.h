/// A stack that runs until it pauses and goes on where it did when it is resumed.
#pragma once

#include <ucontext.h>

#include <cstddef>

namespace emulated {

/// One of the two sides of a switch: a fiber, or who resumes it, on the OS thread's own stack.
struct Side {
  void* jump[5];                // __builtin_setjmp: no system call, unlike swapcontext
  ucontext_t* start = nullptr;  // not entered yet
  const void* stack = nullptr;
  size_t size = 0;
  void* fake_stack = nullptr;  // AddressSanitizer's
};

class Fiber {
 public:
  /// `body` begins at the first resume() and must not return or throw.
  explicit Fiber(void (*body)());
  ~Fiber();
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  /// Returns when the fiber pauses. Not to be called on a fiber.
  void resume();
  /// To be called on this fiber.
  void pause();

 private:
  static void enter() noexcept;

  void (*body_)();
  Side side_;
  ucontext_t context_;
};

}  // namespace emulated
