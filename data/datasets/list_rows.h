/// Lines of a list file, whatever separates their columns.
#pragma once

#include "data/datasets/layouts.h"

namespace lspt {

struct ListRow {
  std::string path, label, where;
};

/// Path and label of every line. Columns are separated by tabs or commas (RFC 4180: quotes, doubled
/// inside) or blanks (a path may hold some, and may be quoted), whichever makes a line's path look
/// like an image's. A first line without one, before a line that has one, is a header. `column`
/// says which label is taken if there are several: its number, the first being 1, or its name in
/// the header; "" takes the first, or the only one whose name says that it is a label. What was
/// chosen is added to `note`. Throws Error(kData) naming the line; Error(kUsage) for a column that
/// there is not.
std::vector<ListRow> rows_of_list(const std::vector<Line>& lines, const std::string& column,
                                  std::string& note);

}  // namespace lspt
