/// What a weights file is, and the same weights under timm's names.
#pragma once

#include <string>
#include <vector>

#include "models/weights/load.h"

namespace lspt {

/// Size of the ViT that a set of shapes (timm names) belongs to; zeros where nothing tells.
struct ViTGuess {
  int64_t width = 0, depth = 0, patch = 0, grid = 0;
  std::string name;          ///< "vit_base_patch16_224", or "" if no standard model has this size
  std::string text() const;  ///< "ViT-B/16 (768 wide, 12 blocks, 14 x 14 patches)"
};
ViTGuess guess_vit(const WantedShapes& shapes);

struct FileDescription {
  std::string path, format, wrapper;
  size_t bytes = 0;
  bool lspt_checkpoint = false;  ///< written by training: metadata has the key "lspt"
  bool recognised = false;       ///< family, vit and unused mean something
  Family family = Family::timm;
  std::string normalization;  ///< pixel constants (family.h)
  ViTGuess vit;
  std::string published;   ///< which published file it is (known_files.h), "" if none that is known
  int64_t parameters = 0;  ///< elements of all tensors
  std::string dtypes;      ///< "f32", or "f32, i64" by falling number of elements
  struct Entry {
    std::string name, dtype;
    Shape shape;
  };
  std::vector<Entry> tensors;
  std::vector<std::string> unused;  ///< not part of the backbone
  std::map<std::string, std::string> metadata;
  std::vector<std::string> notes;  ///< includes why a file was not recognised or is refused
};

/// Throws Error(kWeights) only if the file cannot be read at all.
FileDescription describe(const std::string& path);
FileDescription describe(const WeightFile& file);  ///< leaves `published` open

struct Conversion {
  Family family = Family::timm;
  std::vector<std::string> written;  ///< timm names
  std::vector<std::string> unused;   ///< left out
  std::vector<std::string> notes;
};

/// Writes the backbone of `in` under timm's names as f32, bf16 or f16, in the format of `out`'s
/// ending (encode.h), with metadata so that it is recognised again: "family" (`told`, or as the
/// file tells), "normalization", "fc_norm". Throws Error(kWeights), Error(kWrite), or Error(kUsage)
/// for another ending.
Conversion convert(const std::string& in, const std::string& out, Element element = Element::f32,
                   std::optional<Family> told = {});

}  // namespace lspt
