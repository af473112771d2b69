#include <doctest/doctest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/file.h"
#include "tests/weights_fixture.h"

using namespace lspt;
using namespace lspt::testing;

namespace {

/// No file may grow beyond `bytes` while this lives: what a full disk looks like to a writer.
struct FileSizeLimit {
  explicit FileSizeLimit(rlim_t bytes) {
    getrlimit(RLIMIT_FSIZE, &before);
    const rlimit limit{bytes, before.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limit);
    handler = signal(SIGXFSZ, SIG_IGN);
  }
  ~FileSizeLimit() {
    setrlimit(RLIMIT_FSIZE, &before);
    signal(SIGXFSZ, handler);
  }
  rlimit before;
  void (*handler)(int);
};

}  // namespace

TEST_CASE("an atomic write creates a file and replaces it, and leaves nothing else") {
  const TempFolder folder;
  write_atomically(folder / "a", "first");
  CHECK(read_file(folder / "a") == "first");
  write_atomically(folder / "a", [](FileSink& sink) {
    sink.write("sec");
    sink.write("ond");
  });
  CHECK(read_file(folder / "a") == "second");
  CHECK(folder.files() == 1);
}

TEST_CASE("a full disk during an atomic write keeps the old file and leaves no temporary one") {
  const TempFolder folder;
  write_atomically(folder / "a", "old");
  std::string message;
  {
    const FileSizeLimit limit(5000);
    message = error_of([&] { write_atomically(folder / "a", std::string(9000, 'x')); });
  }
  CHECK(contains(message, "7: write " + (folder / "a")));
  CHECK(contains(message, "File too large"));
  CHECK(read_file(folder / "a") == "old");
  CHECK(folder.files() == 1);
}

TEST_CASE("an exception while an atomic write is filled keeps the old file") {
  const TempFolder folder;
  write_atomically(folder / "a", "old");
  const std::string message = error_of([&] {
    write_atomically(folder / "a", [](FileSink& sink) {
      sink.write("half");
      fail(ErrorKind::kDiverged, "stop");
    });
  });
  CHECK(message == "5: stop");
  CHECK(read_file(folder / "a") == "old");
  CHECK(folder.files() == 1);
}

TEST_CASE("an atomic write to a place that cannot be written says why") {
  const TempFolder folder;
  CHECK(contains(error_of([&] { write_atomically(folder / "no/a", "x"); }), "No such file"));
  mkdir((folder / "d").c_str(), 0777);
  CHECK(contains(error_of([&] { write_atomically(folder / "d", "x"); }), "7: rename to "));
  CHECK(folder.files() == 1);
  if (geteuid() == 0) {
    MESSAGE("running as root: a read-only folder stops nobody, that part did not run");
    return;
  }
  chmod((folder / "d").c_str(), 0555);
  CHECK(contains(error_of([&] { write_atomically(folder / "d/a", "x"); }), "Permission denied"));
  chmod((folder / "d").c_str(), 0755);
}

TEST_CASE("temporary files that nobody writes any more are removed, others are left alone") {
  const TempFolder folder;
  write_file(folder / "a.0123456789abcdef.tmp", "of a process that was killed");
  write_file(folder / "a.b.tmp", "a user's");
  write_file(folder / "ab.0123456789abcdef.tmp", "another file's");
  // Inside another write of the same file, as from another process or container: it is not touched.
  write_atomically(folder / "a", [&](FileSink& sink) {
    sink.write("last");
    CHECK(folder.files() == 3);
    write_atomically(folder / "a", "first");
    CHECK(folder.files() == 4);
  });
  CHECK(read_file(folder / "a") == "last");
  CHECK(std::filesystem::exists(folder / "a.b.tmp"));
  CHECK(std::filesystem::exists(folder / "ab.0123456789abcdef.tmp"));
  CHECK(folder.files() == 3);
}

TEST_CASE("a mapped file shows its bytes, also after they were forgotten") {
  const TempFolder folder;
  const std::string bytes(20000, 'x');
  write_file(folder / "a", bytes);
  const auto file = MappedFile::open(folder / "a", ErrorKind::kData);
  CHECK(file->bytes() == bytes);
  file->forget(100, 19000);
  CHECK(file->bytes() == bytes);
  write_file(folder / "empty", "");
  CHECK(MappedFile::open(folder / "empty", ErrorKind::kData)->size() == 0);
}

TEST_CASE("a file that cannot be mapped is refused with the caller's kind and the reason") {
  const TempFolder folder;
  const auto open = [](const std::string& path) {
    return error_of([&] { MappedFile::open(path, ErrorKind::kData); });
  };
  CHECK(open(folder / "none") == "3: open " + (folder / "none") + ": No such file or directory");
  CHECK(contains(open(folder.path()), "it is a folder"));
  CHECK(contains(open("/dev/null"), "not a regular file"));
}

TEST_CASE("SHA-256 agrees with the published test vectors") {
  const TempFolder folder;
  write_file(folder / "a", "");
  CHECK(sha256_of(folder / "a") ==
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  write_file(folder / "a", "abc");
  CHECK(sha256_of(folder / "a") ==
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}
