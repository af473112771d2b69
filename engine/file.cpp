#include "engine/file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <random>

#include "engine/digest.h"

namespace lspt {
namespace {

std::string reason() { return std::strerror(errno); }

/// Closes on every way out; `close_checked` is for writers, whose last error may arrive there.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }
  bool close_checked() { return ::close(std::exchange(fd_, -1)) == 0; }

 private:
  int fd_;
};

class DescriptorSink final : public FileSink {
 public:
  DescriptorSink(int fd, const std::string& path) : fd_(fd), path_(path) {}
  void write(const void* data, size_t bytes) override {
    const char* next = static_cast<const char*>(data);
    while (bytes > 0) {
      const ssize_t written = ::write(fd_, next, bytes);
      if (written < 0 && errno == EINTR) continue;
      require(written > 0, ErrorKind::kWrite, "write ", path_, ": ",
              written == 0 ? "no space left" : reason(), "; the file is as it was before");
      next += written;
      bytes -= static_cast<size_t>(written);
    }
  }
  void rewrite_start(std::string_view text) override {
    require(::lseek(fd_, 0, SEEK_SET) == 0, ErrorKind::kWrite, "write ", path_, ": ", reason());
    FileSink::write(text);
    require(::lseek(fd_, 0, SEEK_END) >= 0, ErrorKind::kWrite, "write ", path_, ": ", reason());
  }

 private:
  int fd_;
  const std::string& path_;
};

/// Removes the temporary file unless it has become the real one.
struct TemporaryFile {
  std::string path;
  bool renamed = false;
  ~TemporaryFile() {
    if (!renamed && !path.empty()) ::unlink(path.c_str());
  }
};

constexpr size_t kDigits = 16;  // of the random number in a temporary name

/// Removes `name.RANDOM.tmp` that nobody writes any more: writers hold a lock, which ends with
/// them, wherever they run. (A process number says nothing in a folder that containers share.)
void remove_stale(const std::filesystem::path& folder, const std::string& name) {
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(folder, ignored)) {
    const std::string found = entry.path().filename().string();
    if (found.size() != name.size() + kDigits + 5 || !found.starts_with(name + ".") ||
        !found.ends_with(".tmp") ||
        found.find_first_not_of("0123456789abcdef", name.size() + 1) != found.size() - 4)
      continue;
    const Descriptor fd(::open(entry.path().c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (fd.get() >= 0 && ::flock(fd.get(), LOCK_EX | LOCK_NB) == 0)
      std::filesystem::remove(entry.path(), ignored);
  }
}

/// A new file beside `path`, locked by us.
Descriptor open_temporary(const std::string& path, TemporaryFile& temporary) {
  std::random_device random;
  for (;;) {
    char digits[kDigits + 1];
    std::snprintf(digits, sizeof digits, "%08x%08x", random(), random());
    const std::string name = path + "." + digits + ".tmp";
    const int fd = ::open(name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0 && errno == EEXIST) continue;
    require(fd >= 0, ErrorKind::kWrite, "write ", path, ": ", reason());
    Descriptor made(fd);
    temporary.path = name;
    // Where the file system has no locks nobody removes it either. One that was removed before it
    // was locked is made anew.
    struct stat info {};
    ::flock(fd, LOCK_EX);
    if (::fstat(fd, &info) != 0 || info.st_nlink > 0) return made;
  }
}

std::string hash_of(const std::string& path, const EVP_MD* algorithm, ErrorKind kind) {
  const auto file = MappedFile::open(path, kind);
  Digest digest(algorithm);
  // In pieces, so that hashing a large file does not keep it in memory.
  constexpr size_t kPiece = size_t{1} << 24;
  for (size_t at = 0; at < file->size(); at += kPiece) {
    digest.add_part(file->bytes().substr(at, kPiece));
    file->forget(at, std::min(kPiece, file->size() - at));
  }
  return digest.hex();
}

}  // namespace

std::shared_ptr<const MappedFile> MappedFile::open(const std::string& path, ErrorKind kind) {
  const Descriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  require(fd.get() >= 0, kind, "open ", path, ": ", reason());
  struct stat info {};
  require(::fstat(fd.get(), &info) == 0, kind, "open ", path, ": ", reason());
  require(!S_ISDIR(info.st_mode), kind, "open ", path, ": it is a folder, a file expected");
  require(S_ISREG(info.st_mode), kind, "open ", path, ": not a regular file");
  const size_t size = static_cast<size_t>(info.st_size);
  void* data = nullptr;
  if (size > 0) {
    data = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd.get(), 0);
    require(data != MAP_FAILED, kind, "map ", path, ": ", reason());
  }
  return std::shared_ptr<const MappedFile>(
      new MappedFile(path, static_cast<const uint8_t*>(data), size));
}

std::shared_ptr<const MappedFile> MappedFile::of(std::string_view bytes, const std::string& path) {
  const std::shared_ptr<MappedFile> file(new MappedFile(path, nullptr, bytes.size()));
  file->copied_.assign(bytes.begin(), bytes.end());
  file->data_ = file->copied_.data();
  return file;
}

MappedFile::~MappedFile() {
  if (data_ && copied_.empty()) ::munmap(const_cast<uint8_t*>(data_), size_);
}

void MappedFile::forget(size_t begin, size_t bytes) const {
  if (!copied_.empty()) return;
  const size_t page = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
  const size_t first = (begin + page - 1) / page * page;
  const size_t last = std::min(begin + bytes, size_) / page * page;
  if (first < last) ::madvise(const_cast<uint8_t*>(data_) + first, last - first, MADV_DONTNEED);
}

void write_atomically(const std::string& path, const std::function<void(FileSink&)>& fill) {
  const std::filesystem::path target(path);
  const std::filesystem::path folder = target.has_parent_path() ? target.parent_path() : ".";
  remove_stale(folder, target.filename().string());
  TemporaryFile temporary;
  Descriptor fd = open_temporary(path, temporary);
  DescriptorSink sink(fd.get(), path);
  fill(sink);
  require(::fsync(fd.get()) == 0, ErrorKind::kWrite, "sync ", path, ": ", reason());
  const Descriptor locked(::dup(fd.get()));  // until the name is the real one
  require(fd.close_checked(), ErrorKind::kWrite, "close ", path, ": ", reason());
  require(::rename(temporary.path.c_str(), path.c_str()) == 0, ErrorKind::kWrite, "rename to ",
          path, ": ", reason());
  temporary.renamed = true;
  // The new name itself must survive a power cut. Some file systems cannot sync a folder (EINVAL).
  const Descriptor directory(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  require(directory.get() >= 0 && (::fsync(directory.get()) == 0 || errno == EINVAL),
          ErrorKind::kWrite, "sync folder ", folder.string(), ": ", reason());
}

void write_atomically(const std::string& path, std::string_view text) {
  write_atomically(path, [&](FileSink& sink) { sink.write(text); });
}

void require_new(const std::string& folder, const std::vector<std::string>& names, bool overwrite) {
  for (const std::string& name : names) {
    const std::string path = folder.empty() ? name : folder + "/" + name;
    std::error_code ignored;
    require(overwrite || !std::filesystem::exists(path, ignored), ErrorKind::kUsage, path,
            ": exists; --overwrite replaces it");
  }
}

FileLock::FileLock(int fd) : fd_(fd), held_(fd >= 0 && ::flock(fd, LOCK_EX) == 0) {}

FileLock::FileLock(const std::string& path)
    : FileLock(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {
  owned_ = true;
}

FileLock::~FileLock() {
  if (held_) ::flock(fd_, LOCK_UN);
  if (owned_ && fd_ >= 0) ::close(fd_);
}

std::string sha256_of(const std::string& path, ErrorKind kind) {
  return hash_of(path, EVP_sha256(), kind);
}

std::string md5_of(const std::string& path, ErrorKind kind) {
  return hash_of(path, EVP_md5(), kind);
}

}  // namespace lspt
