#include "models/weights/pos_embed.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace lspt {
namespace {

/// Weights of the input positions [first, first + weights.size()) for one output position.
struct Taps {
  int64_t first;
  std::vector<float> weights;
};

float keys(float x, float a) {
  x = std::fabs(x);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  if (x < 2) return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a;
  return 0;
}

std::vector<Taps> antialiased_taps(int64_t in, int64_t out) {
  const float scale = static_cast<float>(in) / static_cast<float>(out);
  const float stretch = std::max(scale, 1.0f);
  std::vector<Taps> taps(static_cast<size_t>(out));
  for (int64_t i = 0; i < out; ++i) {
    const float center = scale * (static_cast<float>(i) + 0.5f), support = 2 * stretch;
    const auto begin = std::max<int64_t>(static_cast<int64_t>(center - support + 0.5f), 0);
    const auto end = std::min<int64_t>(static_cast<int64_t>(center + support + 0.5f), in);
    Taps& tap = taps[static_cast<size_t>(i)];
    tap.first = begin;
    float sum = 0;
    for (int64_t j = begin; j < end; ++j) {
      tap.weights.push_back(keys((static_cast<float>(j) - center + 0.5f) / stretch, -0.5f));
      sum += tap.weights.back();
    }
    for (float& weight : tap.weights) weight /= sum;
  }
  return taps;
}

std::vector<Taps> bicubic_taps(int64_t in, int64_t out, float scale) {
  std::vector<Taps> taps;
  for (int64_t i = 0; i < out; ++i) {
    const float at = scale * (static_cast<float>(i) + 0.5f) - 0.5f;
    const auto before = static_cast<int64_t>(std::floor(at));
    const auto inside = [in](int64_t j) { return std::clamp<int64_t>(j, 0, in - 1); };
    Taps tap{inside(before - 1), {}};
    tap.weights.resize(static_cast<size_t>(inside(before + 2) - tap.first + 1));
    for (int64_t j = before - 1; j <= before + 2; ++j)
      tap.weights[static_cast<size_t>(inside(j) - tap.first)] +=
          keys(at - static_cast<float>(j), -0.75f);
    taps.push_back(tap);
  }
  return taps;
}

std::vector<Taps> bilinear_taps(int64_t in, int64_t out) {
  const float scale = static_cast<float>(in) / static_cast<float>(out);
  std::vector<Taps> taps;
  for (int64_t i = 0; i < out; ++i) {
    const float at = std::max(scale * (static_cast<float>(i) + 0.5f) - 0.5f, 0.0f);
    const auto first = std::min(static_cast<int64_t>(at), in - 1);
    const float second = first + 1 < in ? at - static_cast<float>(first) : 0;
    taps.push_back({first, {1 - second}});
    if (first + 1 < in) taps.back().weights.push_back(second);
  }
  return taps;
}

std::vector<Taps> taps_of(int64_t in, int64_t out, Resample how) {
  const double outs = static_cast<double>(out) + (how == Resample::offset ? 0.1 : 0.0);
  const auto scale = static_cast<float>(static_cast<double>(in) / outs);
  if (how == Resample::antialiased) return antialiased_taps(in, out);
  return how == Resample::bilinear ? bilinear_taps(in, out) : bicubic_taps(in, out, scale);
}

constexpr const char* kNames[] = {"antialiased", "bicubic", "offset", "bilinear"};

/// Resizes the middle axis of in (outer, n, inner) to taps.size().
std::vector<float> resize_axis(const float* in, int64_t outer, int64_t n, int64_t inner,
                               const std::vector<Taps>& taps) {
  const auto m = static_cast<int64_t>(taps.size());
  std::vector<float> out(static_cast<size_t>(outer * m * inner), 0.0f);
  for (int64_t o = 0; o < outer; ++o)
    for (int64_t i = 0; i < m; ++i) {
      float* to = out.data() + (o * m + i) * inner;
      const Taps& tap = taps[static_cast<size_t>(i)];
      for (size_t k = 0; k < tap.weights.size(); ++k) {
        const float* from = in + (o * n + tap.first + static_cast<int64_t>(k)) * inner;
        for (int64_t d = 0; d < inner; ++d) to[d] += tap.weights[k] * from[d];
      }
    }
  return out;
}

}  // namespace

const char* name_of(Resample how) { return kNames[static_cast<size_t>(how)]; }

Resample resample_of(const std::string& name) {
  for (size_t i = 0; i < std::size(kNames); ++i)
    if (name == kNames[i]) return static_cast<Resample>(i);
  fail(ErrorKind::kUsage, "position interpolation \"", name,
       "\": antialiased, bicubic, offset or bilinear expected");
}

int64_t grid_side(int64_t rows) {
  const auto side = static_cast<int64_t>(std::lround(std::sqrt(std::max<double>(0, rows))));
  return side * side == rows ? side : 0;
}

Tensor resample_pos_embed(const Tensor& pos, int64_t grid, int prefix_tokens, Resample how) {
  const int64_t old = pos.rank() == 3 ? grid_side(pos.dim(1) - prefix_tokens) : 0;
  require(old > 0 && pos.dim(0) == 1 && grid > 0, ErrorKind::kWeights, "position embeddings ",
          pos.shape(), ": (1, ", prefix_tokens, " + a square number, width) expected");
  const int64_t width = pos.dim(2);
  const std::vector<Taps> taps = taps_of(old, grid, how);
  const float* patches = pos.data<float>() + prefix_tokens * width;
  const std::vector<float> wide = resize_axis(patches, old, old, width, taps);  // columns
  const std::vector<float> all = resize_axis(wide.data(), 1, old, grid * width, taps);
  Tensor out({1, prefix_tokens + grid * grid, width});
  std::copy_n(pos.data<float>(), prefix_tokens * width, out.data<float>());
  std::copy(all.begin(), all.end(), out.data<float>() + prefix_tokens * width);
  return out;
}

PosTable pos_table_of(const Tensor& pos) {
  if (pos.rank() != 3 || pos.dim(0) != 1 || pos.dim(2) % 4 != 0 || pos.dim(2) == 0)
    return PosTable::learned;
  const int64_t width = pos.dim(2), quarter = width / 4, rows = pos.dim(1) - 1;
  const int64_t grid = grid_side(rows);
  if (grid < 2) return PosTable::learned;
  const float* values = pos.data<float>();
  const auto close = [&](int64_t row, int64_t channel, double expected) {
    return std::fabs(values[row * width + channel] - expected) < 0.01;
  };
  bool column_first = true, row_first = true;
  for (int64_t d = 0; d < width; ++d)
    if (!close(0, d, 0)) return PosTable::learned;
  for (int64_t k = 0; k < quarter; ++k) {
    const double frequency = std::pow(1e4, -static_cast<double>(k) / static_cast<double>(quarter));
    for (int64_t i = 0; i < rows && (column_first || row_first); ++i) {
      const double column = static_cast<double>(i % grid) * frequency;
      const double row = static_cast<double>(i / grid) * frequency;
      const auto matches = [&](double first, double second) {
        return close(i + 1, k, std::sin(first)) && close(i + 1, k + quarter, std::cos(first)) &&
               close(i + 1, k + 2 * quarter, std::sin(second)) &&
               close(i + 1, k + 3 * quarter, std::cos(second));
      };
      column_first = column_first && matches(column, row);
      row_first = row_first && matches(row, column);
    }
  }
  return column_first ? PosTable::column_first
         : row_first  ? PosTable::row_first
                      : PosTable::learned;
}

}  // namespace lspt
