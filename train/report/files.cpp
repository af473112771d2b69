#include "train/report/files.h"

#include <algorithm>
#include <filesystem>

#include "engine/file.h"
#include "train/output/console.h"
#include "train/output/npy.h"
#include "train/report/charts.h"
#include "train/report/report.h"

namespace lspt {
namespace {

namespace fs = std::filesystem;

constexpr int kColumns = 6, kTile = 160, kGap = 6;  // pictures a row, pixels

/// Pictures of kTile x kTile in rows, on white.
Image sheet_of(const std::vector<Image>& tiles) {
  const int count = static_cast<int>(tiles.size()), columns = std::min(count, kColumns),
            rows = (count + kColumns - 1) / kColumns;
  Image out(columns * (kTile + kGap) - kGap, rows * (kTile + kGap) - kGap);
  std::fill(out.pixels.begin(), out.pixels.end(), uint8_t{255});
  for (int i = 0; i < count; ++i)
    for (int y = 0; y < kTile; ++y) {
      const uint8_t* from = tiles[static_cast<size_t>(i)].row(y);
      std::copy(from, from + 3 * kTile,
                out.row(i / kColumns * (kTile + kGap) + y) + 3 * (i % kColumns) * (kTile + kGap));
    }
  return out;
}

}  // namespace

void write_attention(const std::string& folder, const std::vector<std::string>& paths,
                     const Tensor& images, const Normalization& constants, const Tensor& attention,
                     int grid) {
  const int64_t heads = attention.dim(1), keys = attention.cols(), patches = grid * grid;
  for (size_t i = 0; i < paths.size(); ++i) {
    const auto image = static_cast<int64_t>(i);
    const Image photo = picture_of(images, image, constants);
    std::vector<Image> tiles = {
        scaled(photo, kTile),
        heat_over(photo, gaze_of(attention, image, patches).patches.data(), grid, kTile)};
    for (int64_t h = 0; h < heads; ++h) {
      const float* of = attention.data<float>() + (image * heads + h) * keys + keys - patches;
      tiles.push_back(heat_over(photo, of, grid, kTile));
    }
    const std::vector<uint8_t> png = encode_png(sheet_of(tiles));
    const std::string name = format("%03zu_", i) + fs::path(paths[i]).stem().string() + ".png";
    write_atomically(folder + "/" + name,
                     std::string_view(reinterpret_cast<const char*>(png.data()), png.size()));
  }
}

void write_prompts(const std::string& folder, const PromptLook& prompts, const std::string& title) {
  write_npy(folder + "/similarity.npy", prompts.similarity);
  write_npy(folder + "/own_similarity.npy", prompts.own_similarity);
  write_atomically(folder + "/similarity.svg",
                   svg_file({similarity_chart(prompts.similarity, title)}));
  write_atomically(folder + "/own_similarity.svg",
                   svg_file({similarity_chart(prompts.own_similarity, title + ", own part")}));
  if (prompts.gates) {
    write_npy(folder + "/gates.npy", prompts.gates);
    write_atomically(folder + "/gates.svg", svg_file(gate_charts(prompts.gates)));
    return;
  }
  std::error_code error;
  for (const char* name : {"/gates.npy", "/gates.svg"}) fs::remove(folder + name, error);
}

}  // namespace lspt
