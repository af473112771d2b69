#include "train/output/run_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "engine/file.h"
#include "train/output/event_log.h"

namespace lspt {

namespace fs = std::filesystem;

namespace {

constexpr const char* kProbe = ".probe";

/// Nothing but what a run leaves that is stopped in its first milliseconds.
bool is_unused(const std::string& folder) {
  for (const auto& entry : fs::directory_iterator(folder))
    if (!entry.path().filename().string().starts_with(kProbe)) return false;
  return true;
}

}  // namespace

RunFolder::RunFolder(const std::string& path, FolderMode mode) : path_(path) {
  while (path_.size() > 1 && path_.back() == '/') path_.pop_back();
  std::error_code error;
  made_ = fs::create_directories(path_, error);
  require(fs::is_directory(path_), ErrorKind::kWrite, "--output ", path_,
          ": cannot make the folder: ", error ? error.message() : "something else has this name");
  lock_ = ::open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  require(lock_ >= 0, ErrorKind::kWrite, "--output ", path_, ": ", std::strerror(errno));
  try {
    require(::flock(lock_, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK, ErrorKind::kWrite,
            "--output ", path_, ": another lspt is writing there");
    require(mode != FolderMode::fresh || is_unused(path_), ErrorKind::kUsage, "--output ", path_,
            ": the folder is not empty. --resume ", path_,
            " continues the run in it, --overwrite replaces it");
    if (mode == FolderMode::overwrite)
      for (const char* name :
           {"config.json", "metrics.csv", "log.txt", "log.jsonl", EventLog::kName, "curves.svg",
            "results.json", "last.safetensors", "best.safetensors", "encoder.safetensors"})
        fs::remove(file(name), error);
    if (mode == FolderMode::overwrite)
      for (const auto& entry : fs::directory_iterator(path_))
        if (entry.path().filename().string().starts_with(kPictures))
          fs::remove(entry.path(), error);
    // A full disk or missing permission shows now, not after the first epoch.
    const std::string probe = file(kProbe);
    write_atomically(probe, std::string(4096, '\0'));
    fs::remove(probe, error);
  } catch (...) {
    ::close(lock_);
    throw;
  }
}

RunFolder::~RunFolder() {
  std::error_code error;
  if (made_ && fs::is_empty(path_, error)) fs::remove(path_, error);
  ::close(lock_);
}

}  // namespace lspt
