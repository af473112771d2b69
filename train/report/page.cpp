// The page around the parts.
#include <algorithm>
#include <filesystem>

#include "train/output/console.h"
#include "train/report/charts.h"
#include "train/report/markup.h"
#include "train/report/report.h"

namespace lspt {
namespace {

const char* kStyle = R"css(
* { box-sizing: border-box; }
html { color-scheme: light dark; -webkit-text-size-adjust: 100%; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
main, header, footer { max-width: 68rem; margin: 0 auto; padding: 0 1.25rem; }
header { padding-top: 2.5rem; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 .4rem; letter-spacing: -.01em; }
h2 { font-size: 1.4rem; margin: 2.8rem 0 .3rem; padding-top: 1.2rem; border-top: 1px solid var(--line); }
h3 { font-size: 1.15rem; margin: 2.4rem 0 .6rem; }
h4 { font-size: 1rem; margin: 1.6rem 0 .6rem; }
h5 { font-size: .9rem; margin: 1.2rem 0 .5rem; color: var(--muted); font-weight: 600; }
p, figcaption, ul.note { max-width: 46rem; }
.lead, .note, figcaption, footer { color: var(--muted); }
.note, figcaption, footer { font-size: .875rem; }
figure { margin: 1rem 0 1.6rem; }
figcaption { margin-top: .5rem; }
code { font: .92em ui-monospace, SFMono-Regular, Menlo, monospace; overflow-wrap: anywhere; }
a { color: var(--above); }
nav ul { display: flex; flex-wrap: wrap; gap: .2rem 1.2rem; padding: 0; list-style: none; font-size: .9rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; margin: .4rem 0; }
caption { text-align: left; font-size: .875rem; color: var(--muted); padding-bottom: .3rem; }
th, td { padding: .38rem .8rem; text-align: left; border-bottom: 1px solid var(--line); }
thead th { font-size: .8rem; color: var(--muted); font-weight: 600; vertical-align: bottom; }
tbody th { font-weight: 500; }
table:not(.small) tbody th { white-space: nowrap; }
th:first-child, td:first-child { padding-left: 0; }
.n { text-align: right; white-space: nowrap; }
table.small { font-size: .875rem; }
table.small th, table.small td { padding: .22rem .7rem; }
table.small th:first-child, table.small td:first-child { padding-left: 0; }
.swatch { display: inline-block; width: .7rem; height: .7rem; border-radius: .2rem; margin-right: .5rem; }
.bar { background: linear-gradient(to right, color-mix(in srgb, var(--bar) 22%, transparent) var(--part), transparent 0); }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 20rem), 1fr)); gap: 1rem 1.5rem; align-items: start; }
svg.chart { max-width: 100%; height: auto; display: block; }
.beside { display: flex; flex-wrap: wrap; gap: 1rem 2.5rem; align-items: flex-start; }
.beside > figure { flex: 0 1 auto; max-width: 33rem; margin-top: 0; min-width: 0; }
.beside > div { flex: 1 1 20rem; min-width: 0; overflow-x: auto; }
.gallery { display: grid; grid-template-columns: repeat(auto-fill, minmax(7.2rem, 1fr)); gap: 1rem .9rem; padding: 0; margin: 0; list-style: none; }
.gallery li { font-size: .8rem; line-height: 1.35; min-width: 0; overflow-wrap: anywhere; }
.gallery li > span { display: block; }
img { display: block; max-width: 100%; height: auto; border-radius: .3rem; margin-bottom: .3rem; }
.p { color: var(--muted); white-space: nowrap; font-variant-numeric: tabular-nums; }
.right { color: var(--s2); } .wrong { color: var(--below); }
table.pictures th, table.pictures td { border: 0; padding: .3rem .5rem; font-weight: 400; font-size: .8rem; vertical-align: top; }
table.pictures th:first-child { padding-left: 0; }
table.pictures thead th { font-weight: 600; }
table.pictures span { color: var(--muted); display: block; max-width: 10rem; }
table.pictures img { width: 10rem; min-width: 6.5rem; }
article { border-left: 3px solid var(--line); padding-left: 1.2rem; margin: 1.6rem 0 2.4rem; }
summary { cursor: pointer; }
footer { padding-top: 2rem; padding-bottom: 3rem; }
@media (max-width: 40rem) { body { font-size: 15px; } h1 { font-size: 1.5rem; }
  th, td { padding: .35rem .5rem; } article { padding-left: .8rem; } table.pictures img { width: 6.5rem; } }
@media print { .scroll { overflow: visible; } details > * { display: block; } }
)css";

std::string bar_colors() {
  std::string out;
  for (int i = 0; i < kSeriesColors; ++i)
    out +=
        format(".b%d { --bar: var(--s%d); } .swatch.b%d { background: var(--s%d); }\n", i, i, i, i);
  return out;
}

/// One line for each run that could not be looked into, and for what a run has not.
std::string lacking(const Task& task) {
  std::string out;
  for (const RunGroup& group : task.groups) {
    if (!group.not_inspected.empty())
      out += "<li>" + escaped(group.name) + " is not looked into: " + escaped(group.not_inspected) +
             "</li>\n";
    else if (!group.inspection->prompts.similarity)
      out += "<li>" + escaped(group.name) + " has no prompts.</li>\n";
  }
  return out.empty() ? "" : "<ul class=\"note\">\n" + out + "</ul>\n";
}

/// What was tuned; where it is not the same for all, which methods tuned what.
std::string backbones(const Task& task) {
  std::vector<std::pair<std::string, std::string>> found;  // backbone, methods
  for (const RunGroup& group : task.groups) {
    const RunFacts& run = group.runs[0];
    const auto size = run.settings.find("img-size");
    const std::string text =
        "<code>" + escaped(run.model) + "</code>" +
        (size == run.settings.end() ? "" : " at " + escaped(size->second) + " px") +
        (run.weights.empty() ? ", random values" : ", <code>" + escaped(run.weights) + "</code>");
    const auto it = std::find_if(found.begin(), found.end(),
                                 [&](const auto& other) { return other.first == text; });
    if (it == found.end())
      found.emplace_back(text, escaped(group.name));
    else
      it->second += ", " + escaped(group.name);
  }
  std::string out;
  for (const auto& [text, methods] : found)
    out += (out.empty() ? "" : "; ") + text + (found.size() > 1 ? " (" + methods + ")" : "");
  return "Backbone " + out + ".";
}

std::string heading(const Task& task, size_t number) {
  std::string out = "<h2 id=\"task" + std::to_string(number) + "\">" +
                    escaped(std::filesystem::path(task.data).filename().string()) +
                    "</h2>\n<p class=\"lead\">";
  if (!task.class_names.empty()) out += std::to_string(task.class_names.size()) + " classes. ";
  return out + backbones(task) + "</p>\n";
}

size_t runs_in(const Report& report) {
  size_t out = 0;
  for (const Task& task : report.tasks)
    for (const RunGroup& group : task.groups) out += group.runs.size();
  return out;
}

}  // namespace

std::string html_of(const Report& report) {
  const size_t runs = runs_in(report);
  std::string out =
      "<!DOCTYPE html>\n<html xmlns=\"http://www.w3.org/1999/xhtml\" lang=\"en\">\n<head>\n<meta "
      "charset=\"utf-8\"/>\n<meta name=\"viewport\" content=\"width=device-width, "
      "initial-scale=1\"/>\n<meta name=\"color-scheme\" content=\"light dark\"/>\n<title>Prompt "
      "tuning, " +
      std::to_string(runs) + (runs == 1 ? " run" : " runs") +
      "</title>\n<link rel=\"icon\" href=\"data:,\"/>\n<style>" + chart_style() + kStyle +
      bar_colors() +
      "</style>\n</head>\n<body>\n<header>\n<h1>Prompt tuning, side by side</h1>\n<p "
      "class=\"lead\">" +
      std::to_string(runs) + (runs == 1 ? " run" : " runs") + " of ";
  size_t groups = 0;
  for (const Task& task : report.tasks) groups += task.groups.size();
  out += std::to_string(groups) + (groups == 1 ? " setting" : " settings") + " on " +
         std::to_string(report.tasks.size()) +
         (report.tasks.size() == 1 ? " data set" : " data sets") +
         ". All pictures are in this file.</p>\n";
  if (report.tasks.size() > 1) {
    out += "<nav aria-label=\"Data sets\"><ul>\n";
    for (size_t i = 0; i < report.tasks.size(); ++i)
      out += "<li><a href=\"#task" + std::to_string(i) + "\">" +
             escaped(std::filesystem::path(report.tasks[i].data).filename().string()) +
             "</a></li>\n";
    out += "</ul></nav>\n";
  }
  if (!report.left_out.empty()) {
    out += "<ul class=\"note\">\n";
    for (const std::string& why : report.left_out) out += "<li>" + escaped(why) + "</li>\n";
    out += "</ul>\n";
  }
  out += "</header>\n<main>\n";
  for (size_t i = 0; i < report.tasks.size(); ++i) {
    const Task& task = report.tasks[i];
    out += "<section aria-labelledby=\"task" + std::to_string(i) + "\">\n" + heading(task, i) +
           lacking(task) + comparison_html(task) + answers_html(task) + gazes_html(task) +
           prompts_html(task) + "</section>\n";
  }
  out += "</main>\n<footer><p>Runs:";
  for (const Task& task : report.tasks)
    for (const RunGroup& group : task.groups)
      for (const RunFacts& run : group.runs) out += " <code>" + escaped(run.folder) + "</code>";
  return out + ". Made with " + escaped(report.made_with) + ".</p></footer>\n</body>\n</html>\n";
}

}  // namespace lspt
