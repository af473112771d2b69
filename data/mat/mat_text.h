/// Text of MAT-files.
#pragma once

#include <string>
#include <vector>

#include "data/mat/mat_element.h"

namespace lspt {

/// The characters of a char array of these dims, as UTF-8, a string for each row (all dims but the
/// last, in column-major order). They may be stored as Latin-1 bytes, as UTF-16 or UTF-32, or as
/// UTF-8; dims count either UTF-16 units, as MATLAB does, or code points, as SciPy does. What is no
/// character becomes U+FFFD. Throws Error(kData) if their number is not what dims say.
std::vector<std::string> mat_text(const MatElements& array, const MatElement& element,
                                  const std::vector<int64_t>& dims);

}  // namespace lspt
