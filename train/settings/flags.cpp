// The table of flags: what goes in.
#include "train/settings/flag_table.h"

namespace lspt {

const std::vector<Flag>& flags() {
  static const std::vector<Flag> all = [] {
    std::vector<Flag> out = input_flags();
    for (const std::vector<Flag>& more : {method_flags(), run_flags()})
      out.insert(out.end(), more.begin(), more.end());
    return out;
  }();
  return all;
}

std::vector<Flag> input_flags() {
  using namespace table;
  using O = Options;
  constexpr unsigned kSets = kTrain | kEval | kCheck | kFeatures;
  std::string methods;
  for (const std::string& name : method_names()) methods += (methods.empty() ? "" : "|") + name;
  return {
      {"data", ",--data-dir", kSets | kBench | kPretrain, kData, &O::data, "DIR",
       "data set as its owner ships it: CUB-200-2011, NABirds, Oxford Flowers, Stanford Dogs or "
       "Cars, "
       "a VTAB-1k task, VPT's JSON splits, train.txt and test.txt of `path label`, or a folder per "
       "class"},
      {"data", ",--data-dir", kLook, kData, &O::data, "DIR",
       "where the data set is now, if not where the run had it", 0, 0, "", "the run's"},
      {"dataset", "", kSets | kBench, kData, &O::dataset,
       "auto|cub|nabirds|flowers|dogs|cars|vtab|vpt-json|list|folder",
       "layout of the data set; auto: by what the folder holds"},
      {"dataset", "", kPretrain, kData, &O::dataset,
       "auto|cub|nabirds|flowers|dogs|cars|vtab|vpt-json|list|folder|images",
       "layout of the data set; images: all images in there, in folders of any depth; auto: by "
       "what "
       "the folder holds, images where it is none of the others"},
      {"train-list", "", kSets | kPretrain, kData, &O::train_list, "FILE",
       "list of training images, relative to --data"},
      {"val-list", "", kSets | kPretrain, kData, &O::val_list, "FILE",
       "list of validation images, relative to --data"},
      {"test-list", "", kSets | kPretrain, kData, &O::test_list, "FILE",
       "list of test images, relative to --data"},
      {"label-column", "", kSets | kPretrain, kData, &O::label_column, "COLUMN",
       "of lists with several label columns: the number of one, the first being 1, or its name in "
       "the header",
       0, 0, "", "the first"},
      {"class-depth", "", kSets | kPretrain, kData, &O::class_depth, "N",
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
       "which images --val-fraction takes", 0, kHuge},
      {"split", "", kEval, kData, &O::split, "auto|test|val|train",
       "which images to evaluate on; auto: test, or val where there is no test"},
      {"img-size", "", kTrain | kBench | kFeatures | kPretrain, kData, &O::img_size, "N",
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
      {"bad-images", "", kTrain | kPretrain, kData, &O::bad_images, "error|skip",
       "images that cannot be read: an error, or left out, counted and named"},
      {"bad-images", "", kEval | kFeatures, kData, &O::bad_images, "error|skip",
       "images that cannot be read: an error, or left out, counted and named", 0, 0, "",
       "error, or as the checkpoint's run had it"},
      {"images", "", kAttention | kPrompts, kData, &O::images, "N",
       "where no IMAGE is given: how many of the run's test images (validation, if there are "
       "none), "
       "evenly spread",
       1, 4096},
      {"cache", "", kTrain | kEval | kFeatures | kPretrain | kReport, kData, &O::cache, "DIR",
       "where decoded images are kept for later runs; off: nowhere; auto: lspt/images in "
       "$XDG_CACHE_HOME or ~/.cache",
       0, 0, "", "auto", false},

      {"weights", ",--pretrained-path", kTrain | kEval | kPredict | kFeatures | kLook | kExport,
       kModel, &O::weights, "FILE",
       "backbone: .safetensors, PyTorch or .npz file (MAE, MoCo v3, DINO, DINOv2, timm, Google, "
       "Hugging Face)",
       0, 0, "", "none for train: random; else the file that the checkpoint names"},
      {"family", "", kTrain | kFeatures | kConvert, kModel, &O::family,
       "auto|timm|deit|mae|moco_v3|dino|dinov2|hf_vit|hf_vit_mae|google",
       "whose pre-training the weights are, which decides on pixel constants, pooling and how "
       "positions are interpolated; auto: as the file tells"},
      {"model", ",-m", kTrain | kFeatures, kModel, &O::model, "NAME",
       "vit_{tiny,small,base,large}_patch{PATCH}_{size}, or timm's name of one of these sizes", 0,
       0, "", "the weights'; without any vit_base_patch16_224"},
      {"model", ",-m", kPretrain, kModel, &O::model, "NAME",
       "vit_{tiny,small,base,large}_patch{PATCH}_{size}, or timm's name of one of these sizes", 0,
       0, "vit_base_patch16_224"},
      {"model", ",-m", kBench, kModel, &O::model, "NAME",
       "vit_{tiny,small,base,large}_patch{PATCH}_{size}", 0, 0, "vit_base_patch16_224"},
      {"method", "", kSweepOnly, kModel, &O::method, "LIST",
       std::string("what is trained; a comma list of methods (") + methods +
           ") compares them: each gets the same search, and the same seeds"},
      {"method", "", kTrain, kModel, &O::method, methods, "what is trained"},
      {"reference", "", kSweepOnly, kSweeps, &O::reference, "METHOD",
       "of several methods the one that the others' differences are taken to, seed by seed", 0, 0,
       "", "the first"},
      {"method", "", kBench, kModel, &O::method, "LIST",
       "comma list of methods, `forward` for inference and `mae` for pre-training; or `loader` for "
       "reading --data"},
      {"embed-dim", "", kPretrain | kBench, kModel, &O::embed_dim, "N", "width of the ViT", 4, 8192,
       "", "the model's"},
      {"depth", "", kPretrain | kBench, kModel, &O::depth, "N", "its blocks", 1, 256, "",
       "the model's"},
      {"num-heads", "", kPretrain | kBench, kModel, &O::num_heads, "N", "its heads", 1, 1024, "",
       "the model's; of another width, one for 64 channels"},
      {"patch-size", "", kPretrain | kBench, kModel, &O::patch_size, "N", "its patches", 1, 1024,
       "", "the model's"},
      {"decoder-dim", "", kPretrain | kBench, kModel, &O::decoder_dim, "N",
       "width of the masked autoencoder's decoder", 32, 8192, "",
       "two thirds of the encoder's, at most 512"},
      {"decoder-depth", "", kPretrain | kBench, kModel, &O::decoder_depth, "N", "its blocks", 1, 64,
       "", "two thirds of the encoder's, at most 8"},
      {"decoder-heads", "", kPretrain | kBench, kModel, &O::decoder_heads, "N", "its heads", 1, 256,
       "", "one for 32 channels"},
      {"mask-ratio", "", kPretrain | kBench, kModel, &O::mask_ratio, "X",
       "share of the patches that the encoder does not see", 0.01, 0.99},
      {"norm-pix", "", kPretrain, kModel, &O::norm_pix, "0|1",
       "1: what is to be drawn is normalized patch by patch"},
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
      {"init-head", ",--head-init", kTrain, kModel, &O::init_head, "auto,zero,vpt,fit,PATH",
       "how the head starts: zero, all classes alike; vpt, at random as VPT's does; fit, fitted to "
       "what the untuned model makes of the training images; PATH, as a "
       "linear probe's of the same backbone, data and split, a run folder or checkpoint; auto: "
       "fit for MAE's weights; vpt for --method full without --weights; else zero, with which "
       "prompts end higher than from a probe's"},
      {"classes", "", kBench, kModel, &O::classes, "N", "classes of the head", 1, 100000, "200"},
      {"classes", "", kSynth, kData, &O::classes, "N", "classes", 2, 120, "12"},
      {"train-per-class", "", kSynth, kData, &O::train_per_class, "N", "training images a class", 1,
       10000},
      {"test-per-class", "", kSynth, kData, &O::test_per_class, "N", "test images a class", 0,
       10000},
      {"size", "", kSynth, kData, &O::size, "N", "width and height of the images", 16, 1024},
  };
}

}  // namespace lspt
