#include "models/weights/containers/npz.h"

#include <algorithm>
#include <charconv>

#include "models/weights/containers/bytes.h"
#include "models/weights/containers/zip.h"

namespace lspt {
namespace {

constexpr int64_t kMaxExtent = int64_t{1} << 40;

/// The header's Python dict, of exactly the form that NumPy writes.
class HeaderText {
 public:
  HeaderText(std::string_view text, const std::string& what) : text_(text), what_(what) {}

  void read(NpyHeader& header) {
    int fields = 0;  // one bit each
    expect('{');
    while (!take('}')) {
      const std::string_view key = quoted();
      expect(':');
      const int field = key == "descr" ? 1 : key == "fortran_order" ? 2 : key == "shape" ? 4 : 0;
      if (field == 0 || (fields & field)) bad("the key '", key, "', unknown or twice");
      fields |= field;
      if (field == 1 && (peek() == '\'' || peek() == '"'))
        header.descr = quoted();
      else if (field == 1)
        text_.remove_prefix(std::min(text_.find(']'), text_.size() - 1) + 1);  // a list of fields
      else if (field == 2)
        header.fortran = boolean();
      else
        header.shape = tuple();
      if (peek() != '}') expect(',');
    }
    if (fields != 7) bad("descr, fortran_order or shape is missing");
  }

 private:
  template <typename... Parts>
  [[noreturn]] void bad(const Parts&... parts) const {
    fail(ErrorKind::kWeights, what_, ": ", parts...);
  }
  char peek() {
    text_.remove_prefix(std::min(text_.find_first_not_of(" \t\r\n"), text_.size()));
    return text_.empty() ? '\0' : text_[0];
  }
  bool take(char c) {
    const bool there = peek() == c;
    if (there) text_.remove_prefix(1);
    return there;
  }
  void expect(char c) {
    if (!take(c)) bad("'", c, "' expected at \"", text_.substr(0, 20), "\"");
  }
  std::string_view quoted() {
    const char quote = peek();
    const size_t end = quote == '\'' || quote == '"' ? text_.find(quote, 1) : text_.npos;
    if (end == text_.npos) bad("a text in quotes expected at \"", text_.substr(0, 20), "\"");
    const std::string_view text = text_.substr(1, end - 1);
    text_.remove_prefix(end + 1);
    return text;
  }
  bool boolean() {
    peek();
    for (const std::string_view word : {"True", "False"})
      if (text_.starts_with(word)) {
        text_.remove_prefix(word.size());
        return word == "True";
      }
    bad("True or False expected at \"", text_.substr(0, 20), "\"");
  }
  std::vector<int64_t> tuple() {
    std::vector<int64_t> values;
    expect('(');
    while (!take(')')) {
      peek();
      int64_t value = -1;
      const char* end = std::from_chars(text_.data(), text_.data() + text_.size(), value).ptr;
      if (value < 0 || value > kMaxExtent || values.size() == 32) bad("a shape that cannot be");
      values.push_back(value);
      text_.remove_prefix(static_cast<size_t>(end - text_.data()));
      take('L');  // Python 2
      if (peek() != ')') expect(',');
    }
    return values;
  }

  std::string_view text_;
  const std::string& what_;
};

std::optional<Element> element_of(std::string_view descr) {
  constexpr std::pair<std::string_view, Element> kTypes[] = {
      {"f8", Element::f64},  {"f4", Element::f32}, {"f2", Element::f16},
      {"V2", Element::bf16},  // ml_dtypes' bfloat16
      {"i8", Element::i64},  {"i4", Element::i32}, {"i2", Element::i16},
      {"i1", Element::i8},   {"u8", Element::u64}, {"u4", Element::u32},
      {"u2", Element::u16},  {"u1", Element::u8},  {"b1", Element::boolean}};
  for (const auto& [name, element] : kTypes)
    if (descr.size() == 3 && descr.substr(1) == name) return element;
  return std::nullopt;
}

std::array<int64_t, Shape::kMaxRank> strides_of(const std::vector<int64_t>& shape, bool fortran) {
  std::array<int64_t, Shape::kMaxRank> strides{};
  int64_t stride = 1;
  for (size_t n = shape.size(), i = 0; i < n; ++i) {
    const size_t at = fortran ? i : n - 1 - i;
    strides[at] = stride;
    stride *= shape[at];
  }
  return strides;
}

void read_array(WeightTable& table, const MappedFile& file, const ZipMember& member) {
  const std::string name = member.name.substr(0, member.name.size() - 4);
  const std::string what = "read " + file.path() + ": " + member.name;
  const std::string_view packed = file.bytes().substr(member.offset, member.packed);
  const size_t first = std::min(member.size, kMaxNpyHeader);
  const std::string inflated = member.deflated ? inflate(packed, first, what) : "";
  const std::string_view start = member.deflated ? std::string_view(inflated) : packed;
  const NpyHeader header = read_npy_header(start.substr(0, first), what);
  const auto element = element_of(header.descr);
  require(header.descr.substr(0, 1) != ">", ErrorKind::kWeights, what,
          ": written by a big-endian machine; save it again on a little-endian one");
  if (!element || header.shape.size() > Shape::kMaxRank) {
    table.notes.push_back(name + " left out: type '" + header.descr + "' of " +
                          std::to_string(header.shape.size()) + " dimensions");
    return;
  }
  __int128 bytes = static_cast<__int128>(size_of(*element)), most = bytes;
  for (const int64_t extent : header.shape) {
    bytes *= extent;
    most *= std::max<int64_t>(extent, 1);
    require(most < static_cast<__int128>(1) << 60, ErrorKind::kWeights, what,
            ": a shape that cannot be");
  }
  require(header.data <= member.size && bytes == member.size - header.data, ErrorKind::kWeights,
          what, ": ", member.size - header.data, " bytes of elements, not what its shape ",
          Shape(header.shape), " and type ", header.descr, " say");
  table.parts.push_back({member.name, file.data() + member.offset, member.packed, member.crc,
                         member.deflated ? member.size : 0});
  StoredTensor tensor{
      name, Shape(header.shape), *element, {}, nullptr, static_cast<int>(table.parts.size()) - 1};
  if (bytes > 0) {
    tensor.strides = strides_of(header.shape, header.fortran);
    if (member.deflated)
      tensor.skip = header.data;
    else
      tensor.data = file.data() + member.offset + header.data;
  }
  table.tensors.push_back(std::move(tensor));
}

}  // namespace

NpyHeader read_npy_header(std::string_view bytes, const std::string& what) {
  ByteReader reader(bytes, what);
  require(reader.take(6) == "\x93NUMPY", ErrorKind::kWeights, what, ": no NumPy array");
  const auto major = reader.get<uint8_t>();
  reader.get<uint8_t>();
  require(major >= 1 && major <= 3, ErrorKind::kWeights, what, ": version ", int{major},
          " of NumPy's format, 1 to 3 expected");
  const size_t length = major == 1 ? reader.get<uint16_t>() : reader.get<uint32_t>();
  NpyHeader header;
  HeaderText(reader.take(length), what).read(header);
  header.data = reader.at();
  return header;
}

WeightTable read_npz(const MappedFile& file) {
  WeightTable table;
  table.format = "NumPy";
  for (const ZipMember& member : read_zip_directory(file))
    if (member.name.ends_with(".npy"))
      read_array(table, file, member);
    else
      table.notes.push_back(member.name + " left out: no array");
  return table;
}

bool is_npz(const MappedFile& file) {
  const std::vector<ZipMember> members = read_zip_directory(file);
  const auto any = [&](std::string_view ending) {
    return std::any_of(members.begin(), members.end(),
                       [&](const ZipMember& member) { return member.name.ends_with(ending); });
  };
  return any(".npy") && !any("data.pkl");
}

}  // namespace lspt
