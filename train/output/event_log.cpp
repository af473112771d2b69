#include "train/output/event_log.h"

#include <array>
#include <bit>
#include <chrono>
#include <cstring>
#include <filesystem>

#include "engine/file.h"

namespace lspt {
namespace {

static_assert(std::endian::native == std::endian::little, "records are");

/// CRC-32C (Castagnoli), reflected, a byte at a time.
uint32_t crc32c(std::string_view bytes) {
  static const auto table = [] {
    std::array<uint32_t, 256> out{};
    for (uint32_t i = 0; i < 256; ++i) {
      out[i] = i;
      for (int bit = 0; bit < 8; ++bit) out[i] = (out[i] >> 1) ^ (out[i] & 1 ? 0x82f63b78u : 0);
    }
    return out;
  }();
  uint32_t crc = ~0u;
  for (const char c : bytes) crc = (crc >> 8) ^ table[(crc ^ static_cast<uint8_t>(c)) & 255];
  return ~crc;
}

template <typename T>
std::string raw_bytes(T value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

std::string checksum_of(std::string_view bytes) {
  return raw_bytes(std::rotr(crc32c(bytes), 15) + 0xa282ead8u);
}

std::string framed(const std::string& data) {
  const std::string length = raw_bytes(uint64_t{data.size()});
  return length + checksum_of(length) + data + checksum_of(data);
}

// Protocol buffers: a key is the field's number times 8 plus its wire type: 0 varint, 1 eight
// bytes, 2 bytes with their length before them, 5 four bytes.
std::string varint(uint64_t value) {
  std::string out;
  for (; value > 127; value >>= 7) out += static_cast<char>(value | 128);
  return out + static_cast<char>(value);
}

std::string field_key(int field, int type) {
  return varint(static_cast<uint64_t>(field * 8 + type));
}

std::string bytes_field(int field, const std::string& bytes) {
  return field_key(field, 2) + varint(bytes.size()) + bytes;
}

/// wall_time and step, which begin every event of a step.
std::string event_head(double wall_time, int64_t step) {
  return field_key(1, 1) + raw_bytes(wall_time) + field_key(2, 0) +
         varint(static_cast<uint64_t>(step));
}

/// The step of an event that begins so; 0 for one of none, as the first of a file is.
int64_t step_of(std::string_view data) {
  const size_t at = field_key(1, 1).size() + 8;
  if (data.size() <= at || data.substr(at, 1) != field_key(2, 0)) return 0;
  uint64_t value = 0;
  for (size_t i = at + 1, shift = 0; i < data.size() && shift < 64; ++i, shift += 7) {
    value |= uint64_t{static_cast<uint8_t>(data[i]) & 127u} << shift;
    if (!(data[i] & 128)) break;
  }
  return static_cast<int64_t>(value);
}

double wall_time_now() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

/// The whole records of steps up to `last`; of a new file the one that says what it is.
std::string records_about(const std::string& path, int64_t last) {
  if (!std::filesystem::exists(path))
    return framed(field_key(1, 1) + raw_bytes(wall_time_now()) + bytes_field(3, "brain.Event:2"));
  const auto file = MappedFile::open(path, ErrorKind::kData);
  std::string kept;
  for (std::string_view rest = file->bytes(); rest.size() >= 16;) {
    uint64_t length = 0;
    std::memcpy(&length, rest.data(), sizeof length);
    if (length > rest.size() - 16) break;
    const std::string_view whole = rest.substr(0, length + 16);
    if (step_of(whole.substr(12, length)) <= last) kept += whole;
    rest.remove_prefix(whole.size());
  }
  return kept;
}

}  // namespace

std::string event_record(double wall_time, int64_t step, const Scalars& scalars) {
  std::string summary;
  for (const auto& [tag, value] : scalars)
    summary += bytes_field(
        1, bytes_field(1, tag) + field_key(2, 5) + raw_bytes(static_cast<float>(value)));
  return framed(event_head(wall_time, step) + bytes_field(5, summary));
}

EventLog::EventLog(const std::string& path, const Progress& done, int64_t steps_per_epoch)
    : path_(path), steps_per_epoch_(steps_per_epoch) {
  write_atomically(path, records_about(path, done.epoch * steps_per_epoch + done.step));
  file_.open(path, std::ios::app | std::ios::binary);
}

void EventLog::step(const EpochRow& row, int64_t step, double loss) {
  write((row.epoch - 1) * steps_per_epoch_ + step,
        {{"step/loss", loss}, {"step/lr", row.lr}, {"step/img_per_s", row.images_per_second}});
}

void EventLog::epoch(const EpochRow& row) {
  write(row.epoch * steps_per_epoch_, {{"epoch/train_loss", row.train_loss},
                                       {"epoch/train_top1", row.train_top1},
                                       {"epoch/eval_loss", row.eval_loss},
                                       {"epoch/eval_top1", row.eval_top1},
                                       {"epoch/eval_top5", row.eval_top5}});
}

void EventLog::write(int64_t step, const Scalars& scalars) {
  require(static_cast<bool>(file_ << event_record(wall_time_now(), step, scalars) << std::flush),
          ErrorKind::kWrite, "write ", path_, ": no space left, or no permission");
}

}  // namespace lspt
