// Matrices as squares; the style of all charts; charts as files.
#include <algorithm>
#include <cmath>

#include "train/output/console.h"
#include "train/report/charts.h"
#include "train/report/markup.h"
#include "train/report/svg.h"

namespace lspt {

std::string heat_map(const HeatMap& map) {
  constexpr size_t kNameLetters = 24;
  constexpr double kLetter = 6.2, kTop = 44;
  const auto most = std::max(map.rows, map.columns);
  const double cell = most <= 6    ? 40
                      : most <= 14 ? 27
                      : most <= 30 ? 19
                                   : std::max(480.0 / static_cast<double>(most), 1.5);
  const auto longest = [](const std::vector<std::string>& names) {
    size_t letters = 0;
    for (const std::string& name : names)
      letters = std::max(letters, shortened(name, kNameLetters).size());
    return kLetter * static_cast<double>(letters);
  };
  const double left = 30 + longest(map.row_names),
               under = map.column_names.empty() ? 8 : 12 + longest(map.column_names);
  const double width = cell * static_cast<double>(map.columns),
               height = cell * static_cast<double>(map.rows);
  Svg svg(map.description);
  svg.text(left, 16, map.title, "title");
  svg.rect(left, kTop, width, height, 1, "plate");
  for (int64_t i = 0; i < map.rows; ++i)
    for (int64_t j = 0; j < map.columns; ++j) {
      const auto at = static_cast<size_t>(i * map.columns + j);
      const double value = map.values[at] / map.strong, x = left + cell * static_cast<double>(j),
                   y = kTop + cell * static_cast<double>(i);
      if (!std::isfinite(value)) continue;
      const double deep = std::min(std::abs(value), 1.0);
      const bool other = map.off_diagonal_differs ? i != j : value < 0;
      // What is there is seen, however little it is.
      if (deep > 0.004)
        svg.rect(x, y, cell, cell, std::max(deep, map.off_diagonal_differs ? 0.1 : 0.0),
                 other ? "cell below" : "cell above");
      if (!map.texts.empty() && !map.texts[at].empty())
        svg.text(x + cell / 2, y + cell / 2 + 3.5, map.texts[at],
                 deep > 0.6 ? "value middle strong" : "value middle");
    }
  for (size_t i = 0; i < map.row_names.size(); ++i)
    svg.text(left - 6, kTop + cell * (static_cast<double>(i) + 0.5) + 4,
             shortened(map.row_names[i], kNameLetters), "tick end");
  for (size_t j = 0; j < map.column_names.size(); ++j) {
    const bool turned = longest(map.column_names) > cell;
    const double x = left + cell * (static_cast<double>(j) + 0.5);
    svg.text(turned ? x + 4 : x, kTop + height + (turned ? 6 : 15),
             shortened(map.column_names[j], kNameLetters), turned ? "tick end" : "tick middle",
             turned);
  }
  const double bottom = kTop + height + under;
  svg.text(left + width / 2, bottom + 14, map.column_label, "label middle");
  svg.text(left, kTop - 9, map.row_label, "label");
  return svg.end(left + width + 14, bottom + 24);
}

const std::string& chart_style() {
  static const std::string css = R"css(
:root { --ink: #1f2328; --muted: #5b636d; --line: #dfe3e8; --paper: #ffffff; --plate: #f3f5f7;
  --above: #1f5fa8; --below: #c2571a; --strong: #ffffff;
  --s0: #2a66b0; --s1: #c05a1c; --s2: #23806a; --s3: #8d4fa3; --s4: #9a7417; --s5: #b83c63;
  --s6: #5f7186; --s7: #5c7f1f; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e8ea; --muted: #a0a8b2; --line: #343a42;
  --paper: #15181c; --plate: #1e2329; --above: #7fb4ee; --below: #f0a05e; --strong: #101418;
  --s0: #74aef0; --s1: #ef9a5a; --s2: #5cc4a6; --s3: #c79be0; --s4: #d9b451; --s5: #ee84a4;
  --s6: #a3b3c6; --s7: #a9cb63; } }
.chart { font: 12px system-ui, -apple-system, "Segoe UI", sans-serif; font-variant-numeric: tabular-nums; }
.chart text { fill: var(--ink); }
.chart .title { font-weight: 600; font-size: 13px; }
.chart .tick { fill: var(--muted); font-size: 11px; }
.chart .label { fill: var(--muted); }
.chart .value { font-size: 10px; }
.chart .value.strong { fill: var(--strong); }
.chart .end { text-anchor: end; }
.chart .middle { text-anchor: middle; }
.chart .grid { stroke: var(--line); }
.chart .plate { fill: var(--plate); }
.chart .above { fill: var(--above); }
.chart .below { fill: var(--below); }
.chart .line { fill: none; stroke-width: 2; stroke-linejoin: round; }
.chart .faint { stroke-width: 1.2; stroke-opacity: 0.45; }
.chart .whisker { stroke-width: 6; stroke-opacity: 0.25; }
.chart .band { fill-opacity: 0.18; stroke: none; }
)css" + [] {
    std::string series;
    for (int i = 0; i < kSeriesColors; ++i)
      series += format(
          ".chart .s%d { stroke: var(--s%d); } .chart .dot.s%d, .chart .band.s%d { fill: "
          "var(--s%d); stroke: none; }\n",
          i, i, i, i, i);
    return series;
  }();
  return css;
}

std::string svg_file(const std::vector<std::string>& charts) {
  constexpr double kGap = 24;
  double width = 0, height = 0;
  std::string body;
  for (const std::string& chart : charts) {
    double w = 0, h = 0;
    const size_t at = chart.find("viewBox=\"0 0 ");
    std::sscanf(chart.c_str() + at, "viewBox=\"0 0 %lf %lf\"", &w, &h);
    body += "<g transform=\"translate(" + format("%.0f", width) + " 0)\">\n" + chart + "</g>\n";
    width += w + kGap;
    height = std::max(height, h);
  }
  width -= kGap;
  return format(
             "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<svg "
             "xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"-12 -8 %.0f %.0f\" width=\"%.0f\" "
             "height=\"%.0f\">\n",
             width + 24, height + 16, width + 24, height + 16) +
         "<style>" + chart_style() +
         "</style>\n<rect x=\"-12\" y=\"-8\" width=\"100%\" height=\"100%\" "
         "fill=\"var(--paper)\"/>\n" +
         body + "</svg>\n";
}

}  // namespace lspt
