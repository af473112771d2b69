// seeds: tests/golden/weights/legacy*
#include "models/weights/containers/pickle.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace lspt;
  std::string_view bytes = testing::text_of(data, size);
  try {  // pickles one behind the other, as PyTorch's old format has them
    for (size_t used = 0; !bytes.empty(); bytes.remove_prefix(used))
      Pickle::parse(bytes, "fuzz", &used).foreign();
  } catch (const Error&) {
  }
  return 0;
}
