/// Barriers, shuffles and votes. Stricter than the device: every lane of the mask must come to the
/// same call in the source, exist, and not have returned; a lane that is read must be in the mask.
#pragma once

#include <concepts>
#include <cstring>

#include "tests/emulated/block.h"

namespace emulated {

template <typename T, typename... Types>
concept one_of = (std::same_as<T, Types> || ...);
template <typename T>
concept Shuffled =
    one_of<T, int, unsigned, long, unsigned long, long long, unsigned long long, float, double>;

/// Meets the lanes of the mask and returns what lane `source` brought.
template <Shuffled T>
T exchange(const Meeting& meeting, T value, unsigned source) {
  uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof(T));
  const uint64_t* brought = meet_warp(meeting, bits);
  if ((meeting.mask >> source & 1) == 0)
    misuse(std::string(meeting.name) + " reads lane " + std::to_string(source) +
           ", which is not in the mask");
  std::memcpy(&value, &brought[source], sizeof(T));
  return value;
}

/// First lane of this thread's segment of `width` lanes.
inline unsigned segment(int width) {
  if (width != 1 && width != 2 && width != 4 && width != 8 && width != 16 && width != 32)
    misuse("a shuffle of width " + std::to_string(width));
  return threadIdx.x % 32 / static_cast<unsigned>(width) * static_cast<unsigned>(width);
}

/// Lanes of the mask whose predicate holds.
inline unsigned vote(const Meeting& meeting, bool predicate) {
  const uint64_t* brought = meet_warp(meeting, predicate);
  unsigned result = 0;
  for (unsigned lane = 0; lane < 32; ++lane)
    if (meeting.mask >> lane & 1) result |= static_cast<unsigned>(brought[lane]) << lane;
  return result;
}

}  // namespace emulated

// The last argument of each is the place of the call; nobody passes it.
using emulated_place = std::source_location;

inline void __syncthreads(emulated_place where = emulated_place::current()) {
  emulated::meet_block({"__syncthreads", 0, 0, where});
}
inline void __syncwarp(unsigned mask = ~0u, emulated_place where = emulated_place::current()) {
  emulated::meet_warp({"__syncwarp", mask, 0, where}, 0);
}

template <typename T>
T __shfl_sync(unsigned mask, T value, int source, int width = 32,
              emulated_place where = emulated_place::current()) {
  const unsigned from = emulated::segment(width) + (static_cast<unsigned>(source) & (width - 1u));
  return emulated::exchange({"__shfl_sync", mask, sizeof(T), where}, value, from);
}
template <typename T>
T __shfl_xor_sync(unsigned mask, T value, int bits, int width = 32,
                  emulated_place where = emulated_place::current()) {
  const unsigned lane = threadIdx.x % 32, from = lane ^ static_cast<unsigned>(bits);
  const bool inside = from < emulated::segment(width) + static_cast<unsigned>(width);
  return emulated::exchange({"__shfl_xor_sync", mask, sizeof(T), where}, value,
                            inside ? from : lane);
}
template <typename T>
T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = 32,
                   emulated_place where = emulated_place::current()) {
  const unsigned lane = threadIdx.x % 32, from = lane + delta;
  const bool inside = from < emulated::segment(width) + static_cast<unsigned>(width);
  return emulated::exchange({"__shfl_down_sync", mask, sizeof(T), where}, value,
                            inside ? from : lane);
}
template <typename T>
T __shfl_up_sync(unsigned mask, T value, unsigned delta, int width = 32,
                 emulated_place where = emulated_place::current()) {
  const unsigned lane = threadIdx.x % 32;
  const bool inside = lane >= emulated::segment(width) + delta;
  return emulated::exchange({"__shfl_up_sync", mask, sizeof(T), where}, value,
                            inside ? lane - delta : lane);
}

inline unsigned __ballot_sync(unsigned mask, int predicate,
                              emulated_place where = emulated_place::current()) {
  return emulated::vote({"__ballot_sync", mask, 0, where}, predicate != 0);
}
inline int __any_sync(unsigned mask, int predicate,
                      emulated_place where = emulated_place::current()) {
  return emulated::vote({"__any_sync", mask, 0, where}, predicate != 0) != 0;
}
inline int __all_sync(unsigned mask, int predicate,
                      emulated_place where = emulated_place::current()) {
  return emulated::vote({"__all_sync", mask, 0, where}, predicate != 0) == mask;
}
