#!/bin/sh
# Runs libFuzzer targets, FUZZ_SECONDS each, from copies of the seeds that their sources name in a
# line `// seeds: FILES`. What is found stays in build-fuzz: NAME-crash-..., and the grown corpus,
# with which the next run begins. Fails if any target does.
set -u
failed=0
for target; do
  name=$(basename "$target")
  corpus=build-fuzz/corpus/$name
  mkdir -p "$corpus"
  cp $(sed -n 's|^// seeds: ||p' "tests/fuzz/$name.cpp") "$corpus/" || exit 1
  # More than 1 GB of memory or 10 s for one small file is a finding, too.
  OMP_NUM_THREADS=1 "$target" -max_total_time="${FUZZ_SECONDS:-60}" -max_len=65536 -timeout=10 \
    -rss_limit_mb=1024 -artifact_prefix="build-fuzz/$name-" -print_final_stats=1 "$corpus" \
    >"build-fuzz/$name.log" 2>&1
  code=$?
  inputs=$(sed -n 's/^stat::number_of_executed_units: *//p' "build-fuzz/$name.log")
  if [ $code -eq 0 ]; then echo "PASS $name, $inputs inputs"; else
    failed=1
    echo "FAIL $name (exit code $code), see build-fuzz/$name.log"
    tail -n 20 "build-fuzz/$name.log"
  fi
done
exit $failed
