// One launch updates up to 64 parameters: their addresses and sizes travel as the kernel's
// argument, a block finds its parameter in that table and owns 2,048 of its elements. A launch
// each would cost more than the work, as most parameters of prompt tuning are small. Every value
// is read once and written once. Rates are read from the GPU's memory, so that a captured step
// takes new ones.
#include "engine/cuda.cuh"
#include "engine/sum_rows.h"
#include "train/optimizer.h"

namespace lspt::cuda {
namespace optimizer_cu {

constexpr int kMost = 64;  // parameters of one launch: their table is its argument
constexpr int64_t kBlockElements = kBlock * 8;  // elements that a block owns, of one parameter

struct Piece {
  float *parameter, *first, *second;
  const float* gradient;
  int64_t count;
  float lr_scale, weight_decay;
};

struct Table {
  Piece entry[kMost];
  int end[kMost];  // blocks up to and with that parameter's
  int entries = 0;
};

/// Calls body(table, blocks) for every `kMost` parameters.
template <typename Body>
void for_tables(const std::vector<Update>& updates, const Body& body) {
  for (size_t begin = 0; begin < updates.size(); begin += kMost) {
    Table table;
    int blocks_so_far = 0;
    for (size_t i = begin; i < std::min(updates.size(), begin + kMost); ++i) {
      const Update& u = updates[i];
      blocks_so_far += static_cast<int>(blocks(u.parameter.numel(), kBlockElements));
      table.end[table.entries] = blocks_so_far;
      table.entry[table.entries++] = {u.parameter.data<float>(),
                                      u.first.data<float>(),
                                      u.second ? u.second.data<float>() : nullptr,
                                      u.gradient.data<float>(),
                                      u.parameter.numel(),
                                      u.lr_scale,
                                      u.weight_decay};
    }
    body(table, static_cast<unsigned>(blocks_so_far));
  }
}

/// Calls body(entry, i) for the elements that this thread owns.
template <typename Body>
__device__ void for_elements(const Table& table, const Body& body) {
  const int block = static_cast<int>(blockIdx.x);
  int at = 0;
  while (block >= table.end[at]) ++at;
  const Piece& entry = table.entry[at];
  const int64_t begin = (block - (at == 0 ? 0 : table.end[at - 1])) * kBlockElements;
  const int64_t end = begin + kBlockElements < entry.count ? begin + kBlockElements : entry.count;
  for (int64_t i = begin + threadIdx.x; i < end; i += kBlock) body(entry, i);
}

__global__ void sgd(const float* rates, const __grid_constant__ Table table, float momentum) {
  const float lr = rates[0], clip = rates[3];
  for_elements(table, [&](const Piece& e, int64_t i) {
    const float p = e.parameter[i];
    const float m = momentum * e.first[i] + (clip * e.gradient[i] + e.weight_decay * p);
    e.first[i] = m;
    e.parameter[i] = p - lr * e.lr_scale * m;
  });
}

__global__ void adamw(const float* rates, const __grid_constant__ Table table, float beta1,
                      float beta2, float epsilon) {
  const float lr = rates[0], correction1 = rates[1], correction2 = rates[2], clip = rates[3];
  for_elements(table, [&](const Piece& e, int64_t i) {
    const float g = clip * e.gradient[i], rate = lr * e.lr_scale;
    const float m = beta1 * e.first[i] + (1.0f - beta1) * g;
    const float v = beta2 * e.second[i] + (1.0f - beta2) * g * g;
    e.first[i] = m;
    e.second[i] = v;
    e.parameter[i] = (1.0f - rate * e.weight_decay) * e.parameter[i] -
                     rate * correction1 * m / (sqrtf(v) * correction2 + epsilon);
  });
}

/// A block's sum of squares, warps added in their order.
__global__ void squares(float* sums, const __grid_constant__ Table table) {
  __shared__ float warps[kBlock / 32];
  float sum = 0;
  for_elements(table, [&](const Piece& e, int64_t i) { sum += e.gradient[i] * e.gradient[i]; });
  sum = warp_sum(sum);
  if (threadIdx.x % 32 == 0) warps[threadIdx.x / 32] = sum;
  __syncthreads();
  if (threadIdx.x != 0) return;
  for (int warp = 1; warp < static_cast<int>(kBlock / 32); ++warp) sum += warps[warp];
  sums[blockIdx.x] = sum;
}

__global__ void set_clip(float* rates, const float* squares_sum, float limit) {
  rates[4] = sqrtf(*squares_sum);
  rates[3] = limit > 0.0f ? fminf(1.0f, limit / (rates[4] + 1e-6f)) : 1.0f;
}

int64_t bytes_of_updates(const std::vector<Update>& updates) {
  int64_t bytes = 0;
  for (const Update& u : updates)
    bytes += bytes_of(u.gradient) + 2 * bytes_of(u.parameter, u.first, u.second);
  return bytes;
}

}  // namespace optimizer_cu

void sgd_update(const Tensor& rates, const std::vector<Update>& updates,
                const OptimizerConfig& config) {
  const OpScope op("sgd_update", optimizer_cu::bytes_of_updates(updates));
  optimizer_cu::for_tables(updates, [&](const optimizer_cu::Table& table, unsigned count) {
    launch(optimizer_cu::sgd, count, kBlock, rates.data<float>(), table, config.momentum);
  });
}

void adamw_update(const Tensor& rates, const std::vector<Update>& updates,
                  const OptimizerConfig& config) {
  const OpScope op("adamw_update", optimizer_cu::bytes_of_updates(updates));
  optimizer_cu::for_tables(updates, [&](const optimizer_cu::Table& table, unsigned count) {
    launch(optimizer_cu::adamw, count, kBlock, rates.data<float>(), table, config.beta1,
           config.beta2, config.epsilon);
  });
}

void measure_gradients(const Tensor& rates, const std::vector<Update>& updates, float limit) {
  const OpScope op("measure_gradients", 0);
  int64_t all = 0;
  optimizer_cu::for_tables(updates,
                           [&](const optimizer_cu::Table&, unsigned count) { all += count; });
  const Tensor sums({all}, DType::f32, Device::cuda), sum({1}, DType::f32, Device::cuda);
  int64_t done = 0;
  optimizer_cu::for_tables(updates, [&](const optimizer_cu::Table& table, unsigned count) {
    launch(optimizer_cu::squares, count, kBlock, sums.data<float>() + done, table);
    done += count;
  });
  sum_rows(sum, 0.0f, 1.0f, sums, {.rows = all, .row_stride = 1});
  launch(optimizer_cu::set_clip, 1, 1, rates.data<float>(), sum.data<float>(), limit);
}

}  // namespace lspt::cuda
