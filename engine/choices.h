/// What was found by measuring and must stay as it was found: a text file of keys and values.
#pragma once

#include <map>
#include <string>

namespace lspt {

/// The fastest algorithm of today may not be tomorrow's, and another algorithm may add in another
/// order. So choices are kept: the same program on the same machine computes the same bits again.
/// Processes may share the file: each adds to it under a lock. Where it cannot be read or written
/// the choices live as long as the process.
class Choices {
 public:
  /// `path` is read if it exists; lines that are not "key<tab>value" are passed over.
  explicit Choices(const std::string& path);
  /// In $XDG_CACHE_HOME/lspt, else $HOME/.cache/lspt; "" if neither is set.
  static std::string cache_file(const std::string& name);

  /// "" if the key is new.
  std::string find(const std::string& key) const;
  /// Keeps the choice in the place of the one that `find` knows, unless another process was first:
  /// returns what holds from now on.
  /// Neither may hold a tab or a line break. The file is replaced atomically.
  std::string keep(const std::string& key, const std::string& value);

 private:
  void read();
  std::string path_;
  std::map<std::string, std::string> values_;
};

}  // namespace lspt
