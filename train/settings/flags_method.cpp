// The table of flags: sizes and switches of the methods.
#include "train/settings/flag_table.h"

namespace lspt {

std::vector<Flag> method_flags() {
  using namespace table;
  using O = Options;
  return {
      {"prompt-init", "", kTrain, kVariants, &O::prompt_init, "random,tokens,kmeans,PATH",
       "how prompts start: random numbers; patch tokens of a batch of training images that enter "
       "their block (SPT), or the k-means of all these; PATH, as those of a run folder, checkpoint "
       "or file of weights"},
      {"prompt-location", "", kTrain | kBench, kVariants, &O::prompt_location, "prepend|key-value",
       "--method vpt-deep: prompts are rows beside a block's tokens, or keys and values of its "
       "attention (prefix tuning)"},
      {"prompt-rank", "", kTrain | kBench, kVariants, &O::prompt_rank, "R",
       "prompts are products of two matrices of this rank (BPT); 0: they are not", 0, 8192},
      {"partial", "", kTrain | kBench, kModel, &O::partial, "K",
       "--method partial: the last blocks that are trained, beside the final norm", 1, 256},
      {"mlp-layers", "", kTrain | kBench, kModel, &O::mlp_layers, "K",
       "--method mlp: layers of the head, with ReLU between them", 2, 64},
      {"mlp-hidden", "", kTrain | kBench, kModel, &O::mlp_hidden, "N",
       "--method mlp: their width; 0: the model's", 0, 65536},
      {"adapter-dim", "", kTrain | kBench, kModel, &O::adapter_dim, "N",
       "--method adapter: width of the bottlenecks", 1, 8192},
      {"adapter-scale", "", kTrain | kBench, kModel, &O::adapter_scale, "X",
       "--method adapter: what their part is multiplied by", -kBig, kBig, "", "0.1; sequential 1"},
      {"adapter-form", "", kTrain | kBench, kModel, &O::adapter_form, "parallel|sequential",
       "--method adapter: whether a bottleneck reads what its branch reads (AdaptFormer) or what "
       "it "
       "makes (Houlsby; behind the MLP alone Pfeiffer)"},
      {"adapter-act", "", kTrain | kBench, kModel, &O::adapter_act, "relu|gelu",
       "--method adapter: between its two matrices"},
      {"adapter-at", "", kTrain | kBench, kModel, &O::adapter_at, "mlp|attn|both",
       "--method adapter: the branches of a block that have one beside them"},
      {"lora-rank", "", kTrain | kBench, kModel, &O::lora_rank, "R",
       "--method lora: rank of the updates", 1, 8192},
      {"lora-alpha", "", kTrain | kBench, kModel, &O::lora_alpha, "X",
       "--method lora: updates are multiplied by this over the rank", -kBig, kBig},
      {"lora-targets", "", kTrain | kBench, kModel, &O::lora_targets, "LIST",
       "--method lora: the projections that have updates, of q,k,v,proj,fc1,fc2; qkv is all three"},
      {"new-prompts", "", kTrain | kBench, kVariants, &O::new_prompts, "every|first",
       "learnable prompts in every block or in the first", 0, 0, "", kByMethod},
      {"carry", "", kTrain | kBench, kVariants, &O::carry, "lstm|out|gate|none",
       "what of a block's prompts enters the next", 0, 0, "", kByMethod},
      {"gspc", "", kTrain | kBench, kVariants, &O::gspc, "0|1",
       "add the mean patch token to the carried prompts", 0, 0, "", kByMethod},
      {"patch-pool", "", kTrain | kBench, kVariants, &O::patch_pool, "mean|linear",
       "what --gspc 1 adds: the mean patch token, or that and for each prompt a mixture of patch "
       "tokens that is learned from zero on (VAPT)"},
      {"attn-temp", "", kTrain | kBench, kVariants, &O::attn_temp, "0|1",
       "a learnable softmax temperature a block", 0, 0, "", kByMethod},
      {"gate-init", "", kTrain | kBench, kVariants, &O::gate_init, "X",
       "GaPT's gates start at sigmoid(-X)", -100, 100},
      {"lstm-share", "", kTrain | kBench, kVariants, &O::lstm_share, "0|1",
       "one LSTM cell for all blocks, or one each"},
      {"lstm-hidden", "", kTrain | kBench, kVariants, &O::lstm_hidden, "N",
       "width of the LSTM; 0: the model's", 0, 8192},
      {"lstm-out", "", kTrain | kBench, kVariants, &O::lstm_out, "replace|residual",
       "the LSTM's output replaces its input or is added to it"},
      {"lstm-lr-mult", "", kTrain, kVariants, &O::lstm_lr_mult, "X",
       "multiplies the learning rate of the LSTM", 0, 1000},
      {"forget-bias", "", kTrain, kVariants, &O::forget_bias, "X",
       "added to the LSTM's initial forget-gate bias", -100, 100},
      {"mean-src", "", kTrain | kBench, kVariants, &O::mean_src, "out|in",
       "mean of the patch rows that leave the block or that enter it"},
      {"mean-norm", "", kTrain | kBench, kVariants, &O::mean_norm, "none|ln",
       "layer norm of the patch rows before the mean"},
      {"mean-scope", "", kTrain | kBench, kVariants, &O::mean_scope, "patches|patches+cls",
       "rows in the mean"},
      {"mean-detach", "", kTrain | kBench, kVariants, &O::mean_detach, "0|1",
       "1: no gradient through the mean"},
      {"coding-order", "", kTrain | kBench, kVariants, &O::coding_order,
       "gspc-then-lpc|lpc-then-gspc", "whether the mean is added before or after the LSTM"},
  };
}

}  // namespace lspt
