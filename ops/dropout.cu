// The mask is a function of seed, step and element (engine/random.h): drawn here in registers,
// drawn again by backward, never stored. A thread owns four elements because one evaluation of
// the generator gives four numbers.
#include "engine/cuda.cuh"
#include "ops/dropout.h"

namespace lspt::cuda {
namespace dropout_cu {

/// A thread owns four elements: one evaluation of the stream.
template <typename T>
__global__ void mask(T* y, const T* x, int64_t count, float p, float scale, Random stream) {
  const int64_t quad = thread_index(), begin = 4 * quad;
  if (begin >= count) return;
  const auto words = stream.four(static_cast<uint64_t>(quad));
  for (int k = 0; k < 4 && begin + k < count; ++k)
    y[begin + k] = Random::unit(words[static_cast<size_t>(k)]) >= p
                       ? static_cast<float>(x[begin + k]) * scale
                       : 0.0f;
}

}  // namespace dropout_cu

void dropout_apply(const Tensor& y, const Tensor& x, float p, const Random& stream) {
  const OpScope op("dropout", bytes_of(y, x));
  dispatch(x.dtype(), [&]<typename T>() {
    launch(dropout_cu::mask<T>, blocks(x.numel(), 4 * kBlock), kBlock, y.data<T>(), x.data<T>(),
           x.numel(), p, 1.0f / (1.0f - p), stream);
  });
}

}  // namespace lspt::cuda
