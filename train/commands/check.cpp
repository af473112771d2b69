// lspt check
#include "data/check.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>

#include "engine/file.h"
#include "engine/parallel.h"
#include "train/commands/commands.h"
#include "train/machine.h"
#include "train/output/json_text.h"
#include "train/output/meter.h"
#include "train/settings/typed.h"

namespace lspt {
namespace {

using Json = nlohmann::ordered_json;

struct Balance {
  int64_t images = 0, smallest = 0, largest = 0;
  double median = 0;
};

Balance balance_of(std::vector<int64_t> counts) {
  std::sort(counts.begin(), counts.end());
  Balance out;
  for (const int64_t count : counts) out.images += count;
  const size_t n = counts.size();
  out.smallest = counts.front();
  out.largest = counts.back();
  out.median = static_cast<double>(counts[(n - 1) / 2] + counts[n / 2]) / 2;
  return out;
}

const char* name_of(Split split) { return kSplitNames[static_cast<size_t>(split)]; }

/// "conflict, leak": what a group of images with the same content is.
std::string kinds_of(const SameContent& group) {
  std::string text;
  for (const auto& [is, name] :
       {std::pair{group.conflict, "conflict"}, {group.leak, "leak"}, {group.repeat, "duplicate"}})
    if (is) text += (text.empty() ? "" : ", ") + std::string(name);
  return text;
}

const char* sameness(const SameContent& group) {
  return group.same_bytes ? "same bytes" : "same pixels in other bytes";
}

std::vector<std::pair<const char*, int64_t>> care_of(const CareCounts& care) {
  return {{"named as another format", care.misnamed},
          {"grayscale", care.gray},
          {"CMYK", care.cmyk},
          {"with alpha", care.alpha},
          {"deeper than 8 bits", care.deep},
          {"turned by EXIF", care.turned},
          {"smaller than the input", care.small}};
}

const char* verdict_of(const CheckReport& report) {
  return report.wrong() ? "wrong" : report.doubtful() ? "doubtful" : "clean";
}

Json json_of(const CheckedImage& image, const Dataset& data) {
  return {{"split", name_of(image.split)},
          {"label", image.label},
          {"class", data.class_names[static_cast<size_t>(image.label)]},
          {"path", image.path}};
}

Json json_of(const std::vector<UnreadableImage>& images, const Dataset& data) {
  Json out = Json::array();
  for (const UnreadableImage& bad : images) {
    out.push_back(json_of(bad.image, data));
    out.back()["why"] = bad.why;
  }
  return out;
}

Json json_of(const CheckReport& report, const Dataset& data, const std::string& path, bool hash) {
  Json out = {{"data", path},
              {"layout", data.layout},
              {"note", data.note},
              {"verdict", verdict_of(report)},
              {"classes", data.class_names.size()}};
  for (size_t s = 0; s < 3; ++s) {
    const Balance balance = balance_of(report.images[s]);
    out["splits"][kSplitNames[s]] = {{"images", balance.images},
                                     {"smallest_class", balance.smallest},
                                     {"median_class", balance.median},
                                     {"largest_class", balance.largest}};
  }
  out["decoded"] = report.decoded;
  out["bytes"] = report.bytes;
  out["training_refuses"] = report.refused;
  out["missing"] = json_of(report.missing, data);
  out["missing_cause"] = data.missing_cause;
  out["unreadable"] = json_of(report.unreadable, data);
  out["same_content"] = Json::array();
  for (const SameContent& group : report.same) {
    Json one = {{"conflict", group.conflict},
                {"leak", group.leak},
                {"duplicate", group.repeat},
                {"same_bytes", group.same_bytes},
                {"images", Json::array()}};
    for (const CheckedImage& image : group.images) one["images"].push_back(json_of(image, data));
    out["same_content"].push_back(one);
  }
  out["classes_without_training_images"] = Json::array();
  for (const int label : report.untrained)
    out["classes_without_training_images"].push_back(data.class_names[static_cast<size_t>(label)]);
  for (const auto& [name, count] : care_of(report.care)) out["care"][name] = count;
  if (hash) out["content_sha256"] = report.content;
  return out;
}

/// The first of them; --output and --json have all.
template <typename T, typename Print>
void print_first(const std::vector<T>& items, const Print& print_one) {
  constexpr size_t kMost = 20;
  for (size_t i = 0; i < std::min(items.size(), kMost); ++i) print_one(items[i]);
  if (items.size() > kMost)
    std::printf("  ... and %s more\n", grouped(static_cast<int64_t>(items.size() - kMost)).c_str());
}

void print_bad(const char* what, const std::vector<UnreadableImage>& images, bool with_path,
               const std::string& cause = "") {
  std::printf("%s: %s%s\n", what, grouped(static_cast<int64_t>(images.size())).c_str(),
              (cause.empty() ? "" : "; " + cause).c_str());
  print_first(images, [&](const UnreadableImage& bad) {
    std::printf("  %s\n", (bad.why + (with_path ? ": " + bad.image.path : "")).c_str());
  });
}

void print(const CheckReport& report, const Dataset& data, const std::string& path, bool hash) {
  std::printf("%s: layout %s, %zu classes\n", path.c_str(), data.layout.c_str(),
              data.class_names.size());
  if (!data.note.empty()) std::printf("  note: %s\n", data.note.c_str());
  for (size_t s = 0; s < 3; ++s) {
    const Balance balance = balance_of(report.images[s]);
    std::printf("  %-6s %9s images", kSplitNames[s], grouped(balance.images).c_str());
    if (balance.images > 0)
      std::printf("; a class has %s to %s, median %g", grouped(balance.smallest).c_str(),
                  grouped(balance.largest).c_str(), balance.median);
    std::printf("\n");
  }
  if (!report.untrained.empty()) {
    std::printf("classes without training images: %zu\n", report.untrained.size());
    print_first(report.untrained, [&](int label) {
      std::printf("  %s\n", data.class_names[static_cast<size_t>(label)].c_str());
    });
  }
  if (!report.refused.empty()) std::printf("training refuses it: %s\n", report.refused.c_str());
  print_bad("missing", report.missing, true, data.missing_cause);
  print_bad("unreadable", report.unreadable, false);
  std::printf(
      "same content: %zu groups; %lld with two labels (conflict), %lld in two splits "
      "(leak), %lld twice in a split (duplicate)\n",
      report.same.size(), static_cast<long long>(report.count(&SameContent::conflict)),
      static_cast<long long>(report.count(&SameContent::leak)),
      static_cast<long long>(report.count(&SameContent::repeat)));
  print_first(report.same, [&](const SameContent& group) {
    std::printf("  %s (%s)\n", kinds_of(group).c_str(), sameness(group));
    for (const CheckedImage& image : group.images)
      std::printf("    %-5s  %s  %s\n", name_of(image.split),
                  data.class_names[static_cast<size_t>(image.label)].c_str(), image.path.c_str());
  });
  std::string care;
  for (const auto& [name, count] : care_of(report.care))
    if (count > 0) care += (care.empty() ? "" : ", ") + grouped(count) + " " + name;
  std::printf("read with care: %s\n", care.empty() ? "none" : care.c_str());
  if (hash)
    std::printf("content: %s\n", report.content.empty() ? "unknown, files are missing"
                                                        : ("sha256 " + report.content).c_str());
  std::printf("%s images, %s bytes decoded\n%s\n", grouped(report.decoded).c_str(),
              grouped(report.bytes).c_str(), verdict_of(report));
}

/// classes.csv: a line a class. problems.csv: a line for each image that print() lists.
void write_tables(const CheckReport& report, const Dataset& data, const std::string& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  std::string classes = "class,name,train,val,test\n";
  for (size_t k = 0; k < data.class_names.size(); ++k) {
    classes += std::to_string(k) + "," + quoted(data.class_names[k]);
    for (const auto& counts : report.images) classes += "," + std::to_string(counts[k]);
    classes += "\n";
  }
  write_atomically(folder + "/classes.csv", classes);

  std::string problems = "problem,group,split,class,name,path,detail\n";
  const auto add = [&](const std::string& problem, const std::string& group,
                       const CheckedImage& image, const std::string& detail) {
    problems += quoted(problem) + "," + group + "," + name_of(image.split) + "," +
                std::to_string(image.label) + "," +
                quoted(data.class_names[static_cast<size_t>(image.label)]) + "," +
                quoted(image.path) + "," + quoted(detail) + "\n";
  };
  for (const UnreadableImage& bad : report.missing) add("missing", "", bad.image, bad.why);
  for (const UnreadableImage& bad : report.unreadable) add("unreadable", "", bad.image, bad.why);
  for (size_t g = 0; g < report.same.size(); ++g)
    for (const CheckedImage& image : report.same[g].images)
      add(kinds_of(report.same[g]), std::to_string(g), image, sameness(report.same[g]));
  write_atomically(folder + "/problems.csv", problems);
}

}  // namespace

int run_check(const Options& o) {
  if (!o.output.empty()) require_new(o.output, {"classes.csv", "problems.csv"}, o.overwrite);
  use_threads(static_cast<int>(o.threads));
  DatasetOptions options = dataset_options(o);
  options.keep_missing = true;
  const Dataset data = open_dataset(options);
  if (!o.has("val-fraction")) options.val_fraction = Options().val_fraction;
  Console console;
  CheckReport report;
  {
    Meter meter(console, "check",
                static_cast<int64_t>(data.train.size() + data.val.size() + data.test.size() -
                                     data.missing.size()));
    report = check(data, {static_cast<int>(o.img_size), options},
                   [&](int64_t done) { meter.show(done); });
    console.line(format("decoded %s images in %.1f s: %.0f img/s on %d threads",
                        grouped(report.decoded).c_str(), meter.seconds(),
                        static_cast<double>(report.decoded) / meter.seconds(), thread_count()));
  }
  if (o.json)
    std::printf("%s\n", json_text(json_of(report, data, o.data, o.hash)).c_str());
  else
    print(report, data, o.data, o.hash);
  if (!o.output.empty()) write_tables(report, data, o.output);
  return report.wrong() || (o.strict && report.doubtful()) ? static_cast<int>(ErrorKind::kData) : 0;
}

}  // namespace lspt
