// Line charts and dot plots.
#include "train/report/charts.h"

#include <algorithm>
#include <cmath>

#include "train/output/console.h"
#include "train/report/markup.h"
#include "train/report/svg.h"

namespace lspt {
namespace {

constexpr double kWidth = 360, kHeight = 240, kLeft = 38, kRight = 10, kBottom = 40;

/// 1, 2 or 5 times a power of ten, so that about `count` steps make the range.
double nice_step(double range, int count) {
  const double raw = range / count, power = std::pow(10, std::floor(std::log10(raw)));
  for (const double factor : {1.0, 2.0, 5.0})
    if (factor * power >= raw * 0.999) return factor * power;
  return 10 * power;
}

struct Scale {
  double low, high, step;
  double at(double value, double from, double to) const {
    return from + (to - from) * (value - low) / (high - low);
  }
};

Scale scale_of(double low, double high, int count, bool whole) {
  if (!(high > low)) high = low + 1;
  double step = nice_step(high - low, count);
  if (whole) step = std::max(1.0, std::round(step));
  return {low, high, step};
}

/// Legend entries from the left, in as many rows as they need; returns the height taken.
double add_legend(Svg& svg, const std::vector<Series>& series, double top) {
  constexpr double kLetter = 6.7, kRow = 18;
  double x = kLeft, y = top;
  bool any = false;
  for (const Series& s : series) {
    if (s.name.empty()) continue;
    const double width = 30 + kLetter * static_cast<double>(s.name.size());
    if (any && x + width > kWidth - kRight) x = kLeft, y += kRow;
    svg.line(x, y - 4, x + 16, y - 4, "line " + color_class(s.color));
    svg.text(x + 21, y, s.name, "label");
    x += width;
    any = true;
  }
  return any ? y - top + kRow : 0;
}

/// Runs of finite points.
std::vector<std::vector<size_t>> pieces(const Series& s) {
  std::vector<std::vector<size_t>> out(1);
  for (size_t i = 0; i < s.points.size(); ++i) {
    if (std::isfinite(s.points[i].second))
      out.back().push_back(i);
    else if (!out.back().empty())
      out.emplace_back();
  }
  if (out.back().empty()) out.pop_back();
  return out;
}

void add_series(Svg& svg, const Series& s, const auto& x, const auto& y) {
  for (const std::vector<size_t>& piece : pieces(s)) {
    if (!s.high.empty()) {
      std::string band;
      for (const size_t i : piece) band += point(x(s.points[i].first), y(s.high[i]));
      for (size_t i = piece.size(); i-- > 0;)
        band += point(x(s.points[piece[i]].first), y(s.low[piece[i]]));
      svg.add("<polygon class=\"band " + color_class(s.color) + "\" points=\"" + band + "\"/>");
    }
    if (piece.size() == 1) {
      const auto& [px, py] = s.points[piece[0]];
      svg.circle(x(px), y(py), 3.5, "dot " + color_class(s.color));
      continue;
    }
    std::string points;
    for (const size_t i : piece) points += point(x(s.points[i].first), y(s.points[i].second));
    svg.add("<polyline class=\"line " + color_class(s.color) + (s.faint ? " faint" : "") +
            "\" points=\"" + points + "\"/>");
  }
}

}  // namespace

std::string line_chart(const LineChart& chart) {
  double x_low = INFINITY, x_high = -INFINITY, high = 0;
  for (const Series& s : chart.series)
    for (size_t i = 0; i < s.points.size(); ++i) {
      x_low = std::min(x_low, s.points[i].first);
      x_high = std::max(x_high, s.points[i].first);
      for (const double value : {s.points[i].second, s.high.empty() ? 0 : s.high[i]})
        if (std::isfinite(value)) high = std::max(high, value);
    }
  if (!std::isfinite(x_low)) x_low = 0, x_high = 1;
  const bool fixed = chart.high > chart.low;
  const Scale down = fixed ? scale_of(chart.low, chart.high, 4, false)
                           : scale_of(0, high * 1.04, 4, false),
              across = scale_of(x_low, x_high, 6, chart.whole_x);

  Svg svg(chart.description);
  svg.text(kLeft, 16, chart.title, "title");
  const double top = 30 + add_legend(svg, chart.series, 36);
  const double bottom = top + kHeight - kBottom - 40, height = bottom + kBottom;
  const auto x = [&](double v) { return across.at(v, kLeft, kWidth - kRight); };
  const auto y = [&](double v) { return down.at(std::clamp(v, down.low, down.high), bottom, top); };
  for (double v = down.step * std::ceil(down.low / down.step); v <= down.high * 1.0001;
       v += down.step) {
    svg.line(kLeft, y(v), kWidth - kRight, y(v), "grid");
    svg.text(kLeft - 6, y(v) + 4, format("%.4g", std::abs(v) < 1e-9 ? 0.0 : v), "tick end");
  }
  // From the first point on, so that the first epoch or block has its number.
  for (double v = x_low; v <= across.high * 1.0001; v += across.step)
    svg.text(x(v), bottom + 16, format("%.4g", v), "tick middle");
  svg.text((kLeft + kWidth - kRight) / 2, bottom + 33, chart.x_label, "label middle");
  for (const bool faint : {true, false})
    for (const Series& s : chart.series)
      if (s.faint == faint) add_series(svg, s, x, y);
  return svg.end(kWidth, height);
}

std::string dot_plot(const DotPlot& plot) {
  double low = INFINITY, high = -INFINITY;
  size_t longest = 0;
  for (const DotPlot::Row& row : plot.rows) {
    longest = std::max(longest, row.name.size());
    const double spread = std::max(row.deviation, row.error);
    low = std::min(low, row.mean - spread), high = std::max(high, row.mean + spread);
    for (const double v : row.values) low = std::min(low, v), high = std::max(high, v);
  }
  const double margin = std::max((high - low) * 0.08, 0.5), width = 560, row_height = 30;
  const Scale across = scale_of(low - margin, high + margin, 6, false);
  const double left = 16 + 6.9 * static_cast<double>(std::min<size_t>(longest, 32)),
               bottom = 8 + row_height * static_cast<double>(plot.rows.size());
  Svg svg(plot.description);
  const auto x = [&](double v) { return across.at(v, left, width - 16); };
  for (double v = across.step * std::ceil(across.low / across.step); v <= across.high;
       v += across.step) {
    svg.line(x(v), 4, x(v), bottom, "grid");
    svg.text(x(v), bottom + 16, format("%.4g", v), "tick middle");
  }
  svg.text((left + width - 16) / 2, bottom + 34, plot.x_label, "label middle");
  double y = 8 + row_height / 2;
  for (const DotPlot::Row& row : plot.rows) {
    const std::string color = color_class(row.color);
    svg.text(left - 10, y + 4, shortened(row.name, 32), "label end");
    svg.line(x(row.mean - row.error), y, x(row.mean + row.error), y, "line " + color);
    if (row.deviation > 0)
      svg.line(x(row.mean - row.deviation), y, x(row.mean + row.deviation), y, "whisker " + color);
    svg.line(x(row.mean), y - 9, x(row.mean), y + 9, "line " + color);
    for (const double v : row.values) svg.circle(x(v), y, 4, "dot " + color);
    y += row_height;
  }
  return svg.end(width, bottom + 42);
}

}  // namespace lspt
