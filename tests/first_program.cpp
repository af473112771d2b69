// A first program: the engine and two ops, without models or training code. Two layers learn XOR.
#include <cstdio>

#include "engine/random.h"
#include "ops/cross_entropy.h"
#include "ops/linear.h"

using namespace lspt;

Var parameter(const Shape& shape, uint64_t id) {
  const Tensor values(shape);
  const Random draw(/*seed=*/1, /*epoch=*/0, id, Purpose::init);
  for (int64_t i = 0; i < values.numel(); ++i)
    values.data<float>()[i] = draw.normal(static_cast<uint64_t>(i));
  return Var::trainable(values);
}

int main() {
  const Tensor points = Tensor::from({0, 0, 0, 1, 1, 0, 1, 1}, {4, 2});
  const Tensor classes = Tensor::from({1, 0, 0, 1, 0, 1, 1, 0}, {4, 2});  // one hot
  Var w1 = parameter({8, 2}, 1), b1 = parameter({8}, 2);
  Var w2 = parameter({2, 8}, 3), b2 = parameter({2}, 4);
  float last = 0;
  for (int step = 1; step <= 200; ++step) {
    Tape tape;  // while it lives, ops record themselves
    const Var hidden = linear(points, w1, b1, {.gelu = true});
    const Var loss = cross_entropy(linear(hidden, w2, b2), classes);
    tape.backward(loss);
    for (Var* p : {&w1, &b1, &w2, &b2}) {  // gradient descent
      for (int64_t i = 0; i < p->value.numel(); ++i)
        p->value.data<float>()[i] -= 0.3f * p->node->grad.data<float>()[i];
      p->value.changed();
      p->node->grad = {};
    }
    last = loss.value.data<float>()[0];
    if (step % 50 == 0) std::printf("step %3d  loss %.4f\n", step, static_cast<double>(last));
  }
  return last < 0.05f ? 0 : 1;
}
