// What an LSTM step does behind its product: four gates, cell and output of a unit depend on that
// unit alone. A thread owns V units of a row and reads their four gates at a distance of the width
// (each a whole line for a warp), bias and old cell, and writes gates (over a where types agree),
// cell and output: everything once. Backward mirrors it from the kept gates; tanh(c') is computed
// again, as that is cheaper than to keep and read it.
#include "ops/lstm_cell.h"
#include "ops/math.cuh"

namespace lspt::cuda {
namespace lstm_cell_cu {

/// A thread owns V units of a row: their four gates, cell and output. gates may be a: each thread
/// reads before it writes.
template <int V, typename T>
__global__ void step(T* h, float* c, T* gates, const float* a, const float* bias,
                     const float* previous, int64_t count, int64_t width) {
  const int64_t i = thread_index() * V;
  if (i >= count) return;
  const int64_t row = i / width, unit = i % width;
  float gate[4][V];  // i, f, g, o
  for (int k = 0; k < 4; ++k) {
    float b[V];
    load<V>(gate[k], a + (4 * row + k) * width + unit);
    load<V>(b, bias + k * width + unit);
    for (int j = 0; j < V; ++j) gate[k][j] += b[j];
  }
  float cell[V] = {}, out[V];
  if (previous) load<V>(cell, previous + i);
  for (int j = 0; j < V; ++j) {
    gate[0][j] = sigmoid(gate[0][j]);
    gate[1][j] = sigmoid(gate[1][j]);
    gate[2][j] = tanhf(gate[2][j]);
    gate[3][j] = sigmoid(gate[3][j]);
    cell[j] = gate[1][j] * cell[j] + gate[0][j] * gate[2][j];
    out[j] = gate[3][j] * tanhf(cell[j]);
  }
  for (int k = 0; k < 4; ++k) store<V>(gates + (4 * row + k) * width + unit, gate[k]);
  store<V>(c + i, cell);
  store<V>(h + i, out);
}

template <int V, typename T>
__global__ void step_back(T* da, float* dprevious, const T* dh, const float* dc, const T* gates,
                          const float* c, const float* previous, int64_t count, int64_t width) {
  const int64_t i = thread_index() * V;
  if (i >= count) return;
  const int64_t row = i / width, unit = i % width;
  float gate[4][V], cell[V], before[V] = {}, dout[V] = {}, dcell[V] = {};
  for (int k = 0; k < 4; ++k) load<V>(gate[k], gates + (4 * row + k) * width + unit);
  load<V>(cell, c + i);
  if (previous) load<V>(before, previous + i);
  if (dh) load<V>(dout, dh + i);
  if (dc) load<V>(dcell, dc + i);
  for (int j = 0; j < V; ++j) {
    const float in = gate[0][j], forget = gate[1][j], g = gate[2][j], o = gate[3][j];
    const float t = tanhf(cell[j]), d = dcell[j] + dout[j] * o * (1.0f - t * t);
    gate[0][j] = d * g * in * (1.0f - in);
    gate[1][j] = d * before[j] * forget * (1.0f - forget);
    gate[2][j] = d * in * (1.0f - g * g);
    gate[3][j] = dout[j] * t * o * (1.0f - o);
    before[j] = d * forget;
  }
  for (int k = 0; k < 4; ++k) store<V>(da + (4 * row + k) * width + unit, gate[k]);
  if (dprevious) store<V>(dprevious + i, before);
}

const float* floats(const Tensor& x) { return x ? x.data<float>() : nullptr; }

}  // namespace lstm_cell_cu

void lstm_forward(const Tensor& h, const Tensor& c, const Tensor& gates, const Tensor& a,
                  const Tensor& bias, const Tensor& previous) {
  const OpScope op("lstm_forward", bytes_of(h, c, gates, a, bias, previous));
  const int64_t width = c.dim(1);
  dispatch(h.dtype(), [&]<typename T>() {
    with_width(wide(width, h, c, gates, a, bias, previous), [&]<int V>() {
      launch(lstm_cell_cu::step<V, T>, blocks(c.numel(), kBlock * V), kBlock, h.data<T>(),
             c.data<float>(), gates.data<T>(), a.data<float>(), bias.data<float>(),
             lstm_cell_cu::floats(previous), c.numel(), width);
    });
  });
}

void lstm_backward(const Tensor& da, const Tensor& dprevious, const Tensor& dh, const Tensor& dc,
                   const Tensor& gates, const Tensor& c, const Tensor& previous) {
  const OpScope op("lstm_backward", bytes_of(da, dprevious, dh, dc, gates, c, previous));
  const int64_t width = c.dim(1);
  dispatch(da.dtype(), [&]<typename T>() {
    with_width(wide(width, da, dprevious, dh, dc, gates, c, previous), [&]<int V>() {
      launch(lstm_cell_cu::step_back<V, T>, blocks(c.numel(), kBlock * V), kBlock, da.data<T>(),
             dprevious ? dprevious.data<float>() : nullptr, dh ? dh.data<T>() : nullptr,
             lstm_cell_cu::floats(dc), gates.data<T>(), c.data<float>(),
             lstm_cell_cu::floats(previous), c.numel(), width);
    });
  });
}

}  // namespace lspt::cuda
