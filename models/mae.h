/// The masked autoencoder of He et al. 2022, arXiv:2111.06377, as its authors' models_mae.py
/// defines it: a ViT reads a quarter of an image's patches, a light decoder draws the others.
#pragma once

#include <cstdint>

#include "models/vit.h"

namespace lspt {

struct MaeConfig {
  ViTConfig vit;
  int decoder_dim = 512, decoder_depth = 8, decoder_heads = 16;
  double mask_ratio = 0.75;
  bool norm_pix = true;      ///< targets are normalized patch by patch (ops/patch_loss.h)
  DType dtype = DType::f32;  ///< of the activations; parameters are f32
  Device device = Device::cpu;
  uint64_t seed = 42;

  /// Patches that the encoder sees: floor(N (1 - mask_ratio)).
  int64_t visible() const;
};

/// MAE's decoder (512 wide, 8 blocks, 32 channels a head, for a ViT-B of 768 and 12) for another
/// encoder: two thirds of its width, to multiples of 32, and of its blocks, at most MAE's.
void scale_decoder(MaeConfig& config);

/// Names and shapes of all parameters, MAE's names: the encoder's, which are a ViT's, then
/// mask_token and decoder_*.
NamedShapes mae_shapes(const MaeConfig& config);

/// Fixed positions (1 + grid^2, width): a row of zeros for the class token, then for each patch,
/// row by row, [sin(x w), cos(x w), sin(y w), cos(y w)] of its column x and row y with the width /
/// 4 frequencies w_k = 10000^(-4k / width). Throws Error(kUsage) unless 4 divides the width.
Tensor sincos_positions(int64_t width, int64_t grid);

/// A random order of the patches of each image, (B, patches) f32: the numbers 0 .. patches-1 sorted
/// by noise that the stream (seed, epoch, image, Purpose::mask) gives them.
Tensor random_order(const std::vector<int64_t>& images, int64_t patches, uint64_t seed,
                    uint32_t epoch);

/// images (B, 3, S, S) f32, an order (B, N) of their patches (ops/masked_tokens.h). All is trained
/// but the positions. A recorded pass keeps what its ops keep.
class Mae {
 public:
  /// Parameters take their values from `values` and where it has none are drawn by the seed, as MAE
  /// does: matrices Xavier-uniform, tokens normal 0.02, biases 0.
  explicit Mae(const MaeConfig& config, const NamedTensors& values = {});
  Mae(const Mae&) = delete;
  Mae& operator=(const Mae&) = delete;
  const MaeConfig& config() const { return config_; }

  /// All of them, under MAE's names; weight_decay is set for those of two dimensions and more, as
  /// MAE's code does (its tokens decay too).
  Parameters parameters();
  /// Without the two tables of positions.
  Parameters trainable();
  /// The encoder's alone: what a ViT loads.
  Parameters encoder() { return encoder_.parameters(); }

  /// Visible rows behind the final norm, (B, 1 + visible, D).
  Var encode(const Tensor& images, const Tensor& order) const;
  /// What the decoder draws of the masked patches, in the order's order: (B, N - visible, p p 3).
  Var predict(const Tensor& images, const Tensor& order) const;
  /// patch_loss of that, (1).
  Var loss(const Tensor& images, const Tensor& order) const;

 private:
  const Var& named(const std::string& name) const;

  MaeConfig config_;
  NamedTensors values_;  // initial ones, while the model is made
  ViT encoder_;
  std::deque<Parameter> parameters_;  // the decoder's
  std::vector<BlockWeights> blocks_;
  Tensor positions_;  // decoder_pos_embed as a matrix
};

}  // namespace lspt
