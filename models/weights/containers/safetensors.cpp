#include "models/weights/containers/safetensors.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

namespace lspt {
namespace {

constexpr size_t kMaxHeader = size_t{16} << 20, kMaxTensors = 100'000;
constexpr uint64_t kMaxDimension = uint64_t{1} << 40;  // products of a few stay in 64 bits

constexpr std::pair<const char*, Element> kDtypes[] = {
    {"F64", Element::f64},     {"F32", Element::f32}, {"F16", Element::f16},
    {"BF16", Element::bf16},   {"I64", Element::i64}, {"I32", Element::i32},
    {"I16", Element::i16},     {"I8", Element::i8},   {"U64", Element::u64},
    {"U32", Element::u32},     {"U16", Element::u16}, {"U8", Element::u8},
    {"BOOL", Element::boolean}};

/// One tensor of the header, as far as it has been read.
struct Entry {
  std::string name, dtype;
  std::optional<std::vector<uint64_t>> shape, offsets;
};

/// Events of nlohmann's parser for exactly the header's grammar. A tree would not do: the library
/// keeps the last of two equal keys and converts negative and huge numbers in silence.
class HeaderParser : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit HeaderParser(const std::string& what) : what_(what) {}
  std::vector<Entry> entries;
  std::map<std::string, std::string> metadata;

  bool start_object(std::size_t) override {
    check(depth_ < 2 && !numbers_, "an object where none belongs");
    ++depth_;
    fields_.clear();
    return true;
  }
  bool key(string_t& key) override {
    if (depth_ == 1) {
      check(names_.insert(key).second, "the key \"", key, "\" twice");
      in_metadata_ = key == "__metadata__";
      if (!in_metadata_) entries.push_back({key, {}, {}, {}});
      check(entries.size() <= kMaxTensors, "more than ", kMaxTensors, " tensors");
    } else {
      check(fields_.insert(key).second, "the key \"", key, "\" twice in one entry");
      field_ = key;
    }
    return true;
  }
  bool end_object() override {
    if (depth_-- == 2 && !in_metadata_) {
      const Entry& entry = entries.back();
      check(fields_.size() == 3 && !entry.dtype.empty() && entry.shape && entry.offsets, "tensor ",
            entry.name, " needs dtype, shape and data_offsets and nothing else");
    }
    return true;
  }
  bool start_array(std::size_t) override {
    check(depth_ == 2 && !in_metadata_ && !numbers_, "an array where none belongs");
    Entry& entry = entries.back();
    check(field_ == "shape" || field_ == "data_offsets", "an array as ", field_);
    numbers_ = &(field_ == "shape" ? entry.shape : entry.offsets).emplace();
    return true;
  }
  bool end_array() override {
    numbers_ = nullptr;
    return true;
  }
  bool string(string_t& value) override {
    check(depth_ == 2 && !numbers_ && (in_metadata_ || field_ == "dtype"),
          "a string where none belongs");
    (in_metadata_ ? metadata[field_] : entries.back().dtype) = value;
    return true;
  }
  bool number_unsigned(number_unsigned_t value) override {
    check(numbers_, "a number where none belongs");
    numbers_->push_back(value);
    return true;
  }
  bool number_integer(number_integer_t) override { return wrong("a negative number"); }
  bool number_float(number_float_t, const string_t&) override {
    return wrong("a number that is no integer or too large");
  }
  bool null() override { return wrong("null"); }
  bool boolean(bool) override { return wrong("a boolean"); }
  bool binary(binary_t&) override { return wrong("binary data"); }
  bool parse_error(std::size_t at, const std::string&,
                   const nlohmann::json::exception& error) override {
    fail(ErrorKind::kWeights, what_, ": not JSON at byte ", at + 8, ": ", error.what());
  }

 private:
  template <typename... Parts>
  void check(bool condition, const Parts&... parts) const {
    require(condition, ErrorKind::kWeights, what_, ": ", parts...);
  }
  [[noreturn]] bool wrong(const char* found) const {
    fail(ErrorKind::kWeights, what_, ": ", found);
  }

  std::string what_, field_;
  int depth_ = 0;
  bool in_metadata_ = false;
  std::vector<uint64_t>* numbers_ = nullptr;
  std::set<std::string> names_, fields_;
};

StoredTensor place(const Entry& entry, const uint8_t* data, const std::string& what) {
  const auto* dtype = std::find_if(std::begin(kDtypes), std::end(kDtypes),
                                   [&](const auto& known) { return entry.dtype == known.first; });
  require(dtype != std::end(kDtypes), ErrorKind::kWeights, what, ": tensor ", entry.name,
          " of dtype ", entry.dtype, ", which is not supported");
  require(entry.shape->size() <= Shape::kMaxRank, ErrorKind::kWeights, what, ": tensor ",
          entry.name, " has ", entry.shape->size(), " dimensions, at most ", Shape::kMaxRank,
          " are supported");
  StoredTensor tensor{entry.name, {}, dtype->second, {}, data + (*entry.offsets)[0], -1};
  uint64_t bytes = size_of(tensor.element);
  std::vector<int64_t> extents;
  bool fits = true;
  for (const uint64_t extent : *entry.shape) {
    fits = fits && extent <= kMaxDimension && !__builtin_mul_overflow(bytes, extent, &bytes);
    extents.push_back(static_cast<int64_t>(extent));
  }
  const uint64_t found = (*entry.offsets)[1] - (*entry.offsets)[0];
  require(fits && bytes == found, ErrorKind::kWeights, what, ": tensor ", entry.name, " has ",
          found, " bytes, which is not what its shape and dtype say");
  tensor.shape = Shape(extents);
  int64_t stride = 1;
  for (int i = tensor.shape.rank() - 1; i >= 0 && bytes > 0; --i) {
    tensor.strides[static_cast<size_t>(i)] = stride;
    stride *= extents[static_cast<size_t>(i)];
  }
  return tensor;
}

}  // namespace

WeightTable read_safetensors(const MappedFile& file) {
  const std::string what = "read " + file.path() + ": safetensors header";
  uint64_t length = 0;
  require(file.size() >= 8, ErrorKind::kWeights, what, ": the file has ", file.size(), " bytes");
  std::memcpy(&length, file.data(), 8);
  require(length <= kMaxHeader, ErrorKind::kWeights, what, " of ", length, " bytes, at most ",
          kMaxHeader);
  require(length <= file.size() - 8, ErrorKind::kWeights, what, " of ", length,
          " bytes in a file of ", file.size(), ": truncated; download or copy it again");
  const std::string_view header = file.bytes().substr(8, length);
  require(header.starts_with('{'), ErrorKind::kWeights, what, " does not begin with {");
  // The parser takes a zero byte for the end.
  require(header.find('\0') == header.npos, ErrorKind::kWeights, what, " holds a zero byte");
  HeaderParser parser(what);
  nlohmann::json::sax_parse(header.begin(), header.end(), &parser);

  std::vector<const Entry*> order;
  for (const Entry& entry : parser.entries) {
    require(entry.offsets->size() == 2 && (*entry.offsets)[0] <= (*entry.offsets)[1],
            ErrorKind::kWeights, what, ": data_offsets of tensor ", entry.name,
            " are no pair [begin, end]");
    order.push_back(&entry);
  }
  std::sort(order.begin(), order.end(),
            [](const Entry* a, const Entry* b) { return *a->offsets < *b->offsets; });
  const size_t buffer = file.size() - 8 - length;
  uint64_t end = 0;
  for (const Entry* entry : order) {
    require((*entry->offsets)[0] == end, ErrorKind::kWeights, what, ": tensor ", entry->name,
            " begins at byte ", (*entry->offsets)[0], " of the data, byte ", end,
            " expected (a hole or an overlap)");
    end = (*entry->offsets)[1];
    require(end <= buffer, ErrorKind::kWeights, what, ": tensor ", entry->name, " ends at byte ",
            end, " of ", buffer, ": truncated; download or copy it again");
  }
  require(end == buffer, ErrorKind::kWeights, what, ": ", buffer - end,
          " bytes behind the last tensor");

  WeightTable table;
  table.format = "safetensors";
  table.metadata = std::move(parser.metadata);
  for (const Entry& entry : parser.entries)
    table.tensors.push_back(place(entry, file.data() + 8 + length, what));
  return table;
}

}  // namespace lspt
