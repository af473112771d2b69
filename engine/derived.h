/// What is computed from a tensor's values once and asked for again: a weight in a library's own
/// layout, a bias in another dtype.
#pragma once

#include "engine/cuda.h"
#include "engine/kernel.h"

namespace lspt {

/// make()'s result, kept with x's memory for who asks for the same `key` of the same part of it,
/// until Tensor::changed() says that the values are others. A CUDA graph that is captured computes
/// what it derives from values that change in every replay; and because what is captured exists
/// only when it is replayed, nothing is kept meanwhile.
template <typename Key, typename Make>
Tensor derived(const Tensor& x, const Key& key, const Make& make) {
  Storage& storage = *x.storage();
  bool capturing = false;
  if constexpr (kHasCuda) capturing = cuda::capturing();
  Derived* kept = nullptr;
  for (Derived& each : storage.derived)
    if (const Key* its = std::any_cast<Key>(&each.key);
        its && *its == key && each.offset == x.offset_bytes() && each.shape == x.shape())
      kept = &each;
  const bool current = kept && kept->version == storage.version();
  if (current && !(capturing && storage.version() > 0)) return kept->value;
  if (capturing) return make();
  if (!kept) kept = &storage.derived.emplace_back(Derived{key, x.offset_bytes(), x.shape(), 0, {}});
  kept->value = {};  // its memory first
  kept->value = make();
  kept->version = storage.version();
  return kept->value;
}

/// to_dtype(x, dtype), kept; an empty x stays empty.
inline Tensor as_dtype(const Tensor& x, DType dtype) {
  if (!x || x.dtype() == dtype) return x;
  return derived(x, dtype, [&] { return to_dtype(x, dtype); });
}

}  // namespace lspt
