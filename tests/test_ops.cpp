// Every op of the table has to pass every check: the same as make ops, without the times.
#include "tests/gpu.h"
#include "tests/op_checks.h"

using namespace lspt;
using namespace lspt::test;

namespace {

void check_all(Device device) {
  for (const OpCheck& check : op_checks()) SUBCASE(check.name) {
      for (const OpCase& c : op_cases())
        for (const DType dtype : {DType::f32, DType::bf16})
          if (check.is_for(dtype, device)) {
            CAPTURE(c.name);
            CAPTURE(name_of(dtype));
            const Finding found = check.run(c, dtype, device);
            CHECK_MESSAGE(found.good(), found.value, " where ", found.allowed, " is allowed",
                          found.text);
          }
    }
}

}  // namespace

TEST_CASE("every op passes every check") { check_all(Device::cpu); }

TEST_CASE("every op passes every check on the GPU" * needs_gpu()) { check_all(Device::cuda); }
