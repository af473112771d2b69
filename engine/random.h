/// Counter-based random numbers: a number is a pure function of who asks for it.
/// Philox4x32-10, Salmon, Moraes, Dror, Shaw 2011, "Parallel random numbers: as easy as 1, 2, 3".
#pragma once

#include <array>
#include <cmath>
#include <cstdint>

#include "engine/dtype.h"

namespace lspt {

/// What a number is drawn for. Streams of different purpose never overlap.
enum class Purpose : uint32_t { init = 1, shuffle, augment, dropout, synth, split, test, mask };

/// Epoch and step, where the device that draws can read them.
struct StepWords {
  uint64_t epoch, step;
};

/// A stream keyed by (seed, epoch, sample, purpose); element i of it is `bits(i)`. There is no
/// state: results do not depend on order or thread count, and resuming needs nothing saved.
class Random {
 public:
  Random(uint64_t seed, uint32_t epoch, uint64_t sample, Purpose purpose)
      : key_{static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)},
        epoch_(epoch),
        sample_(sample),
        purpose_(static_cast<uint32_t>(purpose)) {}

  /// Bits 4 quad .. 4 quad + 3 in one evaluation, for loops that want them all.
  LSPT_BOTH std::array<uint32_t, 4> four(uint64_t quad) const {
    const uint32_t epoch = epoch_ + (words_ ? static_cast<uint32_t>(words_->epoch) : 0);
    const uint64_t sample = sample_ + (words_ ? words_->step * stride_ : 0);
    // Sample ids above 2^32 fold their upper half into the epoch word's upper half.
    return block({static_cast<uint32_t>(quad), static_cast<uint32_t>(sample),
                  epoch ^ (static_cast<uint32_t>(sample >> 32) << 16), purpose_},
                 key_);
  }
  /// 32 uniform bits, index < 2^34.
  uint32_t bits(uint64_t index) const { return four(index >> 2)[index & 3]; }
  /// The number in [0, 1) that 32 bits stand for: their upper 24.
  LSPT_BOTH static float unit(uint32_t bits) { return static_cast<float>(bits >> 8) * 0x1p-24f; }
  /// Uniform in [0, 1).
  float uniform(uint64_t index) const { return unit(bits(index)); }
  float uniform(uint64_t index, float low, float high) const {
    return low + (high - low) * uniform(index);
  }
  /// Standard normal by Box-Muller; uses bits 2i and 2i + 1.
  float normal(uint64_t index) const {
    const double u = (static_cast<double>(bits(2 * index)) + 0.5) * 0x1p-32;
    const double v = static_cast<double>(bits(2 * index + 1)) * 0x1p-32;
    return static_cast<float>(std::sqrt(-2.0 * std::log(u)) * std::cos(6.283185307179586 * v));
  }
  /// Uniform integer in [0, n), n < 2^32: multiply-shift, bias below 2^-32 n.
  uint32_t below(uint64_t index, uint32_t n) const {
    return static_cast<uint32_t>((static_cast<uint64_t>(bits(index)) * n) >> 32);
  }

  /// The ten-round bijection itself: (counter, key) -> four words.
  LSPT_BOTH static std::array<uint32_t, 4> block(std::array<uint32_t, 4> counter,
                                                 std::array<uint32_t, 2> key) {
    for (int round = 0; round < 10; ++round) {
      const uint64_t a = uint64_t{0xD2511F53} * counter[0];
      const uint64_t b = uint64_t{0xCD9E8D57} * counter[2];
      counter = {static_cast<uint32_t>(b >> 32) ^ counter[1] ^ key[0], static_cast<uint32_t>(b),
                 static_cast<uint32_t>(a >> 32) ^ counter[3] ^ key[1], static_cast<uint32_t>(a)};
      key[0] += 0x9E3779B9;
      key[1] += 0xBB67AE85;
    }
    return counter;
  }

 private:
  friend struct StepKey;
  std::array<uint32_t, 2> key_;
  uint32_t epoch_;
  uint64_t sample_;
  uint32_t purpose_;
  const StepWords* words_ = nullptr;
  uint64_t stride_ = 0;
};

/// Says which numbers a training step draws: they depend on these alone.
struct StepKey {
  uint64_t seed = 0;
  uint32_t epoch = 0;
  uint64_t step = 0;
  /// Added to epoch and step when numbers are drawn, where they are drawn: a kernel that is
  /// captured once and replayed for many steps reads them in the GPU's memory. Or none.
  const StepWords* replayed = nullptr;

  /// Stream `index` of the `streams` that every step has.
  Random stream(Purpose purpose, uint64_t streams, uint64_t index) const {
    Random out(seed, epoch, step * streams + index, purpose);
    out.words_ = replayed;
    out.stride_ = streams;
    return out;
  }
};

}  // namespace lspt
