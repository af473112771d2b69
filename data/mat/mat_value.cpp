#include <algorithm>
#include <cmath>

#include "data/mat/mat.h"
#include "engine/error.h"

namespace lspt {

int64_t MatValue::count() const {
  if (dims.empty() || std::find(dims.begin(), dims.end(), 0) != dims.end()) return 0;
  int64_t count = 1;
  for (const int64_t dim : dims) count *= dim;
  return count;
}

std::string describe(const MatValue& value) {
  switch (value.kind) {
    case MatValue::Kind::numbers:
      return "an array of numbers";
    case MatValue::Kind::text:
      return "text";
    case MatValue::Kind::cells:
      return "a cell array";
    case MatValue::Kind::structure:
      return "a structure";
    case MatValue::Kind::other:
      break;
  }
  return value.what;
}

const MatValue& MatFile::get(const std::string& variable, MatValue::Kind kind) const {
  std::string found;
  for (const auto& [key, value] : variables) found += (found.empty() ? "" : ", ") + key;
  const auto it = variables.find(variable);
  require(it != variables.end(), ErrorKind::kData, "read ", name, ": no variable ", variable,
          found.empty() ? "; it has none" : "; it has " + found);
  MatValue expected;
  expected.kind = kind;
  require(it->second.kind == kind, ErrorKind::kData, "read ", name, ": variable ", variable, " is ",
          describe(it->second), ", ", describe(expected), " expected");
  return it->second;
}

std::string MatFile::where(const std::string& variable, size_t i) const {
  return name + ": " + variable + "(" + std::to_string(i + 1) + ")";
}

std::vector<int64_t> integers(const MatValue& value, const std::string& where) {
  require(value.kind == MatValue::Kind::numbers, ErrorKind::kData, where, " is ", describe(value),
          ", integers expected");
  std::vector<int64_t> all;
  for (const double number : value.numbers) {
    require(std::abs(number) <= 0x1p53 && number == std::trunc(number), ErrorKind::kData, where,
            ": found ", number, ", an integer expected");
    all.push_back(static_cast<int64_t>(number));
  }
  return all;
}

std::string text_of(const MatValue& value, const std::string& where) {
  require(value.kind == MatValue::Kind::text && value.rows.size() == 1, ErrorKind::kData, where,
          " is ", describe(value), ", a line of text expected");
  return value.rows[0];
}

}  // namespace lspt
