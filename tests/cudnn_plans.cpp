// Every attention graph that the engine asks cuDNN for finds a kernel for an H200; found and
// compiled without a GPU (cudnn_plans.sh runs this where there is none). Prints the kernels.
#include <chrono>
#include <cmath>
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include "ops/attention/fused.h"

namespace {

using lspt::cuda::FusedAttention;

// All keys are required. Clock rates and driver are plausible, not read off a card.
const char* const kH200 = R"({"deviceName": "NVIDIA H200", "deviceVer": 900, "cudaDeviceId": 0,
  "pciDeviceId": 0, "driverVer": 13000, "isTccDriver": 0, "supportCoopLaunch": 1, "warpSize": 32,
  "multiProcessorCount": 132, "smClockRateKHz": 1980000, "memClockRateKHz": 3201000,
  "totalGlobalMem": 150754820096, "l2CacheSize": 62914560, "regsPerBlock": 65536,
  "maxRegistersPerSM": 65536, "maxCtasPerSM": 32, "maxThreadsPerSM": 2048,
  "maxThreadsPerBlock": 1024, "maxBlockSize": [1024, 1024, 64],
  "maxGridSize": [2147483647, 65535, 65535], "maxSharedMemoryPerBlock": 49152,
  "maxSharedMemoryPerBlockOptin": 232448, "reservedSharedMemoryPerBlock": 1024})";

struct Case {
  const char* what;
  FusedAttention problem;
};

/// q in rows of q_parts and k, v in rows of kv_parts times the width: 3 in packed qkv, 2 in a
/// buffer of keys and values, 1 alone.
FusedAttention problem(int64_t heads, int64_t depth, int64_t queries, int64_t q_parts, int64_t keys,
                       int64_t kv_parts) {
  const int64_t width = heads * depth;
  return {.batch = 64,
          .heads = heads,
          .depth = depth,
          .queries = queries,
          .keys = keys,
          .q_row = q_parts * width,
          .q_image = queries * q_parts * width,
          .kv_row = kv_parts * width,
          .kv_image = keys * kv_parts * width,
          .scale = 1 / std::sqrt(static_cast<float>(depth))};
}
FusedAttention packed(int64_t heads, int64_t depth, int64_t tokens) {
  return problem(heads, depth, tokens, 3, tokens, 3);
}
FusedAttention prompted(int64_t heads, int64_t depth, int64_t tokens, int64_t prompts) {
  return problem(heads, depth, tokens, 3, prompts + tokens, 2);
}
FusedAttention last_block(int64_t heads, int64_t depth, int64_t keys) {
  return problem(heads, depth, 1, 1, keys, 2);
}

std::vector<Case> cases() {
  return {{"base", packed(12, 64, 197)},
          {"base, 50 prompts", packed(12, 64, 247)},
          {"base, 100 prompts", packed(12, 64, 297)},
          {"base, 50 keys apart", prompted(12, 64, 197, 50)},
          {"base, 100 keys apart", prompted(12, 64, 197, 100)},
          {"base, last block", last_block(12, 64, 197)},
          {"base, 50, last block", last_block(12, 64, 247)},
          {"base, 100, last block", last_block(12, 64, 297)},
          {"large, 50 prompts", packed(16, 64, 247)},
          {"large, last block", last_block(16, 64, 247)},
          {"small", packed(6, 64, 197)},
          {"tiny", packed(3, 64, 197)},
          {"base, patch 8", packed(12, 64, 785)},
          {"base, 512 pixels", packed(12, 64, 1025)},
          {"tiny, 32 pixels", packed(3, 64, 5)},
          {"tiny, 64 pixels", packed(3, 64, 17)},
          {"tiny, last block", last_block(3, 64, 5)},
          {"MoCo v3 small", packed(12, 32, 197)},
          {"huge", packed(16, 80, 257)}};
}

/// What is refused with reasons, and what is not; whether that is as it should be.
bool refusals_are_right() {
  const auto why = [](bool backward, size_t version, int capability) {
    return lspt::cuda::fused_attention_refused(packed(12, 64, 197), backward, version, capability);
  };
  const bool right = why(false, 90000, 90).empty() && why(true, 91501, 90).empty() &&
                     why(true, 91002, 90).find("cuDNN 9.10.2") == 0 &&
                     why(true, 91002, 90).find("9.15.1") != std::string::npos &&
                     why(false, 91501, 75) == "sm_75 has no bf16" &&
                     !why(false, 91000, 90).empty() && !why(true, 91501, 100).empty();
  std::printf("reasons for which cuDNN is not asked: %s\n", right ? "right" : "WRONG");
  return right;
}

}  // namespace

int main() {
  int found = 0, missing = refusals_are_right() ? 0 : 1;
  for (const auto& [what, problem] : cases()) {
    for (const bool backward : {false, true}) {
      const auto start = std::chrono::steady_clock::now();
      std::string kernels;
      double megabytes = 0;
      try {
        const auto plan = lspt::cuda::fused_attention_plan(problem, backward, kH200);
        kernels = plan.kernels;
        megabytes = static_cast<double>(plan.workspace) / (1 << 20);
      } catch (const std::exception& error) {
        kernels = std::string("NO ENGINE: ") + error.what();
      }
      const bool good = lspt::cuda::fused_attention_fits(problem) && !kernels.starts_with("NO");
      ++(good ? found : missing);
      const std::chrono::duration<double> time = std::chrono::steady_clock::now() - start;
      std::printf("%-22s %4lld x %4lld  %-8s %7.1f MiB  %.2f s  %s\n", what,
                  static_cast<long long>(problem.queries), static_cast<long long>(problem.keys),
                  backward ? "backward" : "forward", megabytes, time.count(), kernels.c_str());
      std::fflush(stdout);
    }
  }
  std::printf("cuDNN plans for sm_90: %d found, %d missing\n", found, missing);
  return missing == 0 ? 0 : 1;
}
