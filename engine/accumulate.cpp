#include "engine/accumulate.h"

#include <cstring>

#include "engine/narrow.h"
#include "engine/parallel.h"

namespace lspt::cpu {

void accumulate(const Tensor& sum, const Tensor& x, float beta) {
  require(sum.numel() == x.numel(), "accumulate: ", x.shape(), " into ", sum.shape());
  if (beta == 0.0f && sum.dtype() == x.dtype()) {
    if (x.numel() > 0) std::memcpy(sum.raw(), x.raw(), x.nbytes());
    return;
  }
  dispatch(sum.dtype(), [&]<typename S>() {
    dispatch(x.dtype(), [&]<typename T>() {
      S* out = sum.data<S>();
      const T* in = x.data<T>();
      parallel_for(sum.numel(), 1 << 14, [=](int64_t begin, int64_t end) {
        const auto old = [s = out + begin](int64_t i) { return static_cast<float>(s[i]); };
        const auto add = [t = in + begin](int64_t i) { return static_cast<float>(t[i]); };
        if (beta == 0.0f)
          store_each(out + begin, end - begin, add);
        else
          store_each(out + begin, end - begin, [=](int64_t i) { return old(i) + add(i); });
      });
    });
  });
}

void set_all(const Tensor& x, float value) {
  dispatch(x.dtype(), [&]<typename T>() {
    T* data = x.data<T>();
    for (int64_t i = 0; i < x.numel(); ++i) data[i] = value;
  });
}

}  // namespace lspt::cpu
