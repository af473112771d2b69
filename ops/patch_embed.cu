// A convolution whose stride is its width is a product: here patches become the rows of a
// matrix, which linear's product takes. A thread owns V neighbouring pixels of one line of a
// patch, the longest run that is contiguous on both sides; each pixel is read and written once.
#include "engine/cuda.cuh"
#include "ops/patch_embed.h"

namespace lspt::cuda {
namespace patch_embed_cu {

/// A thread owns V pixels of one line of a patch: of `rows` in its order, (image, patch, channel,
/// y, x).
template <int V, typename T>
__global__ void gather(T* rows, const float* images, int64_t total, int channels, int height,
                       int width, int patch) {
  const int64_t i = thread_index() * V;
  if (i >= total) return;
  int64_t rest = i;
  const int x = static_cast<int>(rest % patch);
  rest /= patch;
  const int y = static_cast<int>(rest % patch);
  rest /= patch;
  const int channel = static_cast<int>(rest % channels);
  rest /= channels;
  const int across = width / patch, column = static_cast<int>(rest % across);
  rest /= across;
  const int down = height / patch, row = static_cast<int>(rest % down);
  const int64_t image = rest / down;
  float pixel[V];
  load<V>(pixel, images + ((image * channels + channel) * height + row * patch + y) * width +
                     column * patch + x);
  store<V>(rows + i, pixel);
}

}  // namespace patch_embed_cu

void gather_patches(const Tensor& rows, const Tensor& images, int64_t patch) {
  const OpScope op("gather_patches", bytes_of(rows, images));
  dispatch(rows.dtype(), [&]<typename T>() {
    with_width(wide(patch, rows, images), [&]<int V>() {
      launch(patch_embed_cu::gather<V, T>, blocks(rows.numel(), kBlock * V), kBlock, rows.data<T>(),
             images.data<float>(), rows.numel(), images.dim(1), images.dim(2), images.dim(3),
             patch);
    });
  });
}

}  // namespace lspt::cuda
