#include "train/output/npy.h"

#include <bit>

namespace lspt {
namespace {

static_assert(std::endian::native == std::endian::little, "the format's `<` says so");

std::string header(const char* type, const Shape& shape) {
  std::string extents = shape.to_string();
  if (shape.rank() == 1) extents.insert(extents.size() - 1, ",");
  std::string text =
      std::string("{'descr': '") + type + "', 'fortran_order': False, 'shape': " + extents + ", }";
  // NumPy leaves room for a first extent of 21 digits, then pads to 64 bytes, at least one.
  text.append(21 - std::to_string(shape[0]).size(), ' ');
  text.append(64 - (10 + text.size() + 1) % 64, ' ');
  text += '\n';
  const char length[2] = {static_cast<char>(text.size() & 255),
                          static_cast<char>(text.size() >> 8)};
  return std::string("\x93NUMPY\x01\x00", 8) + std::string(length, 2) + text;
}

class CountingSink : public FileSink {
 public:
  explicit CountingSink(FileSink& file) : file_(file) {}
  using FileSink::write;
  void write(const void* data, size_t bytes) override {
    file_.write(data, bytes);
    written += static_cast<int64_t>(bytes);
  }
  void rewrite_start(std::string_view text) override { file_.rewrite_start(text); }
  int64_t written = 0;

 private:
  FileSink& file_;
};

}  // namespace

void write_npy(const std::string& path, int64_t columns,
               const std::function<void(FileSink&)>& fill) {
  write_atomically(path, [&](FileSink& file) {
    file.write(header("<f4", {0, columns}));
    CountingSink values(file);
    fill(values);
    const int64_t row = 4 * columns;
    require(values.written % row == 0, "write ", path, ": ", values.written, " bytes in rows of ",
            row);
    file.rewrite_start(header("<f4", {values.written / row, columns}));  // of the same length
  });
}

void write_npy(const std::string& path, const Tensor& values) {
  write_atomically(path, [&](FileSink& file) {
    file.write(header("<f4", values.shape()));
    file.write(values.data<float>(), values.nbytes());
  });
}

void write_npy(const std::string& path, const std::vector<int64_t>& values) {
  write_atomically(path, [&](FileSink& file) {
    file.write(header("<i8", {static_cast<int64_t>(values.size())}));
    file.write(values.data(), 8 * values.size());
  });
}

}  // namespace lspt
