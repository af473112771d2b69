#include "ops/dropout.h"

#include "engine/parallel.h"

namespace lspt {

Var dropout(const Var& x, float p, const Random& stream) {
  require(p >= 0.0f && p < 1.0f, "dropout: probability ", p, ", expected 0 <= p < 1");
  if (p == 0.0f || !Tape::current()) return x;
  Tensor y(x.shape(), x.dtype(), x.device());
  dropout_apply(y, x.value, p, stream);
  if (!recording({&x})) return y;
  return record("dropout", {&x}, y, [p, stream](Backward& b) {
    const Tensor dx(b.grad().shape(), b.grad().dtype(), b.grad().device());
    dropout_apply(dx, b.grad(), p, stream);
    b.add(0, dx);
  });
}

namespace cpu {

void dropout_apply(const Tensor& y, const Tensor& x, float p, const Random& stream) {
  const float scale = 1.0f / (1.0f - p);
  dispatch(x.dtype(), [&]<typename T>() {
    T* out = y.data<T>();
    const T* in = x.data<T>();
    constexpr int64_t kGrain = 1 << 12;  // a multiple of 4: pieces begin with a block of the stream
    parallel_for(x.numel(), kGrain, [=](int64_t begin, int64_t end) {
      for (int64_t quad = begin; quad < end; quad += 4) {
        const auto words = stream.four(static_cast<uint64_t>(quad) / 4);
        for (int64_t i = quad; i < std::min(quad + 4, end); ++i) {
          const bool kept = Random::unit(words[static_cast<size_t>(i - quad)]) >= p;
          out[i] = kept ? static_cast<float>(in[i]) * scale : 0.0f;
        }
      }
    });
  });
}

}  // namespace cpu
}  // namespace lspt
