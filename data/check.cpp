#include "data/check.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <filesystem>
#include <numeric>
#include <unordered_map>

#include "data/images/endings.h"
#include "data/images/header.h"
#include "data/images/image.h"
#include "data/loader.h"
#include "engine/digest.h"
#include "engine/file.h"
#include "engine/parallel.h"

namespace lspt {
namespace {

using Hash = std::array<uint8_t, 16>;

struct Looked {
  Split split;
  const Sample* sample;
  Hash file{}, pixels{};
  ImageHeader header = {};
  size_t bytes = 0;
  bool small = false, hashed = false;
  std::string error = {};  // "" if it decodes
};

Hash first_half(Digest& digest) {
  Hash hash;
  std::copy_n(digest.bytes().begin(), hash.size(), hash.begin());
  return hash;
}

template <typename T>
std::string_view view(const T* data, size_t count) {
  return {reinterpret_cast<const char*>(data), count * sizeof(T)};
}

void look_at(Looked& entry, int img_size) {
  const std::string& path = entry.sample->path;
  const auto file = MappedFile::open(path, ErrorKind::kData);
  entry.bytes = file->size();
  Digest bytes;
  bytes.add(file->bytes());
  entry.file = first_half(bytes);
  entry.hashed = true;
  entry.header = read_header({file->data(), file->size()});
  const Image image = decode_image({file->data(), file->size()}, path);
  ResizeRule{ResizeRule::Shape::short_side, resize_side(img_size)}.size_of(image, path);
  entry.small = std::min(image.width, image.height) < img_size;
  Digest pixels;
  const int size[2] = {image.width, image.height};
  pixels.add(view(size, 2));
  pixels.add(view(image.pixels.data(), image.pixels.size()));
  entry.pixels = first_half(pixels);
}

CheckedImage image_of(const Looked& entry) {
  return {entry.split, entry.sample->label, entry.sample->path};
}

void add_care(CareCounts& care, const Looked& entry) {
  const Ending* named = image_ending(entry.sample->path);
  care.misnamed += named && named->format != entry.header.format;
  care.gray += entry.header.gray;
  care.cmyk += entry.header.cmyk;
  care.alpha += entry.header.alpha;
  care.deep += entry.header.deep;
  care.turned += entry.header.orientation != 1;
  care.small += entry.small;
}

std::string content_of(const std::vector<Looked>& entries) {
  std::vector<std::string> lines;
  for (const Looked& entry : entries) {
    if (!entry.hashed) return "";
    lines.push_back(std::string(view(entry.file.data(), entry.file.size())) +
                    std::to_string(entry.sample->label) + ' ' +
                    std::filesystem::path(entry.sample->path).filename().string());
  }
  std::sort(lines.begin(), lines.end());
  Digest digest;
  for (const std::string& line : lines) digest.add(line);
  return digest.hex();
}

// Groups of two and more, by their first image.
std::vector<SameContent> same_content(const std::vector<Looked>& entries) {
  std::vector<size_t> order;
  for (size_t i = 0; i < entries.size(); ++i)
    if (entries[i].error.empty()) order.push_back(i);
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return entries[a].pixels < entries[b].pixels; });
  std::vector<std::pair<size_t, SameContent>> groups;
  for (size_t begin = 0, end; begin < order.size(); begin = end) {
    const Looked& first = entries[order[begin]];
    for (end = begin + 1; end < order.size() && entries[order[end]].pixels == first.pixels;) ++end;
    if (end - begin < 2) continue;
    SameContent group{.same_bytes = true};
    std::array<int, 3> in_split{};
    for (size_t k = begin; k < end; ++k) {
      const Looked& entry = entries[order[k]];
      group.same_bytes &= entry.file == first.file;
      group.conflict |= entry.sample->label != first.sample->label;
      group.leak |= entry.split != first.split;
      group.repeat |= ++in_split[static_cast<size_t>(entry.split)] > 1;
      group.images.push_back(image_of(entry));
    }
    groups.emplace_back(order[begin], std::move(group));
  }
  std::sort(groups.begin(), groups.end(),
            [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<SameContent> out;
  for (auto& [first, group] : groups) out.push_back(std::move(group));
  return out;
}

}  // namespace

int64_t CheckReport::count(bool SameContent::*kind) const {
  return std::count_if(same.begin(), same.end(), [&](const auto& group) { return group.*kind; });
}

bool CheckReport::wrong() const {
  return !missing.empty() || !unreadable.empty() || count(&SameContent::conflict) > 0 ||
         !refused.empty();
}

bool CheckReport::doubtful() const { return !same.empty() || !untrained.empty(); }

CheckReport check(const Dataset& data, const CheckOptions& options,
                  const std::function<void(int64_t)>& progress) {
  CheckReport report;
  std::unordered_map<std::string, std::string> lost;
  for (const MissingFile& file : data.missing) lost.emplace(file.path, file.where);
  std::vector<Looked> entries;
  for (const auto& [split, samples] :
       {std::pair{Split::train, &data.train}, {Split::val, &data.val}, {Split::test, &data.test}}) {
    auto& count = report.images[static_cast<size_t>(split)];
    count.resize(data.class_names.size());
    for (const Sample& sample : *samples) {
      ++count[static_cast<size_t>(sample.label)];
      const auto it = lost.find(sample.path);
      if (it == lost.end())
        entries.push_back({split, &sample});
      else
        report.missing.push_back({{split, sample.label, sample.path}, it->second});
    }
  }
  const auto& [train, val, test] = report.images;
  for (size_t k = 0; k < train.size(); ++k)
    if (train[k] == 0 && val[k] + test[k] > 0) report.untrained.push_back(static_cast<int>(k));

  try {
    Dataset trained = data;
    hold_out(trained, options.training.val_fraction, options.training.split_seed);
    check_trainable(trained, options.training);
  } catch (const Error& error) {
    report.refused = error.what();
  }

  std::atomic<int64_t> done = 0;
  std::exception_ptr failure;  // of the machine, not of an image
  parallel_for(static_cast<int64_t>(entries.size()), 1, [&](int64_t i, int64_t) {
    Looked& entry = entries[static_cast<size_t>(i)];
    try {
      look_at(entry, options.img_size);
    } catch (const Error& error) {
      entry.error = error.what();
    } catch (...) {
#pragma omp critical
      failure = std::current_exception();
    }
    const int64_t now = ++done;
    if (omp_get_thread_num() == 0) progress(now);
  });
  if (failure) std::rethrow_exception(failure);

  for (const Looked& entry : entries) {
    if (!entry.error.empty()) {
      report.unreadable.push_back({image_of(entry), entry.error});
      continue;
    }
    ++report.decoded;
    report.bytes += static_cast<int64_t>(entry.bytes);
    add_care(report.care, entry);
  }
  report.same = same_content(entries);
  if (report.missing.empty()) report.content = content_of(entries);
  return report;
}

}  // namespace lspt
