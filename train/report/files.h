/// Pictures and numbers of one run as files.
#pragma once

#include "train/report/inside.h"
#include "train/report/pictures.h"

namespace lspt {

/// For each image (B, 3, S, S) a file FOLDER/NUMBER_NAME.png: the photo, then the patches' part of
/// attention (B, heads, 1 + P + grid^2) over it, mean of the heads and head by head, six pictures a
/// row. NAME is the image file's.
void write_attention(const std::string& folder, const std::vector<std::string>& paths,
                     const Tensor& images, const Normalization& constants, const Tensor& attention,
                     int grid);

/// similarity, own_similarity, each .npy and .svg; gates too if there are any, else those that are
/// there are removed: they are of another run. `title` is that of the pictures of similarity.
void write_prompts(const std::string& folder, const PromptLook& prompts, const std::string& title);

}  // namespace lspt
