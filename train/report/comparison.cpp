// The table of methods, and curves.
#include <algorithm>
#include <cmath>

#include "train/output/console.h"
#include "train/report/charts.h"
#include "train/report/markup.h"
#include "train/report/report.h"

namespace lspt {
namespace {

/// Of numbers the one in the middle; 0 of none.
double median(std::vector<double> values) {
  if (values.empty()) return 0;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

std::string speed_of(const RunGroup& group) {
  std::vector<double> speeds;
  for (const RunFacts& run : group.runs)
    for (const EpochRow& row : run.epochs) speeds.push_back(row.images_per_second);
  return speeds.empty() ? "-" : grouped(std::llround(median(speeds)));
}

std::string row_of(const RunGroup& group) {
  const Spread tests = spread_of(group.tests());
  std::vector<double> chosen;
  std::string seeds;
  for (const RunFacts& run : group.runs) {
    if (!run.diverged) chosen.push_back(run.best_top1);
    seeds += (seeds.empty() ? "" : ", ") + std::to_string(run.seed);
  }
  const auto number = [](const std::string& text) { return "<td class=\"n\">" + text + "</td>"; };
  const std::optional<double> error = group.test_error();
  std::optional<int64_t> trained;
  for (const RunFacts& run : group.runs)
    if (!trained) trained = run.trained;
  return format("<tr><th scope=\"row\"><span class=\"swatch b%d\"></span>",
                group.color % kSeriesColors) +
         escaped(group.name) + "</th>" + number(trained ? grouped(*trained) : "-") +
         number(tests.n > 0 ? "<strong>" + decimal(tests.mean) + "</strong>" : "-") +
         number(tests.deviation ? decimal(*tests.deviation) : "-") +
         number(error ? decimal(*error) : "-") +
         number(chosen.empty() ? "-" : decimal(spread_of(chosen).mean)) + number(seeds) +
         number(speed_of(group)) + "</tr>\n";
}

std::string table_of(const Task& task) {
  std::string out =
      "<div class=\"scroll\" role=\"region\" aria-label=\"Comparison of methods\" "
      "tabindex=\"0\"><table>\n"
      "<thead><tr><th scope=\"col\">method</th><th scope=\"col\" class=\"n\">trained "
      "parameters</th><th scope=\"col\" class=\"n\">test top-1, %</th><th scope=\"col\" "
      "class=\"n\">± over seeds</th><th scope=\"col\" class=\"n\">s.e. of a test</th><th "
      "scope=\"col\" class=\"n\">validation, %</th><th scope=\"col\" class=\"n\">seeds</th><th "
      "scope=\"col\" class=\"n\">images/s</th></tr></thead>\n<tbody>\n";
  for (const RunGroup& group : task.groups) out += row_of(group);
  return out + "</tbody></table></div>\n";
}

std::string dots_of(const Task& task) {
  DotPlot plot{.x_label = "test top-1, %", .description = "Test accuracy of each run, by method."};
  for (const RunGroup& group : task.groups) {
    const std::vector<double> tests = group.tests();
    if (tests.empty()) continue;
    const Spread spread = spread_of(tests);
    plot.rows.push_back({group.name, group.color, tests, spread.mean, spread.deviation.value_or(0),
                         group.test_error().value_or(0)});
    plot.description += " " + group.name + ": " + decimal(spread.mean) + " %.";
  }
  if (plot.rows.empty()) return "";
  return "<figure>" + dot_plot(plot) +
         "<figcaption>A dot is the test of one run, the upright mark the mean of a method; the "
         "pale "
         "bar reaches a standard deviation over its seeds to either side, the thin line a standard "
         "error of a test.</figcaption></figure>\n";
}

/// A line a run, the first of a method strong and with its name.
LineChart curve(const Task& task, const std::string& title, double EpochRow::*value) {
  LineChart chart{.title = title, .x_label = "epoch", .description = title + " by epoch."};
  for (const RunGroup& group : task.groups)
    for (size_t i = 0; i < group.runs.size(); ++i) {
      Series series{.name = i == 0 ? group.name : "", .color = group.color, .faint = i > 0};
      for (const EpochRow& row : group.runs[i].epochs)
        series.points.emplace_back(static_cast<double>(row.epoch), row.*value);
      if (series.points.empty()) continue;
      if (i == 0)
        chart.description +=
            " " + group.name + " ends at " + decimal(series.points.back().second, 2) + ".";
      chart.series.push_back(std::move(series));
    }
  return chart;
}

std::string curves_of(const Task& task) {
  const std::string& chosen_on = task.groups[0].runs[0].chosen_on;
  const std::string name = chosen_on == "val" ? "Validation" : "Test";
  const size_t classes = task.class_names.size();
  const std::string guessing =
      classes == 0
          ? ""
          : "; guessing among " + std::to_string(classes) +
                " classes has ln K = " + decimal(std::log(static_cast<double>(classes)), 2);
  return "<h3>Curves</h3>\n<figure><div class=\"charts\">" +
         line_chart(curve(task, name + " top-1, %", &EpochRow::eval_top1)) +
         line_chart(curve(task, name + " loss", &EpochRow::eval_loss)) +
         line_chart(curve(task, "Training loss", &EpochRow::train_loss)) +
         "</div><figcaption>Of every epoch, from <code>metrics.csv</code>: a line a run, the first "
         "seed of a method strong, the others pale. A dot is a run of one epoch. The loss is the "
         "mean cross-entropy" +
         guessing + ".</figcaption></figure>\n";
}

}  // namespace

std::string comparison_html(const Task& task) {
  std::string out =
      "<h3>Comparison</h3>\n" + table_of(task) +
      "<p class=\"note\">Test top-1 is the share of test images whose most probable class is the "
      "true one, at the epoch that was chosen on the " +
      std::string(task.groups[0].runs[0].chosen_on == "val" ? "validation" : "test") +
      " images: the mean over seeds, then the standard deviation (n − 1) over them. The "
      "standard error of a test, √(p (1 − p) / n), is by how much another draw of as many test "
      "images would move a result; a difference of that size is no finding. "
      "Images/s are of training, the median over epochs; where features of frozen images were "
      "kept, as for a linear probe, it counts those.</p>\n" +
      dots_of(task);
  std::string troubles;
  for (const RunGroup& group : task.groups)
    for (const RunFacts& run : group.runs) {
      if (!run.trouble.empty())
        troubles += "<li>" + escaped(run.folder) + ": " + escaped(run.trouble) + "</li>\n";
      for (const std::string& warning : run.warnings)
        troubles += "<li>" + escaped(run.folder) + " warned: " + escaped(warning) + "</li>\n";
    }
  if (!troubles.empty()) out += "<ul class=\"note\">\n" + troubles + "</ul>\n";
  return out + curves_of(task);
}

}  // namespace lspt
