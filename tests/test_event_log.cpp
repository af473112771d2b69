// TensorBoard's event files.
#include <doctest/doctest.h>

#include <cstring>

#include "tests/data_fixtures.h"
#include "tests/weights_fixture.h"
#include "train/output/event_log.h"

namespace lspt {
namespace {

TEST_CASE("an event record is the one that TensorBoard's own writer makes") {
  // tensorboard 2.21's RecordWriter, of Event(wall_time=1.5, step=300) with these two values.
  const char* hex =
      "300000000000000095f5d05f09000000000000f83f10ac022a220a100a09737465702f6c6f7373150000803e0a0e"
      "0a07737465702f6c7215a69b443b7b3165c0";
  std::string bytes;
  for (const char* p = hex; *p; p += 2)
    bytes += static_cast<char>(std::stoi(std::string(p, 2), nullptr, 16));
  CHECK(event_record(1.5, 300, {{"step/loss", 0.25}, {"step/lr", 0.003}}) == bytes);
}

/// How many records the file has; fails if they do not end where it does.
int records_in(const std::string& bytes) {
  int count = 0;
  size_t at = 0;
  for (; at + 16 <= bytes.size(); ++count) {
    uint64_t length = 0;
    std::memcpy(&length, bytes.data() + at, sizeof length);
    at += length + 16;
  }
  CHECK(at == bytes.size());
  return count;
}

TEST_CASE("an event file goes on behind what is done, and drops what will be done again") {
  const TempFolder folder;
  const std::string path = folder / EventLog::kName;
  const EpochRow first{.epoch = 1}, second{.epoch = 2};
  {
    EventLog log(path, {}, 200);
    log.step(first, 1, 0.5);
    log.step(first, 200, 0.5);
    log.epoch(first);
    log.step(second, 1, 0.5);
    log.step(second, 150, 0.5);
  }
  const std::string all = read_file(path);
  CHECK(records_in(all) == 6);  // the first says what the file is
  folder.write(EventLog::kName, all + all.substr(0, 30));
  const auto left = [&](const Progress& done) {
    { EventLog log(path, done, 200); }
    return records_in(read_file(path));
  };
  CHECK(left({.epoch = 1, .step = 150}) == 6);
  CHECK(left({.epoch = 1, .step = 149}) == 5);
  CHECK(left({.epoch = 1}) == 4);
  CHECK(left({}) == 1);
}

}  // namespace
}  // namespace lspt
