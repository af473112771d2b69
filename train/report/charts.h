/// Pictures of numbers as SVG. Colours are classes that the style defines, for light and dark; a
/// chart is text inside a page, or a file of its own by svg_file.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace lspt {

/// Colours of series; those after the last begin again.
inline constexpr int kSeriesColors = 8;

/// A line through points, and the band around it if there is one. Points that are not finite are
/// left out, where the line breaks.
struct Series {
  std::string name;  ///< in the legend; "" for none
  int color = 0;
  std::vector<std::pair<double, double>> points = {};
  std::vector<double> low = {}, high = {};  ///< of the band, as many as points; or none
  bool faint = false;
};

struct LineChart {
  std::string title, x_label;
  std::string description;   ///< what it shows, for those who do not see it
  double low = 0, high = 0;  ///< of the vertical axis; equal: from 0 to the largest value
  bool whole_x = true;       ///< ticks of the horizontal axis are whole numbers
  std::vector<Series> series = {};
};
std::string line_chart(const LineChart& chart);

/// A matrix as squares: deeper colour for what is further from 0, of one hue above and of another
/// below; `strong` is the value of the full colour.
struct HeatMap {
  std::string title, row_label, column_label;
  std::string description = {};
  int64_t rows = 0, columns = 0;
  std::vector<double> values = {};      ///< row by row
  std::vector<std::string> texts = {};  ///< in the squares, "" for none; as many as values, or none
  std::vector<std::string> row_names = {}, column_names = {};  ///< or none
  double strong = 1;
  bool off_diagonal_differs = false;  ///< the other hue for what is not on the diagonal
};
std::string heat_map(const HeatMap& map);

/// A dot for each number of a row, a mark at their mean, a broad pale bar from mean - deviation to
/// mean + deviation, and a thin line from mean - error to mean + error.
struct DotPlot {
  std::string x_label, description;
  struct Row {
    std::string name;
    int color;
    std::vector<double> values;
    double mean, deviation, error;  ///< the last two 0: not known
  };
  std::vector<Row> rows = {};
};
std::string dot_plot(const DotPlot& plot);

/// The colours and sizes that charts use, as CSS.
const std::string& chart_style();
/// Charts side by side as a file: XML declaration, style and all.
std::string svg_file(const std::vector<std::string>& charts);

}  // namespace lspt
