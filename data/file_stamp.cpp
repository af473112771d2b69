#include "data/file_stamp.h"

#include <sys/stat.h>

namespace lspt {

FileStamp stamp_of(const std::string& path) {
  struct stat s;
  if (::stat(path.c_str(), &s) != 0 || !S_ISREG(s.st_mode)) return {};
  const auto nanoseconds = [](const timespec& time) {
    return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
  };
  return {static_cast<int64_t>(s.st_size), static_cast<int64_t>(s.st_ino), nanoseconds(s.st_mtim),
          nanoseconds(s.st_ctim)};
}

}  // namespace lspt
