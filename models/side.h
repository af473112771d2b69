/// What a method adds beside the layers of a frozen block: low-rank updates of its projections
/// (LoRA) and bottlenecks beside its branches (adapters). Both start at zero: the first step's
/// features are the backbone's own.
#pragma once

#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "models/parameter.h"

namespace lspt {

/// The projections of a block, in the order of its layers; query, key and value are thirds of qkv.
enum class Projection : uint8_t { query, key, value, proj, fc1, fc2 };
constexpr const char* kProjections[] = {"q", "k", "v", "proj", "fc1", "fc2"};
constexpr int kProjectionCount = 6;

enum class Branch : uint8_t { attention, mlp };
constexpr const char* kBranches[] = {"attn", "mlp"};

struct SideConfig {
  /// LoRA, Hu et al. 2021, arXiv:2106.09685: y = x W^T + b + (alpha / rank) (x A^T) B^T with A
  /// (rank, I) uniform as torch.nn.Linear's, B (O, rank) zero. rank 0: none. peft's defaults.
  int lora_rank = 0;
  float lora_alpha = 8.0f;
  unsigned lora_targets =
      1u << static_cast<int>(Projection::query) | 1u << static_cast<int>(Projection::value);
  /// AdaptFormer, Chen et al. 2022, arXiv:2205.13535: x + branch(x) + scale up(act(down(x))), down
  /// (dim, D) uniform as torch.nn.Linear's, up (D, dim) and both biases zero. dim 0: none.
  int adapter_dim = 0;
  float adapter_scale = 0.1f;
  /// x + branch(x) + scale up(act(down(branch(x)))): Houlsby et al. 2019, arXiv:1902.00751, and
  /// behind the MLP alone Pfeiffer et al. 2020, arXiv:2005.00247, which is VPT's adapter.
  bool adapter_sequential = false;
  bool adapter_gelu = false;  ///< act: GELU (erf) or ReLU
  unsigned adapter_at = 1u << static_cast<int>(Branch::mlp);

  bool any() const { return lora_rank > 0 || adapter_dim > 0; }
};

/// The parameters, and what they add in a block.
///   lora.{block}.{q,k,v,proj,fc1,fc2}.{down (rank, I), up (O, rank)}
///   adapter.{block}.{attn,mlp}.{down,up}.{weight,bias}
class Side {
 public:
  Side(const SideConfig& config, int depth, int64_t width, int64_t hidden, DType dtype,
       const Initializer& initializer);
  Parameters parameters();
  bool any() const { return config_.any(); }

  /// Whether `which` has an update: its product must then not have GELU fused.
  bool updates(Projection which) const;
  /// y, what projections first.. make of x side by side, each `width` wide, with their updates.
  Var projected(int block, Projection first, int count, const Var& x, Var y) const;
  /// Adds the updates to the backbone's matrices among `values` (f32, on the host) and takes them
  /// out: what is left computes the same without them.
  void merge(NamedTensors& values) const;
  /// x + branch(x) and the adapter's part. `branch` adds its argument, if there is one, in its last
  /// product.
  Var joined(int block, Branch which, const Var& x,
             const std::function<Var(const Var& residual)>& branch) const;

 private:
  struct LowRank {
    Var down, up;
  };
  struct Adapter {
    Var down_weight, down_bias, up_weight, up_bias;
  };
  SideConfig config_;
  DType dtype_;
  std::deque<Parameter> parameters_;
  std::vector<LowRank> low_rank_;  // depth times all projections, empty where there is none
  std::vector<Adapter> adapters_;  // depth times both branches
};

}  // namespace lspt
