/// The same values in another shape.
#pragma once

#include "engine/tape.h"

namespace lspt {

/// x -> y of equal numel; shares memory, keeps nothing; dx = dy in x's shape.
inline Var reshape(const Var& x, const Shape& shape) {
  if (x.shape() == shape) return x;
  Tensor y = x.value.reshape(shape);
  if (!recording({&x})) return y;
  return record("reshape", {&x}, y,
                [from = x.shape()](Backward& b) { b.add(0, b.grad().reshape(from)); });
}

}  // namespace lspt
