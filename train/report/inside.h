/// What goes on inside a model, as numbers: prompts from block to block, gates, attention.
#pragma once

#include "models/model.h"

namespace lspt {

/// Similarity of the prompts that enter the blocks of a forward pass:
///   S[a][b] = mean over images i and prompts p of cos(U^a_{i,p}, U^b_{i,p})
/// entering: U of every block, (P, D) or (B, P, D) -> (L, L) f32, ones on the diagonal. `own`: of
/// U^l less its mean over images and prompts, which leaves out what all prompts of a block share (a
/// bias is enough for that); of a single prompt that is the same for all images nothing is left,
/// and its similarity is 0, on the diagonal too.
Tensor prompt_similarity(const std::vector<Tensor>& entering, bool own = false);
/// Means of S beside the diagonal: over neighbouring blocks, and over all pairs.
struct Likeness {
  double neighbours = 0, all = 0;
};
Likeness likeness_of(const Tensor& similarity);

/// What the LSTM's gates are in every step, over images, prompts and units.
enum GateColumn { kMean, kDeviation, kLow, kMedian, kHigh, kGateColumns };
/// gates as Probe has them -> (steps, 4, kGateColumns) f32; gates in the order i, f, g, o; columns
/// mean, standard deviation, 10th, 50th and 90th percentile.
Tensor gate_summary(const std::vector<Tensor>& gates);

/// Where the class row of an image looks, of its attention (heads, 1 + P + patches).
struct Gaze {
  std::vector<float> patches;      ///< mean over the heads, row by row of the grid
  double itself = 0, prompts = 0;  ///< shares of the whole, mean over the heads
};
Gaze gaze_of(const Tensor& attention, int64_t image, int64_t patches);

/// Both for the images (B, 3, S, S), which go through the model at once.
struct PromptLook {
  Tensor similarity, own_similarity;  ///< none without prompts
  Tensor gates;                       ///< gate_summary; none without an LSTM
};
PromptLook look_at_prompts(const Model& model, const Tensor& images);

}  // namespace lspt
