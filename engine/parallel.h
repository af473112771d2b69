/// Threads: one OpenMP pool, the same that oneDNN uses, so that kernels and products never compete.
#pragma once

#include <omp.h>

#include <algorithm>
#include <cstdint>

namespace lspt {

/// Threads that kernels use: OMP_NUM_THREADS if set, else the processors this process may run on.
inline int thread_count() { return omp_get_max_threads(); }
inline void set_thread_count(int count) { omp_set_num_threads(count); }

/// Calls body(begin, end) on pieces of [0, count) of `grain` indices each (the last may be
/// shorter). Pieces depend on the grain alone, never on the number of threads, so a sum kept per
/// piece and added in piece order has the same bits on any number of threads. body must not throw.
template <typename Body>
void parallel_for(int64_t count, int64_t grain, const Body& body) {
  if (count <= 0) return;
  grain = std::max<int64_t>(grain, 1);
  const int64_t pieces = (count + grain - 1) / grain;
  if (pieces == 1 || omp_in_parallel()) {
    for (int64_t p = 0; p < pieces; ++p) body(p * grain, std::min(count, (p + 1) * grain));
    return;
  }
#pragma omp parallel for schedule(dynamic, 1)
  for (int64_t p = 0; p < pieces; ++p) body(p * grain, std::min(count, (p + 1) * grain));
}

}  // namespace lspt
