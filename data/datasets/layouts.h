/// The readers behind open_dataset, and what they share.
#pragma once

#include <filesystem>
#include <functional>
#include <string_view>

#include "data/dataset.h"

namespace lspt {

namespace fs = std::filesystem;

Dataset open_cub(const fs::path& root);
Dataset open_folder(const fs::path& root);
/// An empty path means that there is no such list.
Dataset open_list(const fs::path& root, const fs::path& train_list, const fs::path& val_list,
                  const fs::path& test_list);

/// "images.txt:12", for messages.
struct Line {
  std::string file;
  int number = 0;
  std::string text;
  std::string where() const { return file + ":" + std::to_string(number); }
};

/// The lines that are not blank, without byte-order mark, carriage returns and blanks at the ends.
/// Throws Error(kData) if the file cannot be read or holds a NUL byte.
std::vector<Line> read_lines(const fs::path& file);

/// Splits at the first (or last) run of blanks. Throws Error(kData) "`expected` expected" if there
/// is none.
std::pair<std::string, std::string> split_first(const Line& line, std::string_view expected);
std::pair<std::string, std::string> split_last(const Line& line, std::string_view expected);

/// The whole of `text` as a decimal integer, else false.
bool parse_integer(std::string_view text, int64_t& value);

/// root / relative. Throws Error(kData) if that leaves the root.
fs::path inside(const fs::path& root, const std::string& relative, const Line& line);

/// Collects the listed files that are missing.
class MissingFiles {
 public:
  void check(const fs::path& path, const Line& line);
  /// Hands them to open_dataset, which decides whether they are an error.
  void report(Dataset& data) { data.missing = std::move(files_); }

 private:
  std::vector<MissingFile> files_;
};

}  // namespace lspt
