/// Data sets on disk -> lists of labelled files. Three layouts, told apart by what the folder
/// holds:
///
///   cub     images.txt, image_class_labels.txt, train_test_split.txt, classes.txt and images/, as
///           CUB-200-2011 has them (ids are paired, never counted; NABirds' files have the same
///           form). split 1 = train.
///   list    train.txt and test.txt or val.txt: a line is `path label`, the path relative to the
///           folder; labels are integers from 0, or names. classes.txt (a name per line) is
///           optional and gives names and number of the classes.
///   folder  train/ and test/ or val/, each with a folder per class; or class folders alone, of
///           which every fifth image by name is then held out for testing.
///
/// Labels are 0 .. K-1 from one class map of train and test together.
#pragma once

#include <string>
#include <vector>

namespace lspt {

struct Sample {
  std::string path;
  int label = 0;
};

struct Dataset {
  std::string layout;  ///< "cub", "list" or "folder"
  std::string note;    ///< what a user should know of how it was read; may be empty
  std::vector<std::string> class_names;
  std::vector<Sample> train;
  std::vector<Sample> test;  ///< test, or val where there is no test; empty if neither
};

/// Reads a data set's lists; every file they name is checked to exist, none is decoded.
/// kind: "auto", "cub", "list" or "folder". train_list and test_list name list files (relative to
/// `path`) and imply "list"; one that is not given has its usual name. Throws Error(kData) with
/// file:line for a missing folder or file, a malformed line, an unknown or out-of-range label;
/// Error(kUsage) for an unknown kind.
Dataset open_dataset(const std::string& path, const std::string& kind = "auto",
                     const std::string& train_list = "", const std::string& test_list = "");

}  // namespace lspt
