#include "data/mat/mat.h"

#include <zlib.h>

#include <algorithm>
#include <array>

#include "data/mat/mat_element.h"
#include "data/mat/mat_text.h"
#include "engine/file.h"

namespace lspt {
namespace {

constexpr size_t kHeader = 128, kMaxInflated = size_t{256} << 20;
constexpr int64_t kMaxElements = 10'000'000, kMaxValues = 500'000;
constexpr int kMaxDims = 8, kMaxDepth = 8;

enum Class : uint8_t {  // of an array
  kCell = 1,
  kStruct = 2,
  kObject = 3,
  kChar = 4,
  kSparse = 5,
  kFirstNumber = 6,  // double, single, and signed and unsigned integers of 8 to 64 bits
  kLastNumber = 15,
  kFunction = 16,
  kOpaque = 17,
};

// Whatever the array's class is, its numbers may be stored as any of these.
std::vector<double> numbers_of(const MatElement& element, const MatElements& array, int64_t count) {
  std::vector<double> numbers;
  const auto stored_as = [&]<typename T>(MatType type, T) {
    if (element.type != type) return false;
    array.check(element.data.size() == static_cast<size_t>(count) * sizeof(T), element,
                element.data.size(), " bytes, ", count, " numbers of ", sizeof(T), " expected");
    numbers = numbers_in<T, double>(element.data);
    return true;
  };
  const bool known = stored_as(kMatInt8, int8_t{}) || stored_as(kMatUint8, uint8_t{}) ||
                     stored_as(kMatInt16, int16_t{}) || stored_as(kMatUint16, uint16_t{}) ||
                     stored_as(kMatInt32, int32_t{}) || stored_as(kMatUint32, uint32_t{}) ||
                     stored_as(kMatInt64, int64_t{}) || stored_as(kMatUint64, uint64_t{}) ||
                     stored_as(kMatSingle, float{}) || stored_as(kMatDouble, double{});
  array.check(known, element, "data of type ", element.type, ", numbers expected");
  return numbers;
}

/// Reads one file; counts what its limits bound.
class Parser {
 public:
  Parser(std::string_view bytes, const std::string& name) : bytes_(bytes), what_("read " + name) {
    file_.name = name;
  }

  MatFile parse() {
    check_header();
    MatElements elements(bytes_, what_, kHeader);
    while (!elements.done()) {
      const MatElement element = elements.next({kMatArray, kMatCompressed}, "an array");
      if (element.type == kMatArray) {
        read_variable(elements, element);
        continue;
      }
      const std::string what = what_ + ": inflated element of byte " + std::to_string(element.at);
      const std::string inflated = inflated_from(element, elements);
      MatElements inside(inflated, what);
      read_variable(inside, inside.next({kMatArray}, "an array"));
      inside.check(inside.done(), {}, "more than one element");
    }
    return std::move(file_);
  }

 private:
  void check_header() const {
    const auto refuse = [&](const char* why) {
      fail(ErrorKind::kData, what_, ": ", why,
           "; a little-endian MAT-file of version 5 to 7 expected (save -v7)");
    };
    if (bytes_.starts_with("MATLAB 7.3") || bytes_.starts_with("\x89HDF"))
      refuse("a MAT-file of version 7.3 (HDF5)");
    if (bytes_.size() >= 20 && bytes_.substr(0, 4).find('\0') != std::string_view::npos)
      refuse("a MAT-file of version 4");  // the text of a newer one's header has no zero byte there
    if (bytes_.size() < kHeader) refuse("shorter than a header");
    if (bytes_.substr(126, 2) == "MI") refuse("a big-endian MAT-file");
    if (bytes_.substr(126, 2) != "IM") refuse("no MAT-file");
    if (bytes_.substr(124, 2) != std::string_view("\0\1", 2)) refuse("an unknown version");
  }

  // In pieces: memory grows with what really comes, whatever the stream may claim.
  std::string inflated_from(const MatElement& element, const MatElements& elements) {
    struct Stream : z_stream {
      Stream() : z_stream{} { inflateInit(this); }
      ~Stream() { inflateEnd(this); }
    } stream;
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(element.data.data()));
    stream.avail_in = static_cast<uInt>(element.data.size());
    std::string out;
    std::array<char, 65536> piece;
    int status = Z_OK;
    while (status == Z_OK) {
      stream.next_out = reinterpret_cast<Bytef*>(piece.data());
      stream.avail_out = piece.size();
      status = inflate(&stream, Z_NO_FLUSH);
      out.append(piece.data(), piece.size() - stream.avail_out);
      elements.check(inflated_ + out.size() <= kMaxInflated, element, "inflates to more than ",
                     kMaxInflated >> 20, " MiB");
    }
    elements.check(status == Z_STREAM_END, element,
                   status == Z_BUF_ERROR ? "its zlib stream is cut" : "its zlib stream is damaged");
    inflated_ += out.size();
    return out;
  }

  void read_variable(const MatElements& elements, const MatElement& element) {
    std::string name;
    MatValue value = array(elements, element, 1, &name);
    if (name.empty()) return;  // what MATLAB keeps for objects of its own
    elements.check(file_.variables.emplace(name, std::move(value)).second, element, "variable ",
                   name, " a second time");
  }

  MatValue array(const MatElements& outer, const MatElement& element, int depth,
                 std::string* name = nullptr) {
    outer.check(depth <= kMaxDepth, element, "arrays in arrays, deeper than ", kMaxDepth);
    outer.check(++values_ <= kMaxValues, element, "more than ", kMaxValues, " arrays");
    MatValue value;
    value.dims = {0, 0};
    if (element.data.empty()) return value;  // how a cell or field that was never set is written
    MatElements parts = outer.in(element);
    const MatElement flags = parts.next({kMatUint32}, "array flags");
    parts.check(flags.data.size() == 8, flags, "array flags of ", flags.data.size(), " bytes");
    const uint8_t type = static_cast<uint8_t>(flags.data[0]);
    const bool complex = flags.data[1] & 8;
    if (type != kOpaque) value.dims = dims_of(parts);
    const std::string own_name(parts.next({kMatInt8, kMatUtf8}, "a name").data);
    if (name) *name = own_name;

    if (type == kCell) {
      value.kind = MatValue::Kind::cells;
      read_values(parts, value, element, value.count(), depth);
    } else if (type == kStruct) {
      value.kind = MatValue::Kind::structure;
      value.fields = fields_of(parts);
      const int64_t fields = static_cast<int64_t>(value.fields.size());
      read_values(parts, value, element, value.count() * fields, depth);
    } else if (type == kChar) {
      value.kind = MatValue::Kind::text;
      count_elements(parts, element, value);
      if (value.count() > 0) value.rows = mat_text(parts, parts.next(), value.dims);
    } else if (type >= kFirstNumber && type <= kLastNumber && !complex) {
      count_elements(parts, element, value);
      if (value.count() > 0) value.numbers = numbers_of(parts.next(), parts, value.count());
    } else {
      value.kind = MatValue::Kind::other;
      value.what = type == kObject || type == kOpaque ? "an object"
                   : type == kSparse                  ? "a sparse matrix"
                   : type == kFunction                ? "a function"
                   : complex                          ? "an array of complex numbers"
                                                      : "an array of unknown class";
    }
    return value;
  }

  void count_elements(const MatElements& parts, const MatElement& element, const MatValue& value) {
    parts.check((elements_ += value.count()) <= kMaxElements, element, "more than ", kMaxElements,
                " numbers and characters");
  }

  void read_values(MatElements& parts, MatValue& value, const MatElement& element, int64_t count,
                   int depth) {
    parts.check(count <= kMaxValues, element, count, " cells or fields, at most ", kMaxValues);
    const auto possible = static_cast<int64_t>(element.data.size() / 8);  // a tag each
    value.values.reserve(static_cast<size_t>(std::min(count, possible)));
    for (int64_t i = 0; i < count; ++i)
      value.values.push_back(array(parts, parts.next({kMatArray}, "an array"), depth + 1));
  }

  static std::vector<int64_t> dims_of(MatElements& parts) {
    const MatElement element = parts.next({kMatInt32}, "dimensions");
    const size_t rank = element.data.size() / 4;
    parts.check(element.data.size() % 4 == 0 && rank >= 2 && rank <= kMaxDims, element,
                element.data.size(), " bytes of dimensions, 2 to ", kMaxDims,
                " numbers of 4 bytes expected");
    const auto dims = numbers_in<int32_t, int64_t>(element.data);
    double count = 1;
    for (const int64_t dim : dims) {
      parts.check(dim >= 0, element, "a dimension of ", dim);
      count *= static_cast<double>(dim);
    }
    parts.check(count <= kMaxElements, element, "an array of ", count, " elements, at most ",
                kMaxElements);
    return dims;
  }

  static std::vector<std::string> fields_of(MatElements& parts) {
    const MatElement length = parts.next({kMatInt32}, "length of field names");
    int32_t size = 0;
    if (length.data.size() == 4) std::memcpy(&size, length.data.data(), 4);
    const MatElement names = parts.next({kMatInt8}, "field names");
    parts.check(size > 0 && names.data.size() % static_cast<size_t>(size) == 0, names,
                names.data.size(), " bytes of field names, ", size, " each");
    std::vector<std::string> fields;
    for (size_t at = 0; at < names.data.size(); at += static_cast<size_t>(size)) {
      const std::string_view name = names.data.substr(at, static_cast<size_t>(size));
      fields.emplace_back(name.substr(0, name.find('\0')));
    }
    return fields;
  }

  std::string_view bytes_;
  std::string what_;
  MatFile file_;
  int64_t elements_ = 0, values_ = 0;
  size_t inflated_ = 0;
};

}  // namespace

MatFile parse_mat(std::string_view bytes, const std::string& name) {
  return Parser(bytes, name).parse();
}

MatFile read_mat(const std::string& path) {
  return parse_mat(MappedFile::open(path, ErrorKind::kData)->bytes(), path);
}

}  // namespace lspt
