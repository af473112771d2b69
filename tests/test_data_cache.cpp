// The file of decoded images: what is found in it is right, whatever happened to it.
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "data/loader.h"
#include "data/pixel_cache.h"
#include "tests/data_fixtures.h"
#include "tests/mutate.h"

namespace lspt {
namespace {

constexpr const char* kRule = "short27-bilinear";

LoaderOptions with(const std::string& file, int workers = 2) {
  LoaderOptions options;
  options.batch_size = 4;
  options.img_size = 24;
  options.train = true;
  options.workers = workers;
  options.cache_file = file;
  return options;
}

std::vector<Sample> write_samples(const TempFolder& folder, int count) {
  std::vector<Sample> samples;
  for (int k = 0; k < count; ++k)
    samples.push_back({folder.write("images/" + std::to_string(k) + ".jpg", jpeg(k)), k % 4});
  return samples;
}

unsigned long read_epoch(Loader& loader) {
  unsigned long digest = 0;
  Batch batch;
  loader.start(0);
  while (loader.next(batch))
    digest = crc32(digest, static_cast<const Bytef*>(batch.images.raw()),
                   static_cast<uInt>(batch.images.nbytes()));
  return digest;
}

PixelCache::Key key(int k) {
  PixelCache::Key out{};
  out[0] = static_cast<uint8_t>(k);
  return out;
}

Image picture(int k) {
  Image image(3 + k, 5);
  for (size_t i = 0; i < image.pixels.size(); ++i)
    image.pixels[i] = static_cast<uint8_t>(i * 7 + static_cast<size_t>(k) * 31);
  return image;
}

bool same(const ImageView& view, const Image& image) {
  return view && view.width == image.width && view.height == image.height &&
         std::equal(image.pixels.begin(), image.pixels.end(), view.pixels);
}

TEST_CASE("a second run decodes nothing, in any order of training and test, with the same bits") {
  const TempFolder folder;
  const std::vector<Sample> samples = write_samples(folder, 10);
  const std::string file = folder / "cache/deep/a.pixels";
  Loader plain(samples, with("")), first(samples, with(file));
  const unsigned long digest = read_epoch(plain);
  CHECK(read_epoch(first) == digest);
  CHECK(first.decoded() == 10);
  CHECK(first.cache_trouble() == "");
  for (const int workers : {0, 3}) {
    Loader second(samples, with(file, workers));
    CHECK(read_epoch(second) == digest);
    CHECK(second.decoded() == 0);
  }
  // A part of the samples, in another order, is found as well.
  Loader part({samples[7], samples[2]}, with(file));
  read_epoch(part);
  CHECK(part.decoded() == 0);
  // Another rule does not take these pixels.
  LoaderOptions other = with(file);
  other.transform = Transform::vtab;
  Loader direct(samples, other);
  read_epoch(direct);
  CHECK(direct.decoded() == 10);
}

TEST_CASE("a changed image is decoded anew, even with the old one's size and time") {
  const TempFolder folder;
  const std::vector<Sample> samples = write_samples(folder, 3);
  const std::string file = folder / "a.pixels";
  struct stat before;
  REQUIRE(stat(samples[1].path.c_str(), &before) == 0);
  std::string bytes = read_file(samples[1].path);
  {
    Loader loader(samples, with(file));
    read_epoch(loader);
  }
  // Twice the same size and time of change; the second has other pixels.
  const std::string other = jpeg(2);
  REQUIRE(other != bytes);
  const size_t size = std::max(bytes.size(), other.size());
  folder.write("images/1.jpg", bytes + std::string(size - bytes.size(), ' '));
  const timespec times[2] = {before.st_mtim, before.st_mtim};
  REQUIRE(utimensat(AT_FDCWD, samples[1].path.c_str(), times, 0) == 0);
  const auto padded = PixelCache::key_of(samples[1].path);
  folder.write("images/1.jpg", other + std::string(size - other.size(), ' '));
  REQUIRE(utimensat(AT_FDCWD, samples[1].path.c_str(), times, 0) == 0);
  CHECK(PixelCache::key_of(samples[1].path) != padded);
  Loader cached(samples, with(file)), plain(samples, with(""));
  CHECK(read_epoch(cached) == read_epoch(plain));
  CHECK(cached.decoded() == 1);
}

TEST_CASE("what a file was when the data set was opened is not asked for again") {
  const TempFolder folder;
  const std::string path = folder.write("a.jpg", jpeg(1));
  const FileStamp stamp = stamp_of(path);
  CHECK(stamp.bytes == static_cast<int64_t>(jpeg(1).size()));
  const auto key = PixelCache::key_of(path);
  CHECK(key == PixelCache::key_of(path, stamp));
  std::filesystem::remove(path);
  CHECK(PixelCache::key_of(path) == std::nullopt);
  CHECK(PixelCache::key_of(path, stamp) == key);
  CHECK_FALSE(stamp_of(folder.path()));  // a folder
  folder.write("train/wren/a.jpg", jpeg(2));
  folder.write("train/jay/b.jpg", jpeg(2));
  folder.write("train.txt", "train/wren/a.jpg 0\ntrain/jay/b.jpg 1\n");
  for (const char* layout : {"folder", "list"}) {
    const Dataset data = open_dataset({folder.path(), layout});
    for (const Sample& sample : data.train)
      CHECK(sample.stamp.changed == stamp_of(sample.path).changed);
    CHECK(data.train.size() == 2);
  }
}

TEST_CASE("all pixels have a hash once they were read, if the cache file keeps them") {
  const TempFolder folder;
  const std::vector<Sample> samples = write_samples(folder, 4);
  const auto digest = [&](const std::string& file, int epochs) {
    Loader loader(samples, with(file));
    for (int i = 0; i < epochs; ++i) read_epoch(loader);
    return loader.pixels_digest();
  };
  const std::string file = folder / "a.pixels";
  CHECK(digest(file, 0) == "");
  const std::string first = digest(file, 1);
  CHECK(first.size() == 64);
  CHECK(digest(file, 0) == "");  // kept, but nobody has looked
  CHECK(digest(file, 1) == first);
  CHECK(digest(folder / "b.pixels", 2) == first);
  CHECK(digest("", 1) == "");
  folder.write("images/1.jpg", jpeg(77));
  CHECK(digest(file, 1) != first);
}

TEST_CASE("a cache file cut anywhere or with any byte changed never gives wrong pixels") {
  const TempFolder folder;
  const std::string file = folder / "a.pixels";
  {
    PixelCache cache(file, kRule, 0);
    for (int k = 0; k < 3; ++k) CHECK(same(cache.keep(key(k), picture(k)), picture(k)));
  }
  const std::string bytes = read_file(file);
  int wrong = 0, found = 0, lost = 0;
  for_each_mutation(bytes, 5, 10'000, [&](const std::string& damaged) {
    // A new file each time: disks take care of one that is cut to nothing, which takes them time.
    std::filesystem::remove(file);
    folder.write("a.pixels", damaged);
    PixelCache cache(file, kRule, 0);
    for (int k = 0; k < 3; ++k) {
      const ImageView view = cache.find(key(k));
      wrong += view && !same(view, picture(k));
      found += bool(view);
      // And it can be used on.
      lost += !view && !same(cache.keep(key(k), picture(k)), picture(k));
    }
    PixelCache again(file, kRule, 0);
    for (int k = 0; k < 3; ++k) lost += !same(again.find(key(k)), picture(k));
  });
  CHECK(wrong == 0);
  CHECK(lost == 0);
  CHECK(found > 10'000);
}

/// Runs `body` in a process of its own; its exit code, or -signal.
template <typename Body>
int in_child(const Body& body, int kill_after_us = -1) {
  const pid_t child = fork();
  if (child == 0) _exit(body());
  if (kill_after_us >= 0) {
    usleep(static_cast<useconds_t>(kill_after_us));
    kill(child, SIGKILL);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

int fill(const std::string& file, int from, int to) {
  PixelCache cache(file, kRule, 0);
  for (int k = from; k < to; ++k)
    if (!cache.find(key(k)) && !same(cache.keep(key(k), picture(k)), picture(k))) return 1;
  return cache.trouble().empty() ? 0 : 2;
}

TEST_CASE("a process killed while it writes leaves a cache that others use") {
  const TempFolder folder;
  const std::string file = folder / "a.pixels";
  int killed = 0;
  for (int round = 0; round < 40; ++round) {
    killed += in_child(
                  [&] {
                    for (;;)
                      if (fill(file, round, round + 60) != 0) return 1;
                    return 0;
                  },
                  300 + 150 * round) == -SIGKILL;
    PixelCache cache(file, kRule, 0);
    CHECK(cache.trouble() == "");
    for (int k = 0; k < 100; ++k)
      if (const ImageView view = cache.find(key(k))) CHECK(same(view, picture(k)));
  }
  CHECK(killed == 40);
  CHECK(fill(file, 0, 100) == 0);
  PixelCache cache(file, kRule, 0);
  for (int k = 0; k < 100; ++k) CHECK(same(cache.find(key(k)), picture(k)));
}

TEST_CASE("two processes fill one cache at once, and each picture is in it once") {
  const TempFolder folder;
  const std::string file = folder / "a.pixels";
  const pid_t child = fork();
  if (child == 0) _exit(fill(file, 0, 120));
  const int mine = fill(file, 0, 120);
  int status = 0;
  waitpid(child, &status, 0);
  CHECK(mine == 0);
  CHECK(status == 0);
  PixelCache cache(file, kRule, 0);
  size_t bytes = 64;
  for (int k = 0; k < 120; ++k) {
    CHECK(same(cache.find(key(k)), picture(k)));
    bytes += 64 + (picture(k).pixels.size() + 63) / 64 * 64;
  }
  CHECK(std::filesystem::file_size(file) <= bytes);
}

TEST_CASE("what another process appends is used once this one appends, and not twice") {
  const TempFolder folder;
  const std::string file = folder / "a.pixels";
  PixelCache mine(file, kRule, 0);
  REQUIRE(fill(file, 0, 5) == 0);
  const auto size = std::filesystem::file_size(file);
  CHECK_FALSE(mine.find(key(4)));
  CHECK(same(mine.keep(key(4), picture(4)), picture(4)));
  CHECK(std::filesystem::file_size(file) == size);
  CHECK(same(mine.find(key(2)), picture(2)));
}

TEST_CASE("without a place for the file, or when the disk is full, a run goes on in memory") {
  const TempFolder folder;
  const std::vector<Sample> samples = write_samples(folder, 8);
  folder.write("plain", "a file");
  Loader loader(samples, with(folder / "plain/a.pixels")), plain(samples, with(""));
  CHECK(contains(loader.cache_trouble(), "plain/a.pixels: Not a directory"));
  const unsigned long digest = read_epoch(plain);
  CHECK(read_epoch(loader) == digest);
  CHECK(read_epoch(loader) == digest);
  CHECK(loader.decoded() == 8);

  const std::string file = folder / "b.pixels";
  const int code = in_child([&] {
    const rlimit limit{9000, 9000};  // of a file's size; memory is a file here
    std::signal(SIGXFSZ, SIG_IGN);
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0) return 1;
    Loader full(samples, with(file, 0));
    if (read_epoch(full) != digest) return 2;
    if (!contains(full.cache_trouble(), "b.pixels: File too large")) return 3;
    return read_epoch(full) == digest ? 0 : 4;
  });
  CHECK(code == 0);
  Loader after(samples, with(file));
  CHECK(read_epoch(after) == digest);
  CHECK(after.decoded() < 8);  // what went in before is good
  CHECK(after.decoded() > 0);
}

}  // namespace
}  // namespace lspt
