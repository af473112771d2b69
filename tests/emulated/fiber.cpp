#include "tests/emulated/fiber.h"

#include <sys/mman.h>

#include <new>
#include <utility>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/common_interface_defs.h>
#else
static void __sanitizer_start_switch_fiber(void**, const void*, size_t) {}
static void __sanitizer_finish_switch_fiber(void*, const void**, size_t*) {}
#endif

// AddressSanitizer would take the jump for the end of this stack's frames and forget them.
#define NOT_SANITIZED __attribute__((noinline, no_sanitize_address))

namespace emulated {
namespace {

constexpr size_t kStack = 128 << 10;
constexpr size_t kGuard = 64 << 10;  // below the stack, whole pages anywhere

Side resumer;              // who has resumed
Fiber* running = nullptr;  // the fiber that was

[[noreturn]] NOT_SANITIZED void jump(Side& to) { __builtin_longjmp(to.jump, 1); }

/// Fibers and the resumer take turns, so that who comes back to `from` is `to`.
NOT_SANITIZED void switch_to(Side& from, Side& to) {
  __sanitizer_start_switch_fiber(&from.fake_stack, to.stack, to.size);
  if (__builtin_setjmp(from.jump) == 0) {
    if (to.start == nullptr) jump(to);
    setcontext(std::exchange(to.start, nullptr));
  }
  __sanitizer_finish_switch_fiber(from.fake_stack, &to.stack, &to.size);
}

}  // namespace

Fiber::Fiber(void (*body)()) : body_(body) {
  void* memory = mmap(nullptr, kGuard + kStack, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  mprotect(memory, kGuard, PROT_NONE);
  void* stack = static_cast<char*>(memory) + kGuard;
  side_.stack = stack;
  side_.size = kStack;
  side_.start = &context_;
  getcontext(&context_);
  context_.uc_stack.ss_sp = stack;
  context_.uc_stack.ss_size = kStack;
  context_.uc_link = nullptr;
  makecontext(&context_, enter, 0);
}

Fiber::~Fiber() { munmap(static_cast<char*>(context_.uc_stack.ss_sp) - kGuard, kGuard + kStack); }

void Fiber::enter() noexcept {
  __sanitizer_finish_switch_fiber(nullptr, &resumer.stack, &resumer.size);
  running->body_();
}

void Fiber::resume() {
  running = this;
  switch_to(resumer, side_);
}

void Fiber::pause() { switch_to(side_, resumer); }

}  // namespace emulated
