// Any bytes as one of VPT's JSON splits.
// seeds: tests/fuzz/seeds/split.json
#include "data/datasets/layouts.h"
#include "engine/error.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    const auto entries =
        lspt::parse_json_split({reinterpret_cast<const char*>(data), size}, "fuzz.json");
    for (const auto& [path, id] : entries) lspt::inside("/none", path, "fuzz.json");
  } catch (const lspt::Error&) {
  }
  return 0;
}
