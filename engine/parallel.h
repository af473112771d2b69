/// Threads: one OpenMP pool, the same that oneDNN uses, so that kernels and products never compete.
#pragma once

#include <omp.h>

#include <algorithm>
#include <cstdint>
#include <exception>
#include <optional>

namespace lspt {

/// Threads that kernels use: OMP_NUM_THREADS if set, else the processors this process may run on.
inline int thread_count() { return omp_get_max_threads(); }
inline void set_thread_count(int count) { omp_set_num_threads(count); }

/// Calls body(begin, end, room) on pieces of [0, count) of `grain` indices each (the last may be
/// shorter); room is a thread's own, made by make() before its first piece. Pieces depend on the
/// grain alone, never on the number of threads, so a sum kept per piece and added in piece order
/// has the same bits on any number of threads. What one of them throws is thrown here, when all
/// have ended.
template <typename Make, typename Body>
void parallel_for(int64_t count, int64_t grain, const Make& make, const Body& body) {
  if (count <= 0) return;
  grain = std::max<int64_t>(grain, 1);
  const int64_t pieces = (count + grain - 1) / grain;
  const auto piece = [&](int64_t p, auto& room) {
    body(p * grain, std::min(count, (p + 1) * grain), room);
  };
  if (pieces == 1 || omp_in_parallel()) {
    auto room = make();
    for (int64_t p = 0; p < pieces; ++p) piece(p, room);
    return;
  }
  std::exception_ptr failure;
#pragma omp parallel
  {
    std::optional<decltype(make())> room;
#pragma omp for schedule(dynamic, 1)
    for (int64_t p = 0; p < pieces; ++p) {
      try {
        if (!room) room.emplace(make());
        piece(p, *room);
      } catch (...) {
#pragma omp critical(lspt_parallel_for)
        if (!failure) failure = std::current_exception();
      }
    }
  }
  if (failure) std::rethrow_exception(failure);
}

/// The same for a body(begin, end) that needs no room.
template <typename Body>
void parallel_for(int64_t count, int64_t grain, const Body& body) {
  struct None {};
  parallel_for(
      count, grain, [] { return None(); },
      [&](int64_t begin, int64_t end, None&) { body(begin, end); });
}

}  // namespace lspt
