/// Data sets on disk -> lists of labelled files. Layouts are told apart by what the folder holds:
///
///   cub       CUB-200-2011: images.txt, image_class_labels.txt, train_test_split.txt, classes.txt
///             and images/ (ids are paired, never counted; 1 = train).
///   nabirds   the same files and hierarchy.txt; of 1,011 listed classes the 555 used ones count.
///   flowers   Oxford Flowers-102: imagelabels.mat, setid.mat and jpg/. train = trnid, the small
///             one; val = valid; test = tstid.
///   dogs      Stanford Dogs: train_list.mat, test_list.mat (here or in lists/) and Images/.
///   cars      Stanford Cars, split (cars_train/, cars_test/, devkit/) or merged (car_ims/,
///             cars_annos.mat).
///   vtab      a VTAB-1k task: train800.txt, val200.txt, train800val200.txt, test.txt of
///             `path label`. Trains on the 800, validates on the 200.
///   vpt-json  train.json, val.json, test.json of {"path": class id}, as VPT's code reads them.
///             Where one of the layouts above is there too, that one is taken unless asked.
///   list      train.txt, val.txt, test.txt, the last two optional: a line is `path label`, paths
///             relative to the folder; labels are integers from 0, or names. classes.txt (a name
///             per line) is optional and gives names and number of the classes.
///   folder    train/, val/, test/, the last two optional, each with a folder per class; or class
///             folders alone, of which every fifth image by name is then held out for testing.
///             Folders may nest: a class is a folder that holds images, named by its path
///             ("GROUP/CLASS"), or with class_depth N what is below the first N folders of a path.
///   images    image files, in folders of any depth, without labels: all are training images. Taken
///             by itself only where labels are not asked for (DatasetOptions::unlabelled).
///
/// Labels are 0 .. K-1 from one class map of all splits together.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "data/file_stamp.h"

namespace lspt {

struct Sample {
  std::string path;
  int label = 0;
  FileStamp stamp = {};  ///< of the file when the data set was opened
};

/// A listed image that is not there, and "images.txt:12", the line that lists it.
struct MissingFile {
  std::string path, where;
};

struct Dataset {
  std::string layout;  ///< one of the above
  std::string note;    ///< what a user should know of how it was read; may be empty
  std::vector<std::string> class_names;
  std::vector<Sample> train;
  std::vector<Sample> val;   ///< what the best epoch is chosen on; empty if there is none
  std::vector<Sample> test;  ///< empty if there is none
  /// Only with keep_missing: those of the samples above whose file does not exist.
  std::vector<MissingFile> missing = {};
  std::string missing_cause = {};  ///< one for all of them, if it can be told
  /// The training list holds the validation images too, on purpose: nothing is to be held out.
  bool trains_on_val = false;
};

struct DatasetOptions {
  std::string path;
  std::string kind = "auto";  ///< or one of the layouts
  /// List files relative to `path`, for the layouts vtab, vpt-json (.json) and list, which "auto"
  /// is if any is given. One that is not given has its usual name; but if any is given for "list",
  /// val and test have none.
  std::string train_list = {}, val_list = {}, test_list = {};
  /// What hold_out takes from the training images where the data set has no val split of its own.
  double val_fraction = 0;
  uint64_t split_seed = 0;
  /// Listed images that do not exist are collected in Dataset::missing, not an error.
  bool keep_missing = false;
  /// Of lists with several label columns: its number, the first being 1, or its name in the header.
  std::string label_column = {};
  /// Of class folders that nest: how many folders of a path name the class; 0: all of them.
  int64_t class_depth = 0;
  /// Nobody reads the labels: "auto" takes `images` where it finds no layout that has any, and for
  /// class folders among which images lie.
  bool unlabelled = false;
};

/// Reads a data set's lists; every file they name is checked to exist, none is decoded. Where the
/// folder is no data set but one of its folders is, and only one, that is read. Throws Error(kData)
/// with file:line for a missing folder or file, a malformed line, an unknown or out-of-range label;
/// Error(kUsage) for an unknown kind and for lists of a layout that has none.
Dataset open_dataset(const DatasetOptions& options);

/// Throws Error(kData) where training has nothing to tell apart or nothing to be judged on: a
/// single class; neither val nor test images. The message says what the splits were made by.
void check_trainable(const Dataset& data, const DatasetOptions& options);

/// Where there is no val split, and none is meant to be missing, moves round(fraction n) of the n
/// training images of each class there, never all of them: those whose numbers, drawn from (seed,
/// file name), are smallest. So a class's choice does not depend on order, folder or the other
/// classes. On CUB-200-2011 a fraction of 0.1 leaves VPT's 5,394 of 5,994.
void hold_out(Dataset& data, double fraction, uint64_t seed);

}  // namespace lspt
