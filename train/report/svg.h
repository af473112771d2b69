/// An SVG picture being written.
#pragma once

#include <string>

namespace lspt {

class Svg {
 public:
  /// `description` is what it shows, for those who do not see it.
  explicit Svg(std::string description) : description_(std::move(description)) {}
  void add(const std::string& element) { body_ += element + "\n"; }
  void line(double x1, double y1, double x2, double y2, const std::string& classes);
  void circle(double x, double y, double radius, const std::string& classes);
  void rect(double x, double y, double width, double height, double opacity,
            const std::string& classes);
  /// `turned`: by 90 degrees counter-clockwise about its beginning.
  void text(double x, double y, const std::string& text, const std::string& classes,
            bool turned = false);
  /// The whole picture, of that size.
  std::string end(double width, double height) const;

 private:
  std::string description_, body_;
};

/// "12.5,7.0 " of a list of points.
std::string point(double x, double y);
/// "s3"; of a series beyond the last colour one of the first again.
std::string color_class(int color);
/// At most so many letters, the last then an ellipsis.
std::string shortened(const std::string& text, size_t letters);

}  // namespace lspt
