// Fused attention by plain loops, in the place of cuDNN, so that what surrounds it (joined keys,
// divided queries, gradients taken apart) runs in tests.
#include <cmath>
#include <vector>

#include "engine/cuda.cuh"
#include "ops/attention/fused.h"
#include "tests/emulated/runtime_api.h"

namespace lspt::cuda {
namespace {

struct Head {
  const FusedAttention& p;
  int64_t image, head;

  double q(const void* x, int64_t row, int64_t d) const {
    return at(x, image * p.q_image + row * p.q_row + head * p.depth + d);
  }
  double kv(const void* x, int64_t row, int64_t d) const {
    return at(x, image * p.kv_image + row * p.kv_row + head * p.depth + d);
  }
  double y(const void* x, int64_t row, int64_t d) const {
    return at(x, ((image * p.queries + row) * p.heads + head) * p.depth + d);
  }
  int64_t statistic(int64_t row) const { return (image * p.heads + head) * p.queries + row; }
  double score(const void* qs, const void* ks, int64_t i, int64_t j) const {
    double sum = 0;
    for (int64_t d = 0; d < p.depth; ++d) sum += q(qs, i, d) * kv(ks, j, d);
    return sum * static_cast<double>(p.scale);
  }
  static double at(const void* x, int64_t i) {
    return static_cast<double>(static_cast<float>(static_cast<const bf16*>(x)[i]));
  }
};

template <typename Body>
void for_heads(const FusedAttention& p, const Body& body) {
  for (int64_t image = 0; image < p.batch; ++image)
    for (int64_t head = 0; head < p.heads; ++head) body(Head{p, image, head});
}

}  // namespace

bool fused_attention_fits(const FusedAttention& p) { return p.depth % 8 == 0 && p.depth <= 128; }
bool fused_attention_usable(const FusedAttention& p, bool) { return fused_attention_fits(p); }

void fused_attention_forward(const FusedAttention& problem, const void* q, const void* k,
                             const void* v, void* y, float* log_sum) {
  emulated::run_or_record(stream(), [p = problem, q, k, v, y, log_sum] {
    for_heads(p, [&](const Head& h) {
      for (int64_t i = 0; i < p.queries; ++i) {
        double sum = 0;
        std::vector<double> mixed(static_cast<size_t>(p.depth));
        for (int64_t j = 0; j < p.keys; ++j) {
          const double e = std::exp(h.score(q, k, i, j));
          sum += e;
          for (int64_t d = 0; d < p.depth; ++d) mixed[static_cast<size_t>(d)] += e * h.kv(v, j, d);
        }
        log_sum[h.statistic(i)] = static_cast<float>(std::log(sum));
        bf16* to = static_cast<bf16*>(y) + ((h.image * p.queries + i) * p.heads + h.head) * p.depth;
        for (int64_t d = 0; d < p.depth; ++d)
          to[d] = static_cast<float>(mixed[static_cast<size_t>(d)] / sum);
      }
    });
  });
}

void fused_attention_backward(const FusedAttention& problem, const void* q, const void* k,
                              const void* v, const void* y, const float* log_sum, const void* dy,
                              void* dq, void* dk, void* dv) {
  emulated::run_or_record(stream(), [p = problem, q, k, v, y, log_sum, dy, dq, dk, dv] {
    for_heads(p, [&](const Head& h) {
      const auto index = [&](int64_t row, int64_t d) {
        return static_cast<size_t>(row * p.depth + d);
      };
      std::vector<double> gq(static_cast<size_t>(p.queries * p.depth)),
          gk(static_cast<size_t>(p.keys * p.depth)), gv(gk.size());
      for (int64_t i = 0; i < p.queries; ++i) {
        double dot = 0;
        for (int64_t d = 0; d < p.depth; ++d) dot += h.y(dy, i, d) * h.y(y, i, d);
        for (int64_t j = 0; j < p.keys; ++j) {
          const double weight = std::exp(h.score(q, k, i, j) - log_sum[h.statistic(i)]);
          double dp = 0;
          for (int64_t d = 0; d < p.depth; ++d) dp += h.y(dy, i, d) * h.kv(v, j, d);
          const double ds = weight * (dp - dot) * static_cast<double>(p.scale);
          for (int64_t d = 0; d < p.depth; ++d) {
            gq[index(i, d)] += ds * h.kv(k, j, d);
            gk[index(j, d)] += ds * h.q(q, i, d);
            gv[index(j, d)] += weight * h.y(dy, i, d);
          }
        }
      }
      const auto store = [&](void* to, const std::vector<double>& g, int64_t rows, int64_t image,
                             int64_t row) {
        for (int64_t i = 0; i < rows; ++i)
          for (int64_t d = 0; d < p.depth; ++d)
            static_cast<bf16*>(to)[h.image * image + i * row + h.head * p.depth + d] =
                static_cast<float>(g[index(i, d)]);
      };
      store(dq, gq, p.queries, p.q_image, p.q_row);
      store(dk, gk, p.keys, p.kv_image, p.kv_row);
      store(dv, gv, p.keys, p.kv_image, p.kv_row);
    });
  });
}

}  // namespace lspt::cuda
