// VPT's splits: train.json, val.json and test.json of {"path": class id}. VPT itself ranks the ids
// of each file by themselves, so a class that one file lacks shifts its later labels; here all
// files have one map.
#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <unordered_map>
#include <unordered_set>

#include "data/datasets/layouts.h"
#include "engine/error.h"
#include "engine/file.h"

namespace lspt {
namespace {

using Entries = std::vector<std::pair<std::string, int64_t>>;

/// Events of nlohmann's parser: a tree would keep the last of two equal keys, in another order.
class SplitParser : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit SplitParser(const std::string& file) : file_(file) {}
  Entries entries;

  bool start_object(std::size_t) override {
    if (started_) return wrong("an object");
    return started_ = true;
  }
  bool end_object() override { return true; }
  bool key(string_t& key) override {
    require(keys_.insert(key).second, ErrorKind::kData, file_, ": the path \"", key, "\" twice");
    entries.emplace_back(key, 0);
    return true;
  }
  bool number_unsigned(number_unsigned_t value) override {
    if (value > INT64_MAX) return wrong("a number too large");
    return number_integer(static_cast<int64_t>(value));
  }
  bool number_integer(number_integer_t value) override {
    if (!started_) return wrong("a number");
    entries.back().second = value;
    return true;
  }
  bool number_float(number_float_t, const string_t&) override {
    return wrong("a number that is no integer or too large");
  }
  bool start_array(std::size_t) override { return wrong("an array"); }
  bool end_array() override { return true; }
  bool string(string_t&) override { return wrong("a string"); }
  bool null() override { return wrong("null"); }
  bool boolean(bool) override { return wrong("a boolean"); }
  bool binary(binary_t&) override { return wrong("binary data"); }
  bool parse_error(std::size_t at, const std::string&,
                   const nlohmann::json::exception& error) override {
    fail(ErrorKind::kData, "read ", file_, ": not JSON at byte ", at, ": ", error.what());
  }

 private:
  [[noreturn]] bool wrong(const char* found) const {
    fail(ErrorKind::kData, "read ", file_, ": ", found,
         entries.empty() ? "" : " at \"" + entries.back().first + '"',
         "; one object of \"path\": class id expected");
  }
  const std::string& file_;
  bool started_ = false;
  std::unordered_set<std::string> keys_;
};

// Where paths begin differs from set to set: the folder under which most of the first are.
fs::path image_root(const fs::path& root, const Entries& entries) {
  fs::path best;
  int most = -1;
  for (const fs::path& base : {root / "images", root / "Images", root}) {
    int found = 0;
    std::error_code error;
    for (size_t i = 0; i < std::min<size_t>(entries.size(), 32); ++i)
      found += fs::is_regular_file(base / entries[i].first, error);
    if (found > most && fs::is_directory(base, error)) {
      best = base;
      most = found;
    }
  }
  return best;
}

// Class names of the images by the layout of the data set itself, where that can be read.
std::unordered_map<std::string, std::string> official_names(const Source& source) {
  std::unordered_map<std::string, std::string> names;
  for (const Layout& layout : layouts()) {
    if (layout.lists || !layout.found(source.root)) continue;
    try {
      MissingFiles not_asked{.looks = false};
      const DatasetOptions plain{source.root.string()};
      const Dataset data = layout.open({source.root, plain, not_asked});
      for (const auto* part : {&data.train, &data.val, &data.test})
        for (const Sample& sample : *part)
          names[sample.path] = data.class_names[static_cast<size_t>(sample.label)];
    } catch (const Error&) {
      names.clear();
    }
    break;
  }
  return names;
}

// A name for each id by `name_of`, if names and ids are one to one; else nothing.
template <typename NameOf>
std::map<int64_t, std::string> names_by(const std::vector<std::pair<fs::path, int64_t>>& images,
                                        const NameOf& name_of) {
  std::map<int64_t, std::string> names;
  std::map<std::string, int64_t> ids;
  for (const auto& [path, id] : images) {
    const std::string name = name_of(path);
    if (name.empty() || names.emplace(id, name).first->second != name ||
        ids.emplace(name, id).first->second != id)
      return {};
  }
  return names;
}

}  // namespace

std::vector<std::pair<std::string, int64_t>> parse_json_split(std::string_view text,
                                                              const std::string& file) {
  SplitParser parser(file);
  nlohmann::json::sax_parse(text.begin(), text.end(), &parser);
  return std::move(parser.entries);
}

Dataset open_vpt_json(const Source& source) {
  struct Split {
    std::string file;
    std::vector<Sample> Dataset::*part;
    Entries entries;
  };
  std::vector<Split> splits;
  std::map<int64_t, int> rank;
  const auto read = [&](const std::string& given, const char* usual, bool optional,
                        std::vector<Sample> Dataset::*part) {
    if (given.empty() && optional && !has(source.root, usual)) return;
    const std::string file = given.empty() ? usual : given;
    const std::string path = (source.root / file).string();
    splits.push_back(
        {file, part, parse_json_split(MappedFile::open(path, ErrorKind::kData)->bytes(), path)});
    for (const auto& [key, id] : splits.back().entries) rank[id] = 0;
  };
  const DatasetOptions& o = source.options;
  read(o.train_list, "train.json", false, &Dataset::train);
  read(o.val_list, "val.json", true, &Dataset::val);
  read(o.test_list, "test.json", true, &Dataset::test);
  int next = 0;
  for (auto& [id, label] : rank) label = next++;

  Dataset data;
  const fs::path base = image_root(source.root, splits[0].entries);
  std::vector<std::pair<fs::path, int64_t>> images;
  for (const Split& split : splits) {
    std::set<int64_t> own;
    for (size_t i = 0; i < split.entries.size(); ++i) {
      const auto& [key, id] = split.entries[i];
      const std::string where = split.file + ": entry " + std::to_string(i + 1);
      const fs::path path = inside(base, key, where);
      images.emplace_back(path, id);
      (data.*split.part).push_back(source.missing.sample(path, rank.at(id), where));
      own.insert(id);
    }
    // A split that lacks only the last classes has the same ranks by itself.
    if (!own.empty() && rank.at(*own.rbegin()) != static_cast<int>(own.size()) - 1)
      add_note(data, split.file +
                         " lacks classes, and VPT's code, which ranks each file by itself, "
                         "would shift its labels; here all files have one map");
  }

  const auto official = official_names(source);
  auto names = names_by(images, [&](const fs::path& path) {
    const auto it = official.find(path.string());
    return it == official.end() ? std::string() : it->second;
  });
  if (names.empty())
    names = names_by(images,
                     [](const fs::path& path) { return path.parent_path().filename().string(); });
  for (const auto& [id, label] : rank)
    data.class_names.push_back(names.empty() ? std::to_string(id) : names.at(id));
  return data;
}

}  // namespace lspt
