// Any bytes as the text files of a data set: CUB's four tables or `path label` lists and
// classes.txt, by the first byte; '|' stands between files. By its second bit a label column is
// named.
// seeds: tests/fuzz/seeds/list.txt tests/fuzz/seeds/list.csv tests/fuzz/seeds/tables.txt
#include "data/datasets/layouts.h"
#include "engine/error.h"

namespace {

void read(bool tables, const std::string& column,
          const std::vector<std::vector<lspt::Line>>& files) {
  lspt::MissingFiles never_reported;
  if (tables) {
    lspt::parse_cub({files[0], files[1], files[2], files[3]}, "/none", never_reported);
    return;
  }
  std::vector<lspt::ListEntry> entries;
  lspt::append_entries("/none", files[0], &lspt::Dataset::train, entries, column);
  lspt::append_entries("/none", files[1], &lspt::Dataset::test, entries, column);
  std::vector<std::string> names;
  for (const lspt::Line& line : files[2]) names.push_back(line.text);
  lspt::label_entries(entries, names, "classes.txt", never_reported);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string text(reinterpret_cast<const char*>(data) + 1, size - 1);
  try {
    std::vector<std::vector<lspt::Line>> files;
    size_t begin = 0;
    for (int i = 0; i < 4; ++i) {
      const size_t end = std::min(text.find('|', begin), text.size());
      files.push_back(lspt::lines_of(text.substr(begin, end - begin), "fuzz.txt"));
      begin = std::min(end + 1, text.size());
    }
    read(data[0] & 1, data[0] & 2 ? "kind" : "", files);
  } catch (const lspt::Error&) {
  }
  return 0;
}
