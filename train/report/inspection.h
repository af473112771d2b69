/// A model looked at with images of its data set: what it answers, where it looks, its prompts.
#pragma once

#include <functional>

#include "data/loader.h"
#include "train/metrics.h"
#include "train/output/answers.h"
#include "train/report/inside.h"
#include "train/report/pictures.h"

namespace lspt {

struct InspectionPlan {
  size_t wrong = 12, right = 6;  ///< answers to show as pictures
  int64_t gazes = 4;             ///< images to show the class row's attention over
  int64_t prompt_images = 8;     ///< images that the prompts are looked at with
  int block = -1;                ///< whose attention; -1: the last
};

/// An answer with the picture that it is about.
struct ShownAnswer {
  Judged judged;
  std::string path;
  Image photo;
};
/// Where the class row looks in an image.
struct ShownGaze {
  std::string path;
  size_t label = 0;
  Image photo, over;
  double itself = 0, prompts = 0;
};

struct Inspection {
  Evaluation evaluation;
  std::vector<int64_t> confusion;         ///< true class * classes + predicted
  std::vector<ShownAnswer> wrong, right;  ///< the surest first; right ones of different classes
  int block = 0;                          ///< of the gazes
  bool head_reads_class_token = true;
  std::vector<ShownGaze> gazes;  ///< of images spread evenly over the samples
  PromptLook prompts;
  int64_t prompt_images = 0;  ///< from how many images
};

/// Evaluates the model on the samples, in the loader options' way, then looks inside with a few of
/// them. `progress` gets the number of images done. Throws Error(kData) if no image can be read.
Inspection inspect(Model& model, const std::vector<Sample>& samples, const LoaderOptions& options,
                   const InspectionPlan& plan, const std::function<void(int64_t)>& progress);

/// These images as the model sees them, (B, 3, S, S) on the host, read at once. Those that cannot
/// be read are left out; `kept` gets the places in `samples` of the others.
Tensor images_of(const std::vector<Sample>& samples, const LoaderOptions& options,
                 std::vector<size_t>& kept);

/// So many of 0 .. count-1, evenly spread, each once.
std::vector<int64_t> spread_over(int64_t count, int64_t wanted);

}  // namespace lspt
