/// Runs side by side on one page of HTML that needs nothing else: no network, no script.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "train/report/inspection.h"
#include "train/report/run_facts.h"

namespace lspt {

/// Runs of the same settings, which differ by their seeds.
struct RunGroup {
  std::string name = {};  ///< the method, and the settings by which it differs from others of it
  int color = 0;
  std::vector<RunFacts> runs;
  std::optional<Inspection> inspection = {};  ///< of the first run
  std::string not_inspected = {};             ///< why, if it is not

  std::vector<double> tests() const;  ///< top-1 of those that have one
  /// Standard error of one test of the mean accuracy, percent; none if not known on how many
  /// images.
  std::optional<double> test_error() const;
};

/// Runs that tuned on the same images, and so can be compared.
struct Task {
  std::string data, split = {};  ///< split: what the inspections are of
  std::vector<std::string> class_names = {};
  std::vector<RunGroup> groups = {};
};

/// Puts runs into tasks by their images, then into groups by their settings, both in the order in
/// which they come.
std::vector<Task> tasks_of(std::vector<RunFacts> runs);

/// "012.Yellow_headed_Blackbird" as "Yellow headed Blackbird", unless two names become one.
std::vector<std::string> readable(const std::vector<std::string>& class_names);

struct Report {
  std::vector<Task> tasks = {};
  std::vector<std::string> left_out = {};  ///< of what was given: why it is not here
  std::string made_with;                   ///< the program and its version
};
/// The page.
std::string html_of(const Report& report);

/// "test" or "validation".
std::string split_name(const Task& task);

// The parts of the page, each with its heading.
std::string comparison_html(const Task& task);
std::string answers_html(const Task& task);
std::string gazes_html(const Task& task);
std::string prompts_html(const Task& task);
/// A picture of the similarity of prompts between blocks.
std::string similarity_chart(const Tensor& similarity, const std::string& title);
/// Pictures of the gates i, f and o by block.
std::vector<std::string> gate_charts(const Tensor& gates);

}  // namespace lspt
