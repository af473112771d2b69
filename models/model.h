/// A ViT, a tuning method and a head: images -> logits.
#pragma once

#include <cstdint>
#include <functional>

#include "models/method.h"
#include "models/vit.h"

namespace lspt {

/// What the head reads: the class row; the mean of all rows but it, prompts and patches, as GaPT's
/// code pools MAE; or the mean of the patch rows alone (its img_pool). Means are normalized as MAE
/// and GaPT do it, norm(mean(x)), timm's fc_norm; or as DINOv2, Hugging Face and timm without
/// fc_norm do: mean(norm(x)).
enum class Pool { token, avg, patches };

/// How a head starts that nobody gave values for. zero: all classes alike, the first loss is ln K
/// whatever the features' size. vpt: weights normal with deviation sqrt(2 / K), bias -ln 99.
enum class HeadInit { vpt, zero };

struct ModelConfig {
  ViTConfig vit;
  MethodConfig method;
  int num_classes = 0;
  Pool pool = Pool::token;
  bool fc_norm = true;  ///< with a mean: of the rows, then the final norm; else of normalized rows
  HeadInit head_init = HeadInit::vpt;
  float head_lr_mult = 1.0f;
  DType dtype = DType::f32;  ///< of the frozen backbone and the activations
  Device device = Device::cpu;
  uint64_t seed = 42;
};

class Model {
 public:
  /// Parameters take their initial values from `values` (a whole backbone, for example; the tensors
  /// may be views of a mapped file) and where it has none are drawn by `seed`: the backbone as timm
  /// draws it, prompts uniform as VPT and GaPT do, the head as the configuration says.
  explicit Model(const ModelConfig& config, const NamedTensors& values = {});
  Model(const Model&) = delete;
  Model& operator=(const Model&) = delete;
  const ModelConfig& config() const { return config_; }

  /// Every parameter: the backbone under timm's names, then the method's, then the head's.
  Parameters parameters();
  /// The parameters that have gradients.
  Parameters trainable();

  /// Every value in f32 on the host, low-rank updates merged into the matrices: what computes the
  /// same without them.
  NamedTensors merged();

  /// Gives the named parameters other values. Throws Error(kWeights) for a name that the model does
  /// not have or another shape.
  void load(const NamedTensors& values);

  /// images (B, 3, S, S) f32, normalized, on any device -> logits (B, num_classes) f32. Recorded if
  /// a Tape is alive; prompt dropout acts only then. What `stem` gave may stand for its images.
  Var forward(const Tensor& images, const StepKey& key = {});
  /// images, or what `stem` gave of them -> what the head reads of them, (B, embed_dim) f32.
  Var features(const Tensor& images, const StepKey& key = {}) const;
  /// What the prompts are on the way of these images; no blocks if nothing is carried.
  PromptTrace trace(const Tensor& images) const;
  /// Fills `probe` with what passes by on the way of these images, in the pass that features()
  /// makes. Throws Error(kUsage) for a block that the model has not.
  void look(const Tensor& images, Probe& probe) const;
  /// Shows the patch rows that enter each block of the backbone alone, without what the method
  /// adds, (B, patches, D) f32 on the host: those of one block at a time.
  void patch_tokens(const Tensor& images,
                    const std::function<void(int block, const Tensor& rows)>& see) const;
  /// How many of the first blocks an image passes in the same way at every step, because nothing
  /// that is trained is in them or enters them; all, if the head alone has gradients.
  int frozen_blocks() const { return frozen_blocks_; }
  bool features_stay() const { return frozen_blocks() == config_.vit.depth; }
  /// images -> what they are behind those: the features, (B, embed_dim) f32, or the tokens that
  /// enter block frozen_blocks(), (B, 1 + patches, embed_dim) in the model's dtype.
  Tensor stem(const Tensor& images);

 private:
  int count_frozen_blocks();
  /// From tokens that enter block `first` to what the head reads.
  Var pooled(Var x, int first, const StepKey& key, Probe* probe = nullptr) const;

  ModelConfig config_;
  ViT vit_;
  Prompts prompts_;
  Side side_;
  std::deque<Parameter> head_;  // weight and bias of each layer
  int frozen_blocks_ = 0;
};

}  // namespace lspt
