/// A ViT, a prompt method and a head: images -> logits.
#pragma once

#include <cstdint>
#include <map>
#include <memory>

#include "models/prompt.h"
#include "models/vit.h"

namespace lspt {

/// What the head reads: the class row, or the mean of all rows but it (prompts and patches).
enum class Pool { token, avg };

struct ModelConfig {
  ViTConfig vit;
  PromptConfig prompt;
  int num_classes = 0;
  Pool pool = Pool::token;
  DType dtype = DType::f32;  ///< of the frozen backbone and the activations
  Device device = Device::cpu;
  uint64_t seed = 42;
};

/// Says which dropout masks to draw: they depend on these numbers alone.
struct StepKey {
  uint64_t seed = 0;
  uint32_t epoch = 0;
  uint64_t step = 0;
};

class Model {
 public:
  /// Random initial values (method.md 1.6, 3.2, 3.4; timm's for the backbone) drawn by `seed`.
  explicit Model(const ModelConfig& config);
  ~Model();
  const ModelConfig& config() const { return config_; }

  /// Every parameter: the backbone under timm's names, then the method's, then the head's.
  Parameters parameters();
  /// The parameters that have gradients.
  Parameters trainable();

  /// Names and shapes that the backbone wants: all that is not the method's or the head's.
  std::vector<std::pair<std::string, Shape>> backbone() const;
  /// Takes f32 values for names of `backbone()` (the whole of it) or of any parameter; shapes must
  /// match. The tensors may be views of a mapped file.
  void load(const std::map<std::string, Tensor>& values);

  /// images (B, 3, S, S) f32, normalized -> logits (B, num_classes) f32. Recorded if a Tape is
  /// alive; prompt dropout acts only then.
  Var forward(const Tensor& images, const StepKey& key = {});

 private:
  struct Impl;
  ModelConfig config_;
  std::unique_ptr<Impl> impl_;
};

}  // namespace lspt
