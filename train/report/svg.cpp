#include "train/report/svg.h"

#include <algorithm>
#include <cmath>

#include "train/output/console.h"
#include "train/report/charts.h"
#include "train/report/markup.h"

namespace lspt {

void Svg::line(double x1, double y1, double x2, double y2, const std::string& classes) {
  add(format("<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" class=\"", x1, y1, x2, y2) +
      classes + "\"/>");
}

void Svg::circle(double x, double y, double radius, const std::string& classes) {
  add(format("<circle cx=\"%.1f\" cy=\"%.1f\" r=\"%.1f\" class=\"", x, y, radius) + classes +
      "\"/>");
}

void Svg::rect(double x, double y, double width, double height, double opacity,
               const std::string& classes) {
  add(format("<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" fill-opacity=\"%.3f\" "
             "class=\"",
             x, y, width, height, opacity) +
      classes + "\"/>");
}

void Svg::text(double x, double y, const std::string& text, const std::string& classes,
               bool turned) {
  const std::string turn = turned ? format(" transform=\"rotate(-90 %.1f %.1f)\"", x, y) : "";
  add(format("<text x=\"%.1f\" y=\"%.1f\"", x, y) + turn + " class=\"" + classes + "\">" +
      escaped(text) + "</text>");
}

std::string Svg::end(double width, double height) const {
  return format(
             "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"chart\" viewBox=\"0 0 %.0f "
             "%.0f\" width=\"%.0f\" height=\"%.0f\" role=\"img\" aria-label=\"",
             width, height, width, height) +
         escaped(description_) + "\">\n" + body_ + "</svg>\n";
}

std::string point(double x, double y) { return format("%.1f,%.1f ", x, y); }

std::string color_class(int color) { return "s" + std::to_string(color % kSeriesColors); }

std::string shortened(const std::string& text, size_t letters) {
  const auto begins = [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; };
  if (static_cast<size_t>(std::count_if(text.begin(), text.end(), begins)) <= letters) return text;
  size_t end = 0;
  for (size_t seen = 0; end < text.size(); ++end)
    if (begins(text[end]) && ++seen == letters) break;
  return text.substr(0, end) + "\u2026";
}

}  // namespace lspt
