/// MATLAB's level 5 MAT-files (`save -v6` and `-v7`, scipy.io.savemat), little-endian, with or
/// without compression: into a tree of plain values. Nothing in a file is run or looked up.
///
/// Layout, after MathWorks' "MAT-File Format": 128 bytes of header, then elements, each of a tag
/// (type, bytes), data, and padding to 8 bytes. A tag of four bytes holds up to four bytes of data
/// beside it. An element of type 15 is one zlib stream of one element, without padding. Numbers may
/// be stored in a narrower type than their array's class. Arrays are in column-major order.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace lspt {

struct MatValue {
  enum class Kind { numbers, text, cells, structure, other };
  Kind kind = Kind::numbers;
  std::vector<int64_t> dims;  ///< two to eight
  /// Of any class, logical too; 64-bit integers above 2^53 are rounded.
  std::vector<double> numbers;
  std::vector<std::string> rows;  ///< text in UTF-8: a string for each row
  /// Cells: an element each. Structure: for each element, its fields in the order of `fields`.
  std::vector<MatValue> values;
  std::vector<std::string> fields;
  /// other: what it is that is skipped, e.g. "a sparse matrix".
  std::string what;

  /// Number of elements by dims.
  int64_t count() const;
};

/// "an array of numbers", "text", ..., for messages.
std::string describe(const MatValue& value);

struct MatFile {
  std::string name;  ///< of the file, for messages
  std::map<std::string, MatValue> variables;

  /// The variable, which must be of that kind. Throws Error(kData) with what is there instead.
  const MatValue& get(const std::string& variable, MatValue::Kind kind) const;
  /// "NAME: VARIABLE(i + 1)", for messages, as MATLAB counts.
  std::string where(const std::string& variable, size_t i) const;
};

/// All numbers of a value as integers. Throws Error(kData) with `where` if one is none.
std::vector<int64_t> integers(const MatValue& value, const std::string& where);
/// The one row of a text. Throws Error(kData) with `where` if it is anything else.
std::string text_of(const MatValue& value, const std::string& where);

/// Reads every variable. `name` stands in messages. Throws Error(kData) with the byte for a file of
/// version 4 or 7.3, a big-endian one, one that is damaged, and one beyond the limits: 10^7 numbers
/// and characters, 500,000 cells and fields, 8 dimensions, arrays in arrays to a depth of 8, 256
/// MiB inflated.
MatFile parse_mat(std::string_view bytes, const std::string& name);
MatFile read_mat(const std::string& path);

}  // namespace lspt
