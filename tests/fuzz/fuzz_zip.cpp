// seeds: tests/golden/weights/*.pth tests/golden/weights/*.npz
#include "models/weights/containers/zip.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace lspt;
  const std::string_view bytes = testing::text_of(data, size);
  try {
    for (const ZipMember& member : read_zip_directory(*MappedFile::of(bytes, "fuzz")))
      if (member.deflated)
        inflate(bytes.substr(member.offset, member.packed), member.size, member.name);
  } catch (const Error&) {
  }
  return testing::read_weights(data, size, "PyTorch");
}
