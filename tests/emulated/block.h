/// Runs the threads of a block as fibers of one OS thread, from barrier to barrier.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <source_location>
#include <string>

#include "tests/emulated/device_types.h"

namespace emulated {

/// Calls `thread` once for every thread of every block. Blocks run one after the other; within a
/// block a warp runs until all its lanes stand at a barrier or have returned, then the next warp;
/// within a warp a lane runs until it waits. The order of all three: LSPT_EMULATED_ORDER.
void run_grid(dim3 grid, unsigned block, const std::function<void()>& thread);

/// What a thread waits at. Threads that meet must be at the same one.
struct Meeting {
  const char* name = "";
  unsigned mask = 0;  ///< lanes that meet; 0: the block
  size_t size = 0;    ///< bytes that each lane brings
  std::source_location where = {};
};

/// Waits for all threads of the block.
void meet_block(const Meeting& meeting);
/// Waits for the lanes of the mask; returns what each of the 32 brought, valid until this thread
/// waits again.
const uint64_t* meet_warp(const Meeting& meeting, uint64_t value);

/// Says what the kernel did wrong, and where, and aborts.
[[noreturn]] void misuse(const std::string& what);

}  // namespace emulated
