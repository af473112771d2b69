/// Data sets on disk -> lists of labelled files. Three layouts, told apart by what the folder
/// holds:
///
///   cub     images.txt, image_class_labels.txt, train_test_split.txt, classes.txt and images/, as
///           CUB-200-2011 has them (ids are paired, never counted; NABirds' files have the same
///           form). split 1 = train.
///   list    train.txt, val.txt, test.txt, the last two optional: a line is `path label`, the path
///           relative to the folder; labels are integers from 0, or names. classes.txt (a name per
///           line) is optional and gives names and number of the classes.
///   folder  train/, val/, test/, the last two optional, each with a folder per class; or class
///           folders alone, of which every fifth image by name is then held out for testing.
///
/// Labels are 0 .. K-1 from one class map of all splits together.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace lspt {

struct Sample {
  std::string path;
  int label = 0;
};

/// A listed image that is not there, and "images.txt:12", the line that lists it.
struct MissingFile {
  std::string path, where;
};

struct Dataset {
  std::string layout;  ///< "cub", "list" or "folder"
  std::string note;    ///< what a user should know of how it was read; may be empty
  std::vector<std::string> class_names;
  std::vector<Sample> train;
  std::vector<Sample> val;   ///< what the best epoch is chosen on; empty if there is none
  std::vector<Sample> test;  ///< empty if there is none
  /// Only with keep_missing: those of the samples above whose file does not exist.
  std::vector<MissingFile> missing = {};
};

struct DatasetOptions {
  std::string path;
  std::string kind = "auto";  ///< or one of the layouts
  /// List files relative to `path`; any of them implies "list". train_list has its usual name if it
  /// is not given; so have the other two if none of the three is.
  std::string train_list = {}, val_list = {}, test_list = {};
  /// What hold_out takes from the training images where the data set has no val split of its own.
  double val_fraction = 0;
  uint64_t split_seed = 0;
  /// Listed images that do not exist are collected in Dataset::missing, not an error.
  bool keep_missing = false;
};

/// Reads a data set's lists; every file they name is checked to exist, none is decoded. Throws
/// Error(kData) with file:line for a missing folder or file, a malformed line, an unknown or
/// out-of-range label; Error(kUsage) for an unknown kind.
Dataset open_dataset(const DatasetOptions& options);

/// Moves round(fraction n) of the n training images of each class to `val`, never all of them:
/// those whose numbers, drawn from (seed, file name), are smallest. So a class's choice does not
/// depend on order, folder or the other classes. On CUB-200-2011 a fraction of 0.1 leaves VPT's
/// 5,394 of 5,994.
void hold_out(Dataset& data, double fraction, uint64_t seed);

}  // namespace lspt
