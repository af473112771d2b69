/// What the user can say: one table of flags that drives parsing, --help, config.json and the
/// message for an unknown flag.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "engine/error.h"

namespace lspt {

/// Fields are the flags' values; initial values are the defaults. "" and 0 where a default depends
/// on the method or on the weights: resolve() in defaults.h fills those.
struct Options {
  // data
  std::string data, dataset = "auto", train_list, val_list, test_list, label_column, split = "auto";
  double val_fraction = 0.1;
  int64_t split_seed = 0, class_depth = 0;
  std::string transform = "auto", interpolation = "auto", crop_rule = "torchvision-0.9";
  std::string normalization = "auto", bad_images = "error", cache = "auto";
  int64_t img_size = 0;
  bool no_aug = false;
  // model
  std::string weights, family = "auto", model = "vit_base_patch16_224", method = "lspt",
                       pool = "auto";
  std::string mae_norm = "stored", fc_norm = "auto", pos_interpolation = "auto", init_head = "auto";
  int64_t prompts = 0, prompt_rank = 0;
  double prompt_dropout = 0;
  std::string new_prompts, carry, gspc, attn_temp, prompt_init = "random", patch_pool = "mean",
                                                   prompt_location = "prepend";
  int64_t partial = 1, mlp_layers = 3, mlp_hidden = 0, adapter_dim = 64, lora_rank = 8;
  double adapter_scale = 0.1, lora_alpha = 8;
  std::string adapter_at = "mlp", adapter_form = "parallel", adapter_act = "relu",
              lora_targets = "q,v";
  bool lstm_share = true, mean_detach = false;
  int64_t lstm_hidden = 0;
  std::string lstm_out = "replace", mean_src = "out", mean_norm = "none", mean_scope = "patches";
  std::string coding_order = "gspc-then-lpc";
  double forget_bias = 0, lstm_lr_mult = 1, gate_init = 5, head_lr_mult = 1;
  // optimization
  std::string opt, sched = "step";
  int64_t epochs = 0, warmup_epochs = 0, batch_size = 0, validation_batch_size = 0;
  double lr = 0, lr_base = 0, min_lr = 0, momentum = 0.9, weight_decay = 0, clip_grad = 0,
         label_smoothing = 0;
  int64_t seed = 42, patience = 0;
  std::string choose = "one-se";
  // machine
  std::string dtype = "f32", device = "auto", cuda_graph = "auto";
  bool tf32 = false;
  int64_t threads = 0, workers = 2;
  double save_interval = 5;
  // output
  std::string output, predictions, resume, config, checkpoint;
  bool overwrite = false, print_config = false, dry_run = false, log_json = false,
       tensorboard = false, json = false, strict = false, hash = false;
  int64_t log_interval = 10, topk = 5;
  // recipes and sweeps
  std::string recipe, seeds, reference;
  std::vector<std::string> sweep;
  // pretrain, and the sizes of a model
  double mask_ratio = 0.75;
  bool norm_pix = true;
  int64_t embed_dim = 0, depth = 0, num_heads = 0, patch_size = 0;
  int64_t decoder_dim = 0, decoder_depth = 0, decoder_heads = 0;
  int64_t picture_interval = 10, probe_interval = 0;
  // looking inside
  int64_t block = -1, images = 8;
  // bench and synth
  int64_t classes = 0, iterations = 10, warmup = 3;
  int64_t train_per_class = 30, test_per_class = 12, size = 112;

  std::vector<std::string> files;      ///< positional arguments
  std::set<std::string> given = {};    ///< names of the flags that the command line has
  std::set<std::string> settled = {};  ///< those of them that only --config has
  bool has(const std::string& flag) const { return given.contains(flag); }
  /// Whether someone wants it for this run: it should have an effect then.
  bool asked(const std::string& flag) const { return has(flag) && !settled.contains(flag); }
};

enum CommandBit : unsigned {
  kRun = 1,  ///< what a training run has: train and sweep
  kTrain = kRun | 128,
  kEval = 2,
  kPredict = 4,
  kInfo = 8,
  kConvert = 16,
  kBench = 32,
  kSynth = 64,
  kCheck = 256,
  kFeatures = 512,
  kSweep = kRun | 1024,
  kRecipes = 2048,
  kHelp = 4096,
  kCompletion = 8192,
  kMan = 16384,
  kPretrain = 32768,
  kReport = 65536,
  kAttention = 131072,
  kPrompts = 262144,
  kExport = 524288,
  kTable = 1048576
};

struct Command {
  std::string name;
  CommandBit bit;
  std::string help;
  std::string example;
  std::string positional = {};  ///< name of the positional arguments in --help, "" for none
  std::string positional_help = {};
  int positional_min = 0, positional_max = 0;
};
const std::vector<Command>& commands();

struct Flag {
  using Field = std::variant<std::string Options::*, int64_t Options::*, double Options::*,
                             bool Options::*, std::vector<std::string> Options::*>;
  std::string name;     ///< long name without dashes
  std::string aliases;  ///< ",-b,--other" or ""
  unsigned commands;
  std::string group;
  Field field;        ///< a list takes every value that is given, other fields the last
  std::string value;  ///< "FILE", "N", choices "a|b" (checked); "" for a switch
  std::string help;
  double low = 0, high = 0;       ///< range of a number, inclusive
  std::string fallback = {};      ///< the default where it is not the field's initial value
  std::string default_text = {};  ///< what --help says of a default that depends on other things
  bool result = true;  ///< whether what a run computes may depend on it: kept in checkpoints
};
const std::vector<Flag>& flags();
inline constexpr const char* kByMethod = "by method";                ///< a default_text
inline constexpr const char* kVariants = "Variants of the prompts";  ///< a group
/// Those of a command: of two with one name the first.
std::vector<const Flag*> flags_of(unsigned command);
/// The flag of that name for the command; nullptr if there is none.
const Flag* find_flag(const std::string& name, unsigned command);

/// "--batch-size", "-b".
std::vector<std::string> spellings_of(const Flag& flag);
/// The values of a flag that has a choice of few, or none.
std::vector<std::string> choices_of(const Flag& flag);
/// Its help with the default in brackets.
std::string description_of(const Flag& flag);

/// Checks and sets one value. Throws Error(kUsage) that names the flag, what was found and what is
/// expected; numbers must be finite, in range, and in the C locale's form.
void set_value(Options& options, const Flag& flag, const std::string& text);
/// The value as text that set_value takes back exactly.
std::string text_of(const Options& options, const Flag& flag);

/// Of `words` the one nearest to `word` by Damerau-Levenshtein distance, or "" if all are more than
/// two edits away.
std::string nearest(const std::string& word, const std::vector<std::string>& words);

/// All of a command's flags as JSON, for config.json; `only_results` leaves out those that the
/// result cannot depend on.
std::string to_json(const Options& options, bool only_results, unsigned command = kTrain);
/// The inverse; what the text has counts as given. Flags that the result cannot depend on are
/// passed over unless `all` are wanted. Throws Error(kind) naming `source` and the line for
/// anything but what to_json writes.
Options options_from_json(const std::string& text, const std::string& source, bool all = false,
                          ErrorKind kind = ErrorKind::kWeights, unsigned command = kTrain);

struct Invocation {
  const Command* command = nullptr;  ///< nullptr: print `text` (help or version) and stop
  Options options;
  std::string text;
};
/// Throws Error(kUsage).
Invocation parse_command_line(int argc, const char* const* argv);

inline constexpr const char* kExitCodes =
    "Exit codes:\n"
    "  0 done   1 internal error (a bug)      2 wrong flag or value   3 data missing or bad\n"
    "  4 weights or checkpoint bad            5 training diverged     6 out of memory\n"
    "  7 cannot write    130 stopped by Ctrl-C, 143 by SIGTERM (a resumable checkpoint is saved)";

}  // namespace lspt
