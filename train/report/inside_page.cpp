// What goes on inside: attention over photos, prompts from block to block, gates.
#include <algorithm>
#include <cmath>
#include <filesystem>

#include "train/output/console.h"
#include "train/report/charts.h"
#include "train/report/markup.h"
#include "train/report/report.h"

namespace lspt {
namespace {

std::vector<const RunGroup*> those(const Task& task, bool (*wanted)(const Inspection&)) {
  std::vector<const RunGroup*> out;
  for (const RunGroup& group : task.groups)
    if (group.inspection && wanted(*group.inspection)) out.push_back(&group);
  return out;
}

std::vector<std::string> block_names(int64_t count) {
  std::vector<std::string> out;
  for (int64_t i = 0; i < count; ++i) out.push_back(std::to_string(i));
  return out;
}

}  // namespace

std::string gazes_html(const Task& task) {
  const auto groups = those(task, [](const Inspection& i) { return !i.gazes.empty(); });
  if (groups.empty()) return "";
  std::string out =
      "<h3>Where the class token looks</h3>\n<figure><div class=\"scroll\" role=\"region\" "
      "aria-label=\"Attention maps\" tabindex=\"0\"><table class=\"pictures\">\n<thead><tr><th "
      "scope=\"col\">image</th>";
  for (const RunGroup* g : groups) out += "<th scope=\"col\">" + escaped(g->name) + "</th>";
  out += "</tr></thead>\n<tbody>\n";
  for (size_t row = 0; row < groups[0]->inspection->gazes.size(); ++row) {
    const ShownGaze& photo = groups[0]->inspection->gazes[row];
    const std::string& label = task.class_names[photo.label];
    const std::string file = std::filesystem::path(photo.path).filename().string();
    out += "<tr><th scope=\"row\">" + img(photo.photo, "Image " + file) + "<span>" +
           escaped(label) + "</span></th>";
    for (const RunGroup* g : groups) {
      out += "<td>";
      if (row < g->inspection->gazes.size()) {
        const ShownGaze& gaze = g->inspection->gazes[row];
        out += img(gaze.over, "Attention of " + g->name + " over " + file) +
               (gaze.prompts > 0 ? "<span>prompts " + share(gaze.prompts) + "</span>" : "") +
               "<span>itself " + share(gaze.itself) + "</span>";
      }
      out += "</td>";
    }
    out += "</tr>\n";
  }
  out +=
      "</tbody></table></div><figcaption>softmax(q kᵀ / √d) of the class token’s query in "
      "block " +
      std::to_string(groups[0]->inspection->block) +
      ", mean over the heads. Light squares are the patches that get most; each picture is "
      "scaled to its own largest. Below it the shares of the whole that go to the prompts and to "
      "the class token itself. The images are spread evenly over the " +
      split_name(task) + " list, not chosen.";
  std::string others;
  for (const RunGroup* g : groups)
    if (!g->inspection->head_reads_class_token)
      others += (others.empty() ? "" : ", ") + escaped(g->name);
  if (!others.empty())
    out += " The head of " + others +
           " reads the mean of other rows: its class token is not what decides.";
  return out + "</figcaption></figure>\n";
}

std::string similarity_chart(const Tensor& similarity, const std::string& title) {
  const int64_t blocks = similarity.dim(0);
  const Likeness likeness = likeness_of(similarity);
  HeatMap map{.title = title,
              .row_label = "block",
              .column_label = "block",
              .description = title + ": cosine similarity of the prompts that enter " +
                             std::to_string(blocks) + " blocks, between neighbours " +
                             decimal(likeness.neighbours, 2) + " in the mean, over all pairs " +
                             decimal(likeness.all, 2) + ".",
              .rows = blocks,
              .columns = blocks,
              .row_names = block_names(blocks),
              .column_names = block_names(blocks)};
  for (int64_t i = 0; i < similarity.numel(); ++i) {
    const double s = static_cast<double>(similarity.data<float>()[i]);
    map.values.push_back(s);
    std::string text = decimal(std::abs(s), 2);
    if (text[0] == '0') text = text.substr(1);
    if (blocks <= 14) map.texts.push_back((s < -0.005 ? "−" : "") + text);
  }
  return heat_map(map);
}

std::vector<std::string> gate_charts(const Tensor& gates) {
  std::vector<std::string> out;
  const std::vector<std::pair<std::string, int64_t>> shown = {
      {"Input gate i", 0}, {"Forget gate f", 1}, {"Output gate o", 3}};
  for (size_t n = 0; n < shown.size(); ++n) {
    Series series{.name = "", .color = static_cast<int>(n)};
    double first = 0, last = 0;
    for (int64_t step = 0; step < gates.dim(0); ++step) {
      const float* of = gates.data<float>() + (step * 4 + shown[n].second) * kGateColumns;
      series.points.emplace_back(static_cast<double>(step), static_cast<double>(of[kMean]));
      series.low.push_back(static_cast<double>(of[kLow]));
      series.high.push_back(static_cast<double>(of[kHigh]));
      (step == 0 ? first : last) = static_cast<double>(of[kMean]);
    }
    out.push_back(
        line_chart({.title = shown[n].first,
                    .x_label = "after block",
                    .description = shown[n].first + ": mean " + decimal(first, 2) +
                                   " in the first step, " + decimal(last, 2) + " in the last.",
                    .low = 0,
                    .high = 1,
                    .series = {series}}));
  }
  return out;
}

namespace {

std::string similarity_figure(const std::vector<const RunGroup*>& groups, Tensor PromptLook::*which,
                              const std::string& heading, const std::string& caption) {
  std::string out = "<h4>" + heading + "</h4>\n<figure><div class=\"charts\">";
  for (const RunGroup* g : groups) out += similarity_chart(g->inspection->prompts.*which, g->name);
  out += "</div><figcaption>" + caption + " Means of neighbouring blocks, and of all pairs:";
  for (const RunGroup* g : groups) {
    const Likeness l = likeness_of(g->inspection->prompts.*which);
    out += (g == groups[0] ? " " : "; ") + escaped(g->name) + " " + decimal(l.neighbours, 2) +
           ", " + decimal(l.all, 2);
  }
  return out + ".</figcaption></figure>\n";
}

}  // namespace

std::string prompts_html(const Task& task) {
  std::string out = "<h3>Prompts from block to block</h3>\n";
  const auto groups =
      those(task, [](const Inspection& i) { return static_cast<bool>(i.prompts.similarity); });
  if (groups.empty()) return out + "<p class=\"note\">None of these runs has prompts.</p>\n";
  const std::string images =
      std::to_string(groups[0]->inspection->prompt_images) + " " + split_name(task) + " images";
  out += similarity_figure(
      groups, &PromptLook::similarity, "Whole rows",
      "How alike the prompts are that enter two blocks: the cosine between row p of the one and "
      "row p of the other, mean over the prompts and " +
          images +
          ". Colour away from the diagonal is what stays from block to block. Prompts that are new "
          "in every block (vpt-deep) have nothing in common with those before: what these had "
          "gathered is dropped, the forgetting that LSPT’s authors argue from. Gates (gapt) blend "
          "what leaves a block into what entered it, and start almost closed: the same rows "
          "everywhere. LSPT adds an LSTM’s memory to new prompts.");
  out += similarity_figure(
      groups, &PromptLook::own_similarity, "Each prompt’s own part",
      "The same of each row less the mean over prompts and images of its block. What all prompts "
      "of "
      "a block share, for which an LSTM’s bias is enough, is no memory of what a prompt has seen; "
      "what is left here can be.");
  const auto gated =
      those(task, [](const Inspection& i) { return static_cast<bool>(i.prompts.gates); });
  if (gated.empty())
    return out + "<p class=\"note\">None of these runs has an LSTM: no gates to show.</p>\n";
  out += "<h3>The LSTM’s gates</h3>\n";
  for (const RunGroup* g : gated) {
    out += "<figure><div class=\"charts\">";
    for (const std::string& chart : gate_charts(g->inspection->prompts.gates)) out += chart;
    out +=
        "</div><figcaption>" + escaped(g->name) +
        ": the sigmoids of the LSTM’s step after each block, over prompts, units and " + images +
        ": mean, and the band from the 10th to the 90th percentile. i near 0 lets nothing new into "
        "the memory, f near 1 forgets nothing of it, o near 0 shows nothing of it. All are near "
        "0.5 where the LSTM’s weights and what it reads are small.</figcaption>"
        "</figure>\n";
  }
  return out;
}

}  // namespace lspt
