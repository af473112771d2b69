#include <doctest/doctest.h>

#include "engine/processors.h"
#include "tests/data_fixtures.h"

using namespace lspt;

TEST_CASE("the quota of a control group, of either version and at any level, is what may be used") {
  const TempFolder folder;
  const auto quota = [&] { return processors_by_quota({folder / "self", folder / "fs"}); };
  CHECK(quota() == 0);
  folder.write("self", "0::/user/job\n");
  folder.write("fs/cpu.max", "max 100000\n");
  CHECK(quota() == 0);
  folder.write("fs/user/cpu.max", "350000 100000\n");
  CHECK(quota() == 4);
  folder.write("fs/user/job/cpu.max", "50000 100000\n");
  CHECK(quota() == 1);
  folder.write("self", "12:memory:/a\n4:cpu,cpuacct:/job\n1:cpuset:/b\n");
  folder.write("fs/user/cpu.max", "max 100000\n");
  folder.write("fs/cpu,cpuacct/job/cpu.cfs_quota_us", "-1\n");
  folder.write("fs/cpu,cpuacct/job/cpu.cfs_period_us", "100000\n");
  CHECK(quota() == 0);
  folder.write("fs/cpu,cpuacct/job/cpu.cfs_quota_us", "200000\n");
  CHECK(quota() == 2);
  CHECK(processors_allowed() >= 1);
}
