#include "data/pixel_cache.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <vector>

#include "data/growing_file.h"
#include "engine/digest.h"
#include "engine/error.h"
#include "engine/file.h"

namespace lspt {
namespace {

namespace fs = std::filesystem;

constexpr size_t kAlign = 64, kPage = 4096;
constexpr uint64_t kFreeBytes = uint64_t{1} << 30;  // that the cache leaves of a disk

size_t round_up(size_t bytes, size_t unit) { return (bytes + unit - 1) / unit * unit; }

uint32_t crc_of(const void* data, size_t bytes) {
  return static_cast<uint32_t>(crc32_z(0, static_cast<const Bytef*>(data), bytes));
}

struct Record {
  char magic[8];
  PixelCache::Key key;
  uint32_t width, height, pixels_crc, crc;
  char zeros[8];
  size_t pixel_bytes() const { return 3 * size_t{width} * height; }
  uint32_t right_crc() const { return crc_of(this, offsetof(Record, crc)); }
  bool good() const {
    return std::memcmp(magic, "picture\n", 8) == 0 && crc == right_crc() && width > 0 &&
           height > 0 && width <= kMaxPixels / height;
  }
  bool blank() const {
    const Record none{};
    return std::memcmp(this, &none, sizeof none) == 0;
  }
};
static_assert(sizeof(Record) == kAlign);

// The files of the folder beyond its share, those first that were opened longest ago.
void delete_oldest(const fs::path& folder, const fs::path& mine) {
  struct Old {
    fs::file_time_type time;
    fs::path path;
    uintmax_t bytes;
  };
  std::vector<Old> files;
  uintmax_t total = 0;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, error)) {
    if (entry.path().extension() != ".pixels") continue;
    const Old file{entry.last_write_time(error), entry.path(), entry.file_size(error)};
    if (error) continue;
    total += file.bytes;
    if (file.path != mine) files.push_back(file);
  }
  std::sort(files.begin(), files.end(), [](const Old& a, const Old& b) { return a.time < b.time; });
  for (const Old& file : files) {
    if (total <= PixelCache::kFolderBytes) break;
    if (fs::remove(file.path, error)) total -= file.bytes;
  }
}

}  // namespace

std::optional<PixelCache::Key> PixelCache::key_of(const std::string& path, const FileStamp& known) {
  const FileStamp stamp = known ? known : stamp_of(path);
  if (!stamp) return std::nullopt;
  constexpr int64_t kSecond = 1'000'000'000;
  std::string text = fs::absolute(path).lexically_normal().string();
  for (const int64_t number :
       {stamp.inode, stamp.bytes, stamp.modified / kSecond, stamp.modified % kSecond,
        stamp.changed / kSecond, stamp.changed % kSecond})
    text += '\n' + std::to_string(number);
  Digest digest;
  digest.add_part(text);
  return digest.bytes();
}

PixelCache::PixelCache(const std::string& path, const std::string& rule, size_t memory_bytes)
    : path_(path), memory_left_(memory_bytes) {
  if (!path.empty()) open_file(rule);
  if (!trouble_.empty()) file_.reset();
}

PixelCache::~PixelCache() = default;

void PixelCache::open_file(const std::string& rule) {
  require(rule.size() <= 55, "image cache: rule ", rule);
  const fs::path folder = fs::path(path_).parent_path();
  std::error_code error;
  fs::create_directories(folder, error);
  char header[kAlign] = "pixels1\n";  // the last digit: decoders and resize as they are today
  std::copy(rule.begin(), rule.end(), header + 8);
  // A file that is no cache of ours, or damaged, is replaced; who has it mapped keeps the old one.
  for (int attempt = 0; attempt < 2; ++attempt) {
    file_ =
        std::make_unique<GrowingFile>(::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
    if (!file_->data) break;
    const FileLock lock(file_->fd);
    if (!lock.held()) break;
    char found[kAlign] = {};
    if (file_->size() == 0 && !file_->write(header, kAlign, 0)) break;
    if (::pread(file_->fd, found, kAlign, 0) == static_cast<ssize_t>(kAlign) &&
        std::memcmp(found, header, kAlign) == 0) {
      file_->end = kAlign;
      if (read_new_records()) {
        ::futimens(file_->fd, nullptr);
        delete_oldest(folder, path_);
        return;
      }
    }
    entries_.clear();
    ::unlink(path_.c_str());
    errno = EIO;
  }
  trouble_ = "image cache " + path_ + ": " + std::strerror(errno);
}

// What this and other processes have appended since the last call; false where there is something
// else than a record. The caller holds the lock.
bool PixelCache::read_new_records() {
  const size_t size = file_->size();
  Record record;
  while (file_->end + sizeof record <= size) {
    if (::pread(file_->fd, &record, sizeof record, static_cast<off_t>(file_->end)) !=
        static_cast<ssize_t>(sizeof record))
      return false;
    if (record.blank()) break;  // unfinished
    const size_t pixels = file_->end + sizeof record, bytes = record.pixel_bytes();
    if (!record.good() || pixels + bytes > size || pixels + bytes > file_->window) return false;
    entries_[record.key] = {pixels, static_cast<int>(record.width), static_cast<int>(record.height),
                            record.pixels_crc, false};
    file_->end = round_up(pixels + bytes, kAlign);
  }
  return true;
}

ImageView PixelCache::find(const Key& key) {
  std::unique_lock lock(mutex_);
  const auto it = entries_.find(key);
  if (it == entries_.end()) return {};
  const Entry entry = it->second;
  const ImageView view(entry.width, entry.height, file_->data + entry.offset);
  if (entry.checked) return view;
  lock.unlock();
  const bool good = crc_of(view.pixels, view.bytes()) == entry.crc;
  lock.lock();
  if (!good) {
    entries_.erase(key);
    return {};
  }
  entries_[key].checked = true;
  return view;
}

ImageView PixelCache::keep(const std::optional<Key>& key, const Image& image) {
  const std::lock_guard lock(mutex_);
  ImageView view;
  if (file_ && key && trouble_.empty()) view = append_to_file(*key, image);
  return view ? view : append_to_memory(image);
}

ImageView PixelCache::append_to_file(const Key& key, const Image& image) {
  const FileLock lock(file_->fd);
  const size_t bytes = image.pixels.size(), at = file_->end;
  struct statvfs disk;
  errno = 0;
  if (!lock.held() || !read_new_records()) {
    trouble_ = "image cache " + path_ + ": " + std::strerror(errno ? errno : EIO);
    return {};
  }
  // Another process may have been faster. Its pixels are the same, which is not assumed.
  if (const auto it = entries_.find(key); it != entries_.end() && it->second.offset >= at &&
                                          it->second.crc == crc_of(image.pixels.data(), bytes) &&
                                          it->second.width == image.width)
    return {image.width, image.height, file_->data + it->second.offset};
  const size_t begin = file_->end, pixels = begin + sizeof(Record);
  if (!file_->fits(sizeof(Record) + bytes) || ::fstatvfs(file_->fd, &disk) != 0 ||
      uint64_t{disk.f_bavail} * disk.f_frsize < kFreeBytes + bytes) {
    trouble_ = "image cache " + path_ + ": less than a gibibyte is left on its disk";
    return {};
  }
  Record record{{'p', 'i', 'c', 't', 'u', 'r', 'e', '\n'},
                key,
                static_cast<uint32_t>(image.width),
                static_cast<uint32_t>(image.height),
                crc_of(image.pixels.data(), bytes),
                0,
                {}};
  record.crc = record.right_crc();
  if (file_->size() > begin && ::ftruncate(file_->fd, static_cast<off_t>(begin)) != 0)
    errno = EIO;
  else if (file_->write(image.pixels.data(), bytes, pixels) &&
           file_->write(&record, sizeof record, begin)) {
    entries_[key] = {pixels, image.width, image.height, record.pixels_crc, true};
    file_->end = round_up(pixels + bytes, kAlign);
    return {image.width, image.height, file_->data + pixels};
  }
  trouble_ = "image cache " + path_ + ": " + std::strerror(errno);
  if (::ftruncate(file_->fd, static_cast<off_t>(begin)) != 0)
    trouble_ += " (its end is unfinished)";
  return {};
}

ImageView PixelCache::append_to_memory(const Image& image) {
  const size_t bytes = round_up(image.pixels.size(), kPage);
  if (bytes > memory_left_) return {};
  if (!memory_) memory_ = std::make_unique<GrowingFile>(::memfd_create("lspt pixels", MFD_CLOEXEC));
  const size_t begin = memory_->end;
  if (!memory_->fits(bytes) || !memory_->write(image.pixels.data(), image.pixels.size(), begin))
    return {};
  memory_->end += bytes;
  memory_left_ -= bytes;
  return {image.width, image.height, memory_->data + begin};
}

std::optional<uint32_t> PixelCache::crc(const Key& key) const {
  const std::lock_guard lock(mutex_);
  const auto it = entries_.find(key);
  return it != entries_.end() && it->second.checked ? std::optional(it->second.crc) : std::nullopt;
}

void PixelCache::let_go(const ImageView& view) {
  const std::lock_guard lock(mutex_);
  if (!memory_ || view.pixels < memory_->data || view.pixels >= memory_->data + memory_->end)
    return;
  const size_t bytes = round_up(view.bytes(), kPage);
  if (::fallocate(memory_->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                  view.pixels - memory_->data, static_cast<off_t>(bytes)) == 0)
    memory_left_ += bytes;
}

std::string PixelCache::trouble() const {
  const std::lock_guard lock(mutex_);
  return trouble_;
}

}  // namespace lspt
