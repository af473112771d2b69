// The table of flags and the table of commands.
#include "train/options.h"

namespace lspt {

const std::vector<Command>& commands() {
  static const std::vector<Command> table = {
      {"train", kTrain, "Tune a model on a data set.",
       "lspt train --data CUB_200_2011 --weights mae_pretrain_vit_base.pth --method lspt "
       "--dtype bf16 --output runs/birds"},
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
      {"bench", kBench, "Speed of training steps and of inference, on random images; of reading.",
       "lspt bench --method forward,vpt-deep,lspt --dtype f32,bf16 --batch-size 8 --json"},
      {"synth", kSynth, "Write a small data set of drawn birds, in CUB-200-2011's layout.",
       "lspt synth --output birds --classes 12"},
  };
  return table;
}

const std::vector<Flag>& flags() {
  using O = Options;
  constexpr unsigned kModels = kTrain | kEval | kPredict | kBench | kFeatures;
  constexpr unsigned kSets = kTrain | kEval | kCheck | kFeatures;
  constexpr const char* kMethods = "linear|full|vpt-shallow|vpt-deep|gapt|gspc|lpc|lspt";
  constexpr const char *kData = "Data", *kModel = "Model", *kVariant = "Variants of the prompts",
                       *kOptim = "Optimization", *kMachine = "Machine", *kOut = "Output",
                       *kMeasure = "Measurement", *kSweeps = "Sweep";
  constexpr const char* kByMethod = "by method";
  constexpr unsigned kTrainOnly = kTrain & ~kRun, kSweepOnly = kSweep & ~kRun;
  const double big = 1e38, huge = 9007199254740992.0;  // 2^53: every integer below is a double
  static const std::vector<Flag> table = {
      {"data", ",--data-dir", kSets | kBench, kData, &O::data, "DIR",
       "data set as its owner ships it: CUB-200-2011, NABirds, Oxford Flowers, Stanford Dogs or "
       "Cars, "
       "a VTAB-1k task, VPT's JSON splits, train.txt and test.txt of `path label`, or a folder per "
       "class"},
      {"dataset", "", kSets | kBench, kData, &O::dataset,
       "auto|cub|nabirds|flowers|dogs|cars|vtab|vpt-json|list|folder",
       "layout of the data set; auto: by what the folder holds"},
      {"train-list", "", kSets, kData, &O::train_list, "FILE",
       "list of training images, relative to --data"},
      {"val-list", "", kSets, kData, &O::val_list, "FILE",
       "list of validation images, relative to --data"},
      {"test-list", "", kSets, kData, &O::test_list, "FILE",
       "list of test images, relative to --data"},
      {"label-column", "", kSets, kData, &O::label_column, "COLUMN",
       "of lists with several label columns: the number of one, the first being 1, or its name in "
       "the header",
       0, 0, "", "the first"},
      {"class-depth", "", kSets, kData, &O::class_depth, "N",
       "of class folders that nest: how many folders of an image's path make its class, with all "
       "images below; 1: as torchvision's ImageFolder; 0: each folder that holds images is a class",
       0, 64},
      {"val-fraction", "", kTrain, kData, &O::val_fraction, "X",
       "where the data set has no validation split: share of each class's training images that the "
       "best epoch is chosen on; 0: it is chosen on the test images",
       0, 0.9},
      {"val-fraction", "", kCheck | kFeatures, kData, &O::val_fraction, "X",
       "as for train; 0: the splits that the data set has", 0, 0.9, "0"},
      {"split-seed", "", kTrain | kCheck | kFeatures, kData, &O::split_seed, "N",
       "which images --val-fraction takes", 0, huge},
      {"split", "", kEval, kData, &O::split, "auto|test|val|train",
       "which images to evaluate on; auto: test, or val where there is no test"},
      {"img-size", "", kTrain | kBench | kFeatures, kData, &O::img_size, "N",
       "image size; position embeddings are interpolated to it", 8, 2048, "", "the model's"},
      {"img-size", "", kCheck, kData, &O::img_size, "N",
       "input of the network: images with a shorter side are counted as small", 8, 2048, "224"},
      {"no-aug", "", kTrain, kData, &O::no_aug, "",
       "train on centre crops, as evaluation sees them: no random crop, no flip. --method linear "
       "then "
       "computes the features of an image once"},
      {"transform", "", kTrain | kFeatures, kData, &O::transform, "auto|fgvc|vtab",
       "fgvc: short side to 8/7 of the size, then a crop, random and mirrored in training; vtab: "
       "straight to the size, nothing random; auto: vtab for data in VTAB's layout"},
      {"interpolation", "", kTrain | kFeatures, kData, &O::interpolation,
       "auto|bilinear|bicubic|tf-bilinear",
       "filter of the resize: Pillow's, or TensorFlow 1's as in VPT's VTAB; auto: bilinear, with "
       "vtab bicubic"},
      {"crop-rule", "", kTrain | kFeatures, kData, &O::crop_rule, "torchvision-0.9|torchvision-0.8",
       "where fgvc's centre crop is: they differ by a pixel in a quarter of the sizes"},
      {"normalization", ",--norm-mean", kTrain | kFeatures, kData, &O::normalization,
       "auto|imagenet|half", "pixel constants; auto: those of the weights' family"},
      {"bad-images", "", kTrain, kData, &O::bad_images, "error|skip",
       "images that cannot be read: an error, or left out, counted and named"},
      {"bad-images", "", kEval | kFeatures, kData, &O::bad_images, "error|skip",
       "images that cannot be read: an error, or left out, counted and named", 0, 0, "",
       "error, or as the checkpoint's run had it"},
      {"cache", "", kTrain | kEval | kFeatures, kData, &O::cache, "DIR",
       "where decoded images are kept for later runs; off: nowhere; auto: lspt/images in "
       "$XDG_CACHE_HOME or ~/.cache",
       0, 0, "", "auto", false},

      {"weights", ",--pretrained-path", kTrain | kEval | kPredict | kFeatures, kModel, &O::weights,
       "FILE",
       "backbone: .safetensors, PyTorch or .npz file (MAE, MoCo v3, DINO, DINOv2, timm, Google, "
       "Hugging Face)",
       0, 0, "", "none for train: random; else the file that the checkpoint names"},
      {"family", "", kTrain | kFeatures | kConvert, kModel, &O::family,
       "auto|timm|deit|mae|moco_v3|dino|dinov2|hf_vit|hf_vit_mae|google",
       "whose pre-training the weights are, which decides on pixel constants, pooling and how "
       "positions are interpolated; auto: as the file tells"},
      {"model", ",-m", kTrain | kFeatures, kModel, &O::model, "NAME",
       "vit_{tiny,small,base,large}_patch{8,14,16}_{size}, or timm's name of one of these sizes", 0,
       0, "", "the weights'; without any vit_base_patch16_224"},
      {"model", ",-m", kBench, kModel, &O::model, "NAME",
       "vit_{tiny,small,base,large}_patch{8,14,16}_{size}", 0, 0, "vit_base_patch16_224"},
      {"method", "", kTrain, kModel, &O::method, kMethods, "what is trained"},
      {"method", "", kBench, kModel, &O::method, "LIST",
       "comma list of methods, and `forward` for inference; or `loader` for reading --data"},
      {"prompts", ",--num-prompts", kTrain, kModel, &O::prompts, "N",
       "prompts (per block where every block has its own)", 0, 4096, "", kByMethod},
      {"prompts", ",--num-prompts", kBench, kModel, &O::prompts, "N",
       "prompts, for methods that have any", 0, 4096, "50"},
      {"prompt-dropout", "", kTrain, kModel, &O::prompt_dropout, "X", "dropout on prompts", 0, 0.99,
       "", kByMethod},
      {"prompt-dropout", "", kBench, kModel, &O::prompt_dropout, "X", "dropout on prompts", 0,
       0.99},
      {"pool", "", kTrain | kBench | kFeatures, kModel, &O::pool, "auto|token|avg|patches",
       "head input: class row, mean of all other rows, or of the patches alone; auto: avg for MAE, "
       "as the weights' own run had it, else token"},
      {"mae-norm", "", kTrain, kModel, &O::mae_norm, "stored|vpt",
       "final norm of MAE weights: the file's, as GaPT has it, or weight 1 and bias 0, as VPT's "
       "loader leaves its fc_norm"},
      {"fc-norm", "", kTrain | kFeatures, kModel, &O::fc_norm, "auto|0|1",
       "with a mean in --pool: 1 normalizes the mean (MAE, GaPT), 0 takes the mean of normalized "
       "rows (DINOv2, Hugging Face, timm without fc_norm); auto: as the weights' family does"},
      {"pos-interpolation", "", kTrain | kFeatures, kModel, &O::pos_interpolation,
       "auto|antialiased|bicubic|offset|bilinear",
       "how position embeddings become those of another image size; auto: as the code of the "
       "weights' authors: antialiased (timm), bicubic (MAE, Hugging Face), offset (DINO, DINOv2), "
       "bilinear (Google)"},
      {"init-head", ",--head-init", kTrain, kModel, &O::init_head, "auto,zero,vpt,PATH",
       "how the head starts: zero, all classes alike; vpt, at random as VPT's does; PATH, as a "
       "linear probe's of the same backbone, data and split, a run folder or checkpoint; auto: "
       "zero, with which prompts end higher than from a probe's; vpt for --method full without "
       "--weights"},
      {"classes", "", kBench, kModel, &O::classes, "N", "classes of the head", 1, 100000, "200"},
      {"classes", "", kSynth, kData, &O::classes, "N", "classes", 2, 120, "12"},
      {"train-per-class", "", kSynth, kData, &O::train_per_class, "N", "training images a class", 1,
       10000},
      {"test-per-class", "", kSynth, kData, &O::test_per_class, "N", "test images a class", 0,
       10000},
      {"size", "", kSynth, kData, &O::size, "N", "width and height of the images", 16, 1024},

      {"new-prompts", "", kTrain | kBench, kVariant, &O::new_prompts, "every|first",
       "learnable prompts in every block or in the first", 0, 0, "", kByMethod},
      {"carry", "", kTrain | kBench, kVariant, &O::carry, "lstm|out|gate|none",
       "what of a block's prompts enters the next", 0, 0, "", kByMethod},
      {"gspc", "", kTrain | kBench, kVariant, &O::gspc, "0|1",
       "add the mean patch token to the carried prompts", 0, 0, "", kByMethod},
      {"attn-temp", "", kTrain | kBench, kVariant, &O::attn_temp, "0|1",
       "a learnable softmax temperature a block", 0, 0, "", kByMethod},
      {"gate-init", "", kTrain | kBench, kVariant, &O::gate_init, "X",
       "GaPT's gates start at sigmoid(-X)", -100, 100},
      {"lstm-share", "", kTrain | kBench, kVariant, &O::lstm_share, "0|1",
       "one LSTM cell for all blocks, or one each"},
      {"lstm-hidden", "", kTrain | kBench, kVariant, &O::lstm_hidden, "N",
       "width of the LSTM; 0: the model's", 0, 8192},
      {"lstm-out", "", kTrain | kBench, kVariant, &O::lstm_out, "replace|residual",
       "the LSTM's output replaces its input or is added to it"},
      {"lstm-lr-mult", "", kTrain, kVariant, &O::lstm_lr_mult, "X",
       "multiplies the learning rate of the LSTM", 0, 1000},
      {"forget-bias", "", kTrain, kVariant, &O::forget_bias, "X",
       "added to the LSTM's initial forget-gate bias", -100, 100},
      {"mean-src", "", kTrain | kBench, kVariant, &O::mean_src, "out|in",
       "mean of the patch rows that leave the block or that enter it"},
      {"mean-norm", "", kTrain | kBench, kVariant, &O::mean_norm, "none|ln",
       "layer norm of the patch rows before the mean"},
      {"mean-scope", "", kTrain | kBench, kVariant, &O::mean_scope, "patches|patches+cls",
       "rows in the mean"},
      {"mean-detach", "", kTrain | kBench, kVariant, &O::mean_detach, "0|1",
       "1: no gradient through the mean"},
      {"coding-order", "", kTrain | kBench, kVariant, &O::coding_order,
       "gspc-then-lpc|lpc-then-gspc", "whether the mean is added before or after the LSTM"},

      {"epochs", "", kTrain, kOptim, &O::epochs, "N", "epochs", 1, 100000, "", kByMethod},
      {"batch-size", ",-b", kTrain, kOptim, &O::batch_size, "N", "images a step", 1, 1 << 16, "",
       kByMethod},
      {"batch-size", ",-b", kBench | kPredict, kMachine, &O::batch_size, "N", "images a step", 1,
       1 << 16, "8"},
      {"batch-size", ",-b", kFeatures, kMachine, &O::batch_size, "N", "images a step", 1, 1 << 16,
       "32"},
      {"validation-batch-size", "", kTrain, kOptim, &O::validation_batch_size, "N",
       "images a step of evaluation", 1, 1 << 16, "", "the batch size"},
      {"validation-batch-size", "", kEval, kOptim, &O::validation_batch_size, "N",
       "images a step of evaluation", 1, 1 << 16, "", "the checkpoint's"},
      {"opt", "", kTrain, kOptim, &O::opt, "sgd|adamw|lbfgs",
       "optimizer; lbfgs, for --method linear: an epoch looks at every image once, and the head is "
       "fitted exactly to all looks so far, with the weight decay that is best on the validation "
       "images, or the one given",
       0, 0, "", kByMethod},
      {"lr", "", kTrain, kOptim, &O::lr, "X", "learning rate, absolute", 0, big, "", kByMethod},
      {"lr-base", "", kTrain, kOptim, &O::lr_base, "X",
       "learning rate per 256 images, VPT's rule, in the place of --lr: lr = X * batch size / 256",
       0, big, "", "none"},
      {"head-lr-mult", "", kTrain, kOptim, &O::head_lr_mult, "X",
       "multiplies the learning rate of the head", 0, 1e6, "", kByMethod},
      {"min-lr", "", kTrain, kOptim, &O::min_lr, "X", "learning rate where the cosine ends", 0,
       big},
      {"weight-decay", ",--wd", kTrain, kOptim, &O::weight_decay, "X", "weight decay", 0, 1e6, "",
       kByMethod},
      {"momentum", "", kTrain, kOptim, &O::momentum, "X", "momentum of sgd", 0, 0.9999},
      {"clip-grad", "", kTrain, kOptim, &O::clip_grad, "X",
       "largest norm of all gradients together; 0: no limit", 0, 1e6},
      {"warmup-epochs", "", kTrain, kOptim, &O::warmup_epochs, "N",
       "epochs in which the learning rate rises", 0, 100000, "", kByMethod},
      {"choose", "", kTrain, kOptim, &O::choose, "one-se|best|last",
       "the epoch that is kept: one-se, the last whose top-1 is within a standard error of the "
       "highest; best, the highest (timm); last (VPT)"},
      {"patience", "", kTrain, kOptim, &O::patience, "N",
       "stop after N epochs without a new highest top-1; 0: never", 0, 100000},
      {"sched", "", kTrain, kOptim, &O::sched, "step|epoch",
       "the learning rate changes every step, or every epoch as in VPT (epoch 0 is then at 0)"},
      {"label-smoothing", ",--smoothing", kTrain, kOptim, &O::label_smoothing, "X",
       "label smoothing", 0, 0.99},
      {"seed", "", kTrain | kBench | kSynth, kOptim, &O::seed, "N", "seed of everything random", 0,
       huge},

      {"dtype", "", kTrain | kFeatures, kMachine, &O::dtype, "f32|bf16",
       "of the frozen backbone and the activations"},
      {"dtype", "", kBench, kMachine, &O::dtype, "LIST", "comma list of f32 and bf16"},
      {"dtype", "", kConvert, kOut, &O::dtype, "f32|bf16|f16", "of the tensors written"},
      {"device", "", kModels, kMachine, &O::device, "auto|cpu|cuda", "where to compute", 0, 0, "",
       "", false},
      {"tf32", "", kModels, kMachine, &O::tf32, "0|1",
       "GPU: products of f32 may round their inputs to 10 bits"},
      {"cuda-graph", "", kTrain | kBench, kMachine, &O::cuda_graph, "auto|on|off",
       "GPU: capture a training step once and replay it; the same bits", 0, 0, "", "", false},
      {"threads", "", kModels, kMachine, &O::threads, "N", "compute threads", 1, 4096, "",
       "OMP_NUM_THREADS, or the processors this process may use", false},
      {"threads", "", kCheck, kMachine, &O::threads, "N", "threads that read images", 1, 4096, "",
       "OMP_NUM_THREADS, or the processors this process may use", false},
      {"workers", ",-j", kModels, kMachine, &O::workers, "N", "threads that read images; 0: none",
       0, 256, "", "", false},
      {"iterations", "", kBench, kMeasure, &O::iterations, "N", "timed steps", 1, 100000},
      {"warmup", "", kBench, kMeasure, &O::warmup, "N", "steps before the timed ones", 0, 100000},

      {"output", "", kTrain, kOut, &O::output, "DIR", "folder for everything that a run writes", 0,
       0, "", "runs/RECIPE or runs/METHOD-MODEL (sweep: runs/sweep-...), or the resumed run",
       false},
      {"output", "", kEval, kOut, &O::output, "DIR",
       "folder for eval.json, per_class.csv and confusion.csv", 0, 0, "", "none"},
      {"predictions", "", kEval, kOut, &O::predictions, "FILE",
       "file for the prediction of every image: .csv, .json or .jsonl", 0, 0, "", "none"},
      {"output", "", kPredict, kOut, &O::output, "FILE",
       "file for the answers, in the place of standard output: .csv, .json or .jsonl", 0, 0, "",
       "none"},
      {"output", "", kCheck, kOut, &O::output, "DIR", "folder for classes.csv and problems.csv", 0,
       0, "", "none"},
      {"output", "", kFeatures, kOut, &O::output, "DIR",
       "folder for features_SPLIT.npy, labels_SPLIT.npy, paths_SPLIT.txt and classes.txt", 0, 0, "",
       "required"},
      {"output", "", kSynth, kOut, &O::output, "DIR", "folder to write; new or empty", 0, 0, "",
       "required"},
      {"resume", "", kTrainOnly, kOut, &O::resume, "PATH",
       "run folder or checkpoint to continue, with its settings", 0, 0, "", "none", false},
      {"recipe", "", kTrain, kModel, &O::recipe, "NAME",
       "settings of a published run (`lspt recipes` lists them), or of a file NAME.toml; the "
       "command line goes before them",
       0, 0, "", "none"},
      {"sweep", "", kSweepOnly, kSweeps, &O::sweep, "FLAG=X,Y,...",
       "values to try, in the place of the recipe's; given several times: every combination. lr is "
       "absolute, lr-base per 256 "
       "images. The one with the highest top-1 on the validation images is chosen (of equals the "
       "one with the smaller learning rate)",
       0, 0, "", "the recipe's"},
      {"seeds", "", kSweepOnly, kSweeps, &O::seeds, "N or A,B,...",
       "number of seeds to run the chosen settings with, from --seed on, or the seeds themselves",
       0, 0, "", "the recipe's, or 3"},
      {"overwrite", "", kTrain, kOut, &O::overwrite, "", "replace an earlier run in --output", 0, 0,
       "", "", false},
      {"overwrite", "", kEval | kPredict | kCheck | kFeatures | kConvert, kOut, &O::overwrite, "",
       "replace files that are there"},
      {"checkpoint", "", kEval | kPredict, kModel, &O::checkpoint, "PATH",
       "checkpoint, or run folder: its best.safetensors", 0, 0, "", "required"},
      {"checkpoint", "", kFeatures, kModel, &O::checkpoint, "PATH",
       "checkpoint, or run folder, whose tuned model is used as it was trained", 0, 0, "", "none"},
      {"topk", "", kPredict, kOut, &O::topk, "N", "classes to name an image", 1, 1000},
      {"log-interval", "", kTrain, kOut, &O::log_interval, "N",
       "steps between lines where the output is no terminal", 1, 1000000, "", "", false},
      {"strict", "", kCheck, kOut, &O::strict, "",
       "exit with 3 also where data are only doubtful: leaks, duplicates, classes without training "
       "images"},
      {"json", "", kTrain | kEval | kPredict | kInfo | kBench | kCheck, kOut, &O::json, "",
       "machine-readable standard output", 0, 0, "", "", false},
  };
  return table;
}

}  // namespace lspt
