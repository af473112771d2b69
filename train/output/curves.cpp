// curves.svg: two panels, training in blue and evaluation in orange.
#include <algorithm>
#include <cmath>
#include <cstdio>

#include "train/metrics.h"

namespace lspt {
namespace {

constexpr double kWidth = 340, kHeight = 200, kTop = 56;

struct Series {
  const char* name;
  const char* color;
  double EpochRow::*value;
};

std::string number(const char* format, double value) {
  char text[40];
  std::snprintf(text, sizeof text, format, value);
  return text;
}

std::string label(double x, double y, const std::string& text, const char* extra = "") {
  return "<text x=\"" + number("%.1f", x) + "\" y=\"" + number("%.1f", y) + "\" " + extra + ">" +
         text + "</text>\n";
}

/// Axes from 0 to the largest value, four grid lines, one line a series.
std::string panel(const std::vector<EpochRow>& rows, double left, const char* title, double top,
                  const std::vector<Series>& series) {
  const double last = static_cast<double>(std::max<int64_t>(rows.back().epoch, 2));
  const auto x = [&](int64_t epoch) {
    return left + kWidth * static_cast<double>(epoch - 1) / (last - 1);
  };
  const auto y = [&](double value) {
    return kTop + kHeight * (1 - std::clamp(value / top, 0.0, 1.0));
  };
  std::string out = label(left, kTop - 14, title, "font-weight=\"600\"");
  for (int i = 0; i <= 4; ++i) {
    const double value = top * i / 4, at = y(value);
    out += "<line x1=\"" + number("%.1f", left) + "\" x2=\"" + number("%.1f", left + kWidth) +
           "\" y1=\"" + number("%.1f", at) + "\" y2=\"" + number("%.1f", at) +
           "\" stroke=\"#e3e6ea\"/>\n" +
           label(left - 6, at + 4, number("%.3g", value), "text-anchor=\"end\" fill=\"#6b7280\"");
  }
  out += label(left, kTop + kHeight + 18, "epoch 1", "fill=\"#6b7280\"");
  out += label(left + kWidth, kTop + kHeight + 18, number("%.0f", last),
               "text-anchor=\"end\" fill=\"#6b7280\"");
  double legend = left + kWidth;
  for (const Series& s : series) {
    if (std::none_of(rows.begin(), rows.end(),
                     [&](const EpochRow& row) { return std::isfinite(row.*s.value); }))
      continue;
    std::string points, dots;
    for (const EpochRow& row : rows) {
      if (!std::isfinite(row.*s.value)) continue;
      points += number("%.1f", x(row.epoch)) + "," + number("%.1f", y(row.*s.value)) + " ";
    }
    if (rows.size() == 1)
      dots = "<circle cx=\"" + number("%.1f", x(1)) + "\" cy=\"" +
             number("%.1f", y(rows[0].*s.value)) + "\" r=\"3\" fill=\"" + s.color + "\"/>\n";
    out += "<polyline fill=\"none\" stroke-width=\"2\" stroke-linejoin=\"round\" stroke=\"" +
           std::string(s.color) + "\" points=\"" + points + "\"/>\n" + dots;
    out += label(legend, kTop - 14, s.name,
                 (std::string("text-anchor=\"end\" fill=\"") + s.color + "\"").c_str());
    legend -= 52;
  }
  return out;
}

std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text)
    out += c == '<' ? "&lt;" : c == '>' ? "&gt;" : c == '&' ? "&amp;" : std::string(1, c);
  return out;
}

}  // namespace

std::string curves_svg(const std::vector<EpochRow>& rows, const std::string& title,
                       const std::string& split) {
  std::string out =
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"820\" height=\"290\" viewBox=\"0 0 820 "
      "290\" font-family=\"system-ui, sans-serif\" font-size=\"12\">\n"
      "<rect width=\"820\" height=\"290\" fill=\"#ffffff\"/>\n" +
      label(50, 22, escaped(title), "font-size=\"14\" fill=\"#111827\"");
  if (!rows.empty()) {
    double loss = 0;
    for (const EpochRow& row : rows)
      for (const double value : {row.train_loss, row.eval_loss})
        if (std::isfinite(value)) loss = std::max(loss, value);
    const char *train = "#2563eb", *test = "#ea580c";
    out += panel(
        rows, 50, "loss", loss > 0 ? loss : 1,
        {{split.c_str(), test, &EpochRow::eval_loss}, {"train", train, &EpochRow::train_loss}});
    out += panel(
        rows, 450, "accuracy, %", 100,
        {{split.c_str(), test, &EpochRow::eval_top1}, {"train", train, &EpochRow::train_top1}});
  }
  return out + "</svg>\n";
}

}  // namespace lspt
