// The table of commands.
#include "train/settings/options.h"

namespace lspt {

const std::vector<Command>& commands() {
  static const std::vector<Command> table = {
      {"train", kTrain, "Tune a model on a data set.",
       "lspt train --data CUB_200_2011 --weights mae_pretrain_vit_base.pth --method lspt "
       "--dtype bf16 --output runs/birds"},
      {"pretrain", kPretrain, "Pre-train a ViT without labels, as a masked autoencoder.",
       "lspt pretrain --data photos --model vit_tiny_patch8_64 --dtype bf16 --output runs/mae"},
      {"sweep", kSweep, "Choose settings on the validation images, then repeat over seeds.",
       "lspt sweep --recipe vpt-deep/fgvc --data CUB_200_2011 --weights mae_pretrain_vit_base.pth "
       "--sweep lr-base=0.5,1,5 --sweep weight-decay=0,1e-4 --seeds 3"},
      {"recipes", kRecipes, "List the recipes, or print one.",
       "lspt recipes gapt/cub_mae > mine.toml", "NAME", "recipe to print", 0, 1},
      {"eval", kEval, "Accuracy of a checkpoint on a data set.",
       "lspt eval --checkpoint runs/birds --data CUB_200_2011"},
      {"predict", kPredict, "Classify images.",
       "lspt predict --checkpoint runs/birds --topk 3 photo.jpg folder/ --output answers.csv",
       "IMAGE", "image files, or folders that are searched for them", 1, 1 << 20},
      {"table", kTable, "A paper's table of finished sweeps: methods by data sets.",
       "lspt table runs/cub runs/flowers --output table.tex", "SWEEP",
       "folders that lspt sweep wrote, one or several of each data set. Columns are data sets, by "
       "the name of their folder, those of VTAB in its three groups; rows are methods: tuned "
       "parameters in percent of the backbone's, top-1 on test images (mean and deviation over "
       "seeds), the mean over data sets that all methods have, and where full was run too the "
       "number "
       "of data sets on which the method is better. The best is marked with two stars (bold), the "
       "second with one (underlined)",
       1, 1 << 12},
      {"report", kReport,
       "Runs side by side on one page of HTML: accuracy, curves, answers, attention, prompts.",
       "lspt report runs/linear runs/vpt-deep runs/sweep-lspt --output report.html", "RUN",
       "run folders, or folders that are searched for them, as a sweep's; of a folder's runs those "
       "that were tested, if any were. Runs that differ by their seeds alone are taken together, "
       "and the first of them is looked into, with the test images (validation, if there are "
       "none). What cannot be had of a run is said in the report; exit code 3 if nothing can",
       1, 1 << 16},
      {"attention", kAttention, "What the class token looks at in images, as pictures and numbers.",
       "lspt attention runs/birds photo.jpg --block 11 --output attention", "RUN [IMAGE...]",
       "run folder or checkpoint, then images, or folders of them; without any, test images of the "
       "run's data. Written are softmax(q k^T / sqrt(d)) of the class token's query, attention.npy "
       "(images, heads, 1 + prompts + patches; keys in this order: class token, prompts, patches "
       "row by row), images.txt, their paths, and for each image a .png: the photo as the network "
       "sees it, the mean over the heads, each head, every picture scaled to its own largest patch",
       1, 1 << 20},
      {"prompts", kPrompts, "Prompts from block to block, and the LSTM's gates.",
       "lspt prompts runs/birds --output prompts", "RUN [IMAGE...]",
       "run folder or checkpoint, then images, or folders of them; without any, test images of the "
       "run's data. Written are, .npy and .svg: similarity (blocks, blocks), the cosine between "
       "row "
       "p of the prompts that enter one block and row p of those that enter another, mean over "
       "prompts and images; own_similarity, the same of rows less the mean over prompts and images "
       "of their block; of a run with an LSTM gates (steps, 4, 5), of the gates i, f, g, o after "
       "blocks 0, 1, ...: mean, standard deviation, 10th, 50th and 90th percentile over images, "
       "prompts and units",
       1, 1 << 20},
      {"check", kCheck,
       "Look at every image of a data set: missing, unreadable, twice, in two splits.",
       "lspt check --data CUB_200_2011"},
      {"features", kFeatures, "What the head reads of every image, as .npy files.",
       "lspt features --data CUB_200_2011 --weights mae_pretrain_vit_base.pth --output features"},
      {"info", kInfo, "Say what a weights file or checkpoint is.",
       "lspt info mae_pretrain_vit_base.pth", "FILE", "a .safetensors, PyTorch or .npz file", 1, 1},
      {"convert", kConvert, "Rewrite a backbone under timm's names.",
       "lspt convert ViT-B_16.npz vit.safetensors --dtype bf16", "FILE",
       "the file to read, then the file to write: .safetensors, or .pth, .pt, .bin for PyTorch", 2,
       2},
      {"export", kExport, "Write a tuned model as one file for other programs.",
       "lspt export runs/birds birds.safetensors", "FILE",
       "run folder or checkpoint, then the file to write: .safetensors, or .pth, .pt, .bin for "
       "PyTorch. Holds the backbone as it was tuned under timm's names (low-rank updates merged), "
       "the head, and under the names of models/*.h what a plain ViT has not; metadata has the "
       "sizes, the method's switches and the class names",
       2, 2},
      {"bench", kBench, "Speed of training steps and of inference, on random images; of reading.",
       "lspt bench --method forward,vpt-deep,lspt --dtype f32,bf16 --batch-size 8 --json"},
      {"synth", kSynth, "Write a small data set of drawn birds, in CUB-200-2011's layout.",
       "lspt synth --output birds --classes 12"},
      {"help", kHelp, "What a command does, and its flags.", "lspt help train", "COMMAND",
       "command to explain", 0, 1},
      {"completion", kCompletion, "A script by which a shell completes commands, flags and values.",
       "eval \"$(lspt completion bash)\"", "SHELL", "bash, zsh or fish", 1, 1},
      {"man", kMan, "The manual page.", "lspt man | man -l -"},
  };
  return table;
}

}  // namespace lspt
