// What the models answer: accuracy by class, confusions, pictures.
#include <algorithm>
#include <filesystem>

#include "train/output/console.h"
#include "train/report/charts.h"
#include "train/report/markup.h"
#include "train/report/report.h"

namespace lspt {
namespace {

constexpr size_t kFewClasses = 24;

std::vector<const RunGroup*> inspected(const Task& task) {
  std::vector<const RunGroup*> out;
  for (const RunGroup& group : task.groups)
    if (group.inspection) out.push_back(&group);
  return out;
}

double accuracy(const Evaluation& e, size_t k) {
  return e.images[k] == 0
             ? 0
             : 100.0 * static_cast<double>(e.correct[k]) / static_cast<double>(e.images[k]);
}

std::string classes_table(const Task& task, const std::vector<const RunGroup*>& groups) {
  std::string out =
      "<div class=\"scroll\" role=\"region\" aria-label=\"Accuracy by class\" "
      "tabindex=\"0\"><table class=\"small\">\n<thead><tr><th scope=\"col\">class</th><th "
      "scope=\"col\" "
      "class=\"n\">images</th>";
  for (const RunGroup* g : groups)
    out += "<th scope=\"col\" class=\"n\">" + escaped(g->name) + ", %</th>";
  out += "</tr></thead>\n<tbody>\n";
  for (size_t k = 0; k < task.class_names.size(); ++k) {
    out += "<tr><th scope=\"row\">" + escaped(task.class_names[k]) + "</th><td class=\"n\">" +
           grouped(groups[0]->inspection->evaluation.images[k]) + "</td>";
    for (const RunGroup* g : groups) {
      const double top1 = accuracy(g->inspection->evaluation, k);
      out += format("<td class=\"n bar b%d\" style=\"--part:%.0f%%\">", g->color % kSeriesColors,
                    top1) +
             (g->inspection->evaluation.images[k] == 0 ? "-" : decimal(top1, 0)) + "</td>";
    }
    out += "</tr>\n";
  }
  return out + "</tbody></table></div>\n";
}

std::string per_class(const Task& task, const std::vector<const RunGroup*>& groups) {
  const std::string table = classes_table(task, groups);
  std::string out = "<h3>Accuracy by class</h3>\n";
  out += "<p class=\"note\">Of the " + split_name(task) +
         " images of each class, the share that is answered right, by the first seed of each "
         "method. A class of few images moves in large steps: n images, steps of 1 / n.</p>\n";
  if (task.class_names.size() <= kFewClasses) return out + table;
  return out + "<details><summary>Table of all " + std::to_string(task.class_names.size()) +
         " classes</summary>\n" + table + "</details>\n";
}

std::string confusion_chart(const Task& task, const Inspection& i) {
  const size_t n = task.class_names.size();
  HeatMap map{.title = "Confusion",
              .row_label = "true class",
              .column_label = "predicted class",
              .description = "Confusion matrix: " + std::to_string(i.evaluation.seen) +
                             " images, " + decimal(i.evaluation.top1) + " % on the diagonal.",
              .rows = static_cast<int64_t>(n),
              .columns = static_cast<int64_t>(n),
              .off_diagonal_differs = true};
  for (size_t k = 0; k < n; ++k) {
    const double images = static_cast<double>(std::max<int64_t>(i.evaluation.images[k], 1));
    for (size_t j = 0; j < n; ++j) {
      const int64_t count = i.confusion[k * n + j];
      map.values.push_back(static_cast<double>(count) / images);
      if (n <= 14) map.texts.push_back(count > 0 ? std::to_string(count) : "");
    }
  }
  if (n <= kFewClasses) map.row_names = map.column_names = task.class_names;
  return heat_map(map);
}

std::string confusion_list(const Task& task, const Inspection& i) {
  struct Taken {
    size_t label, predicted;
    int64_t count;
  };
  const size_t n = task.class_names.size();
  std::vector<Taken> taken;
  for (size_t k = 0; k < n; ++k)
    for (size_t j = 0; j < n; ++j)
      if (k != j && i.confusion[k * n + j] > 0) taken.push_back({k, j, i.confusion[k * n + j]});
  std::stable_sort(taken.begin(), taken.end(),
                   [](const Taken& a, const Taken& b) { return a.count > b.count; });
  if (taken.size() > 8) taken.resize(8);
  if (taken.empty()) return "<p>Not one mistake.</p>";
  std::string out =
      "<table class=\"small\"><caption>Most frequent mistakes</caption><thead><tr><th "
      "scope=\"col\">true class</th><th scope=\"col\">taken for</th><th scope=\"col\" "
      "class=\"n\">images</th><th scope=\"col\" class=\"n\">of</th></tr></thead><tbody>\n";
  for (const Taken& t : taken)
    out += "<tr><td>" + escaped(task.class_names[t.label]) + "</td><td>" +
           escaped(task.class_names[t.predicted]) + "</td><td class=\"n\">" + grouped(t.count) +
           "</td><td class=\"n\">" + grouped(i.evaluation.images[t.label]) + "</td></tr>\n";
  return out + "</tbody></table>";
}

std::string gallery(const Task& task, const std::vector<ShownAnswer>& answers) {
  std::string out = "<ul class=\"gallery\">\n";
  for (const ShownAnswer& a : answers) {
    const std::string &label = task.class_names[a.judged.label],
                      &predicted = task.class_names[a.judged.predicted];
    const std::string file = std::filesystem::path(a.path).filename().string();
    out += "<li>" + img(a.photo, "Image " + file + ", class " + label);
    if (a.judged.right())
      out += "<span><b class=\"right\">✓</b> " + escaped(label) + " <span class=\"p\">" +
             share(a.judged.probability) + "</span></span>";
    else
      out += "<span><b class=\"wrong\">✗</b> " + escaped(predicted) + " <span class=\"p\">" +
             share(a.judged.probability) + "</span></span><span>is " + escaped(label) +
             " <span class=\"p\">" + share(a.judged.label_probability) + "</span></span>";
    out += "</li>\n";
  }
  return out + "</ul>\n";
}

std::string answers_of(const Task& task, const RunGroup& group) {
  const Inspection& i = *group.inspection;
  std::string out = "<article>\n<h4>" + escaped(group.name) + ", seed " +
                    std::to_string(group.runs[0].seed) + "</h4>\n<div class=\"beside\"><figure>" +
                    confusion_chart(task, i) +
                    "<figcaption>A row is a true class, a column what its images were taken for, "
                    "depth of colour the share of the row: blue on the diagonal is right, orange "
                    "beside it wrong.</figcaption></figure>\n<div>" +
                    confusion_list(task, i) + "</div></div>\n";
  if (!i.wrong.empty()) out += "<h5>The surest mistakes</h5>\n" + gallery(task, i.wrong);
  if (!i.right.empty())
    out += "<h5>The surest right answers, each of another class</h5>\n" + gallery(task, i.right);
  return out + "</article>\n";
}

}  // namespace

std::string answers_html(const Task& task) {
  const std::vector<const RunGroup*> groups = inspected(task);
  if (groups.empty()) return "";
  std::string out =
      per_class(task, groups) +
      "<h3>Answers</h3>\n<p class=\"note\">Of the first seed of each method on the " +
      split_name(task) +
      " images, which are shown as the network sees them, cropped and resized. The "
      "numbers are softmax probabilities: of the answer, and of the true class.</p>\n";
  for (const RunGroup* group : groups) out += answers_of(task, *group);
  return out;
}

}  // namespace lspt
