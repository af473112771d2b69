// Which runs are repetitions of one another, and what to call them.
#include <algorithm>
#include <set>

#include "train/choice.h"
#include "train/report/report.h"

namespace lspt {
namespace {

/// Settings in which groups of one method differ, by flag.
std::vector<std::string> differing(const std::vector<const RunGroup*>& groups) {
  std::vector<std::string> out;
  const auto& first = groups[0]->runs[0].settings;
  for (const auto& [flag, value] : first)
    if (std::any_of(groups.begin(), groups.end(), [&, &f = flag, &v = value](const RunGroup* g) {
          const auto it = g->runs[0].settings.find(f);
          return it == g->runs[0].settings.end() || it->second != v;
        }))
      out.push_back(flag);
  // These follow from the weights.
  const std::set<std::string> theirs = {"family",        "fc-norm", "init-head",        "mae-norm",
                                        "normalization", "pool",    "pos-interpolation"};
  if (std::find(out.begin(), out.end(), "weights") != out.end())
    std::erase_if(out, [&](const std::string& flag) { return theirs.contains(flag); });
  return out;
}

void name_groups(Task& task) {
  for (RunGroup& group : task.groups) {
    const std::string& method = group.runs[0].method;
    std::vector<const RunGroup*> same;
    for (const RunGroup& other : task.groups)
      if (other.runs[0].method == method) same.push_back(&other);
    group.name = method;
    for (const std::string& flag : differing(same))
      if (const std::string& value = group.runs[0].settings.at(flag); flag == "weights")
        group.name += value.empty() ? ", random backbone" : ", " + value;
      else
        group.name += ", " + flag + " " + value;
  }
}

}  // namespace

std::vector<double> RunGroup::tests() const {
  std::vector<double> out;
  for (const RunFacts& run : runs)
    if (run.test_top1) out.push_back(*run.test_top1);
  return out;
}

std::optional<double> RunGroup::test_error() const {
  double mean = 0;
  const std::vector<double> all = tests();
  for (const double x : all) mean += x / static_cast<double>(all.size());
  int64_t images = 0;
  for (const RunFacts& run : runs) images = std::max(images, run.test_images);
  if (all.empty() || images == 0) return std::nullopt;
  return standard_error(mean, images);
}

std::string split_name(const Task& task) { return task.split == "val" ? "validation" : task.split; }

std::vector<std::string> readable(const std::vector<std::string>& class_names) {
  std::vector<std::string> out;
  for (std::string name : class_names) {
    const size_t number = name.find_first_not_of("0123456789");
    if (number != std::string::npos && number > 0 && name[number] == '.' &&
        number + 1 < name.size())
      name.erase(0, number + 1);
    std::replace(name.begin(), name.end(), '_', ' ');
    out.push_back(name);
  }
  return std::set<std::string>(out.begin(), out.end()).size() == out.size() ? out : class_names;
}

std::vector<Task> tasks_of(std::vector<RunFacts> runs) {
  std::vector<Task> tasks;
  std::vector<std::string> images;
  for (RunFacts& run : runs) {
    auto at = std::find(images.begin(), images.end(), run.data_sha256) - images.begin();
    if (at == static_cast<std::ptrdiff_t>(images.size())) {
      images.push_back(run.data_sha256);
      tasks.push_back({.data = run.data});
    }
    Task& task = tasks[static_cast<size_t>(at)];
    const auto group = std::find_if(task.groups.begin(), task.groups.end(), [&](const RunGroup& g) {
      return g.runs[0].settings == run.settings && g.runs[0].weights_sha256 == run.weights_sha256;
    });
    if (group != task.groups.end()) {
      group->runs.push_back(std::move(run));
      continue;
    }
    const int color = static_cast<int>(task.groups.size());
    task.groups.push_back({.color = color, .runs = {std::move(run)}});
  }
  for (Task& task : tasks) name_groups(task);
  return tasks;
}

}  // namespace lspt
