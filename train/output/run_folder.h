/// The folder that a run writes to.
#pragma once

#include <string>

namespace lspt {

enum class FolderMode {
  fresh,      ///< new or empty
  overwrite,  ///< an earlier run's files are removed
  resume      ///< they stay
};

/// Pictures of pre-training: reconstruction_0010.png, by epoch.
inline constexpr const char* kPictures = "reconstruction_";

/// Holds an exclusive lock on the folder as long as it lives; the system lets it go when the
/// process ends, however it ends.
class RunFolder {
 public:
  /// Makes the folder if need be and proves that it can be written. Throws Error(kUsage) for a
  /// folder that is not empty in mode fresh, Error(kWrite) if another run is writing there or
  /// nothing can be written.
  RunFolder(const std::string& path, FolderMode mode);
  /// Removes the folder again if this made it and nothing was written.
  ~RunFolder();
  RunFolder(const RunFolder&) = delete;
  RunFolder& operator=(const RunFolder&) = delete;

  const std::string& path() const { return path_; }
  std::string file(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
  bool made_ = false;
  int lock_ = -1;
};

}  // namespace lspt
