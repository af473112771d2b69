#include "ops/patch_embed.h"

#include "engine/gemm.h"
#include "engine/parallel.h"
#include "ops/linear.h"

namespace lspt {

Var patch_embed(const Tensor& images, const Var& weight, const Var& bias, DType dtype) {
  require(images.rank() == 4 && images.dtype() == DType::f32, "patch_embed: images ",
          images.shape(), " ", name_of(images.dtype()), ", expected f32 (B, C, S, T)");
  require(weight.value.rank() == 4 && weight.dim(1) == images.dim(1) &&
              weight.dim(2) == weight.dim(3) && weight.dim(2) > 0,
          "patch_embed: weight ", weight.shape(), " for images ", images.shape());
  const int64_t width = weight.dim(0), patch = weight.dim(2);
  require(images.dim(2) % patch == 0 && images.dim(3) % patch == 0, "patch_embed: images ",
          images.shape(), " are not whole patches of ", patch);
  require(bias.shape() == Shape{width}, "patch_embed: bias ", bias.shape(), ", expected (", width,
          ")");
  const int64_t tokens = images.dim(2) / patch * (images.dim(3) / patch);
  const Shape flat{width, weight.value.numel() / width};
  Tensor rows({images.dim(0), tokens, flat[1]}, dtype, images.device());
  gather_patches(rows, images, patch);
  Tensor y({images.dim(0), tokens, width}, dtype, images.device());
  gemm(y, rows, false, to_dtype(weight.value, dtype).reshape(flat), true,
       {.bias = bias.value, .pack_b = !weight.node});
  if (!recording({&weight, &bias})) return y;
  if (!weight.node) rows = {};
  enum Input { kWeight, kBias };
  return record("patch_embed", {&weight, &bias}, y, [rows, flat](Backward& b) {
    if (b.wanted(kWeight)) {
      const auto [dw, beta] = b.into(kWeight);
      gemm(dw.reshape(flat), b.grad(), true, rows, false, {.beta = beta});
    }
    if (b.wanted(kBias)) {
      const auto [db, beta] = b.into(kBias);
      column_sum(db, b.grad(), beta);
    }
  });
}

namespace cpu {

void gather_patches(const Tensor& rows, const Tensor& images, int64_t patch) {
  const int64_t channels = images.dim(1), height = images.dim(2), width = images.dim(3);
  const int64_t across = width / patch, down = height / patch, area = patch * patch;
  dispatch(rows.dtype(), [&]<typename T>() {
    T* out = rows.data<T>();
    const float* pixels = images.data<float>();
    // A piece owns one row of patches of one image.
    parallel_for(images.dim(0) * down, 1, [=](int64_t piece, int64_t) {
      const int64_t image = piece / down, top = piece % down * patch;
      for (int64_t c = 0; c < channels; ++c)
        for (int64_t y = 0; y < patch; ++y) {
          const float* from = pixels + ((image * channels + c) * height + top + y) * width;
          T* to = out + piece * across * channels * area + c * area + y * patch;
          for (int64_t n = 0; n < across; ++n, from += patch, to += channels * area)
            for (int64_t x = 0; x < patch; ++x) to[x] = from[x];
        }
    });
  });
}

}  // namespace cpu
}  // namespace lspt
