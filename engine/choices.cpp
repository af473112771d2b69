#include "engine/choices.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "engine/file.h"

namespace lspt {

namespace fs = std::filesystem;

Choices::Choices(const std::string& path) : path_(path) { read(); }

void Choices::read() {
  std::ifstream file(path_);
  for (std::string line; std::getline(file, line);)
    if (const size_t tab = line.find('\t'); tab != std::string::npos && tab > 0)
      values_[line.substr(0, tab)] = line.substr(tab + 1);
}

std::string Choices::cache_file(const std::string& name) {
  const char* cache = std::getenv("XDG_CACHE_HOME");
  const char* home = std::getenv("HOME");
  if (cache && *cache) return std::string(cache) + "/lspt/" + name;
  return home && *home ? std::string(home) + "/.cache/lspt/" + name : "";
}

std::string Choices::find(const std::string& key) const {
  const auto it = values_.find(key);
  return it == values_.end() ? "" : it->second;
}

std::string Choices::keep(const std::string& key, const std::string& value) {
  std::error_code ignored;
  const fs::path folder = fs::path(path_).parent_path();
  if (!path_.empty()) fs::create_directories(folder, ignored);
  const FileLock lock(folder.string());
  const std::string before = find(key);
  read();  // what other processes have added; what we hold came from there
  if (const std::string there = find(key); there != before) return there;
  values_[key] = value;
  if (path_.empty()) return value;
  std::string text;
  for (const auto& [k, v] : values_) text += k + '\t' + v + '\n';
  try {
    write_atomically(path_, text);
  } catch (const Error&) {  // a cache that cannot be written is none
    path_.clear();
  }
  return value;
}

}  // namespace lspt
