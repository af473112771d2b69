#include "data/growing_file.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace lspt {

GrowingFile::GrowingFile(int descriptor) : fd(descriptor) {
  void* at = MAP_FAILED;
  while (fd >= 0 && at == MAP_FAILED && (window /= 2) >= size_t{1} << 30)
    at = ::mmap(nullptr, window, PROT_READ, MAP_SHARED | MAP_NORESERVE, fd, 0);
  if (at != MAP_FAILED) data = static_cast<const uint8_t*>(at);
}

GrowingFile::~GrowingFile() {
  if (data) ::munmap(const_cast<uint8_t*>(data), window);
  if (fd >= 0) ::close(fd);
}

size_t GrowingFile::size() const {
  struct stat info;
  return ::fstat(fd, &info) == 0 ? static_cast<size_t>(info.st_size) : 0;
}

bool GrowingFile::write(const void* source, size_t bytes, size_t offset) const {
  const char* from = static_cast<const char*>(source);
  while (bytes > 0) {
    const ssize_t done = ::pwrite(fd, from, bytes, static_cast<off_t>(offset));
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) return false;
    from += done;
    bytes -= static_cast<size_t>(done);
    offset += static_cast<size_t>(done);
  }
  return true;
}

}  // namespace lspt
