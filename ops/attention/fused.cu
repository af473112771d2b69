// Attention by cuDNN's fused kernels. cuDNN has no call "attention": it recognises the graph of
// operations that make it, and compiles a kernel for a problem's sizes. Here are those graphs,
// what is kept of the compiled plans (one a problem, found and built once), and which versions
// of the library are not asked. Backward takes the variant that gives the same bits every time.
#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "engine/cuda.cuh"
#include "engine/notice.h"
#include "ops/attention/cudnn_graph.h"
#include "ops/attention/fused.h"

namespace lspt::cuda {
namespace {

using cudnn::Graph, cudnn::GraphTensor;

constexpr auto kF32 = CUDNN_DATA_FLOAT;
constexpr auto kBf16 = CUDNN_DATA_BFLOAT16;
constexpr auto kAdd = CUDNN_POINTWISE_ADD, kSub = CUDNN_POINTWISE_SUB, kMul = CUDNN_POINTWISE_MUL,
               kDiv = CUDNN_POINTWISE_DIV, kExp = CUDNN_POINTWISE_EXP, kLog = CUDNN_POINTWISE_LOG;
constexpr auto kSum = CUDNN_REDUCE_TENSOR_ADD, kMax = CUDNN_REDUCE_TENSOR_MAX;

enum Id : int64_t { kQ = 1, kK, kV, kY, kLogSum, kDy, kDq, kDk, kDv, kDots, kScale, kOne };

/// Tensors of a problem as cuDNN wants to see them: (batch, heads, rows, depth), or, for the second
/// factor of a product with a transposed one, (batch, heads, depth, rows).
struct Tensors {
  Graph& graph;
  const FusedAttention& p;

  GraphTensor of_q(Id id) const {
    return graph.tensor(id, kBf16, {p.batch, p.heads, p.queries, p.depth},
                        {p.q_image, p.depth, p.q_row, 1});
  }
  GraphTensor of_kv(Id id) const {
    return graph.tensor(id, kBf16, {p.batch, p.heads, p.keys, p.depth},
                        {p.kv_image, p.depth, p.kv_row, 1});
  }
  GraphTensor of_kv_transposed(Id id) const {
    return graph.tensor(id, kBf16, {p.batch, p.heads, p.depth, p.keys},
                        {p.kv_image, p.depth, 1, p.kv_row});
  }
  GraphTensor of_y(Id id) const {
    const int64_t width = p.heads * p.depth;
    return graph.tensor(id, kBf16, {p.batch, p.heads, p.queries, p.depth},
                        {p.queries * width, p.depth, width, 1});
  }
  GraphTensor of_rows(Id id) const {
    return graph.tensor(id, kF32, {p.batch, p.heads, p.queries, 1},
                        {p.heads * p.queries, p.queries, 1, 1});
  }
};

// cuDNN's attention kernels are found by the form of the whole graph, so each operation below is
// needed even where mathematics could do without it (the product with one).

Graph forward_graph(const FusedAttention& problem) {
  Graph g;
  const Tensors t{g, problem};
  const GraphTensor q = t.of_q(kQ), k_t = t.of_kv_transposed(kK), v = t.of_kv(kV);
  // s = scale q k^T,  e = exp(s - max s)
  const GraphTensor s = g.pointwise(kMul, g.matmul(q, k_t), g.number(kScale));
  const GraphTensor largest = g.reduce(kMax, s);
  const GraphTensor e = g.pointwise(kExp, g.pointwise(kSub, s, largest));
  // log_sum = max s + log sum e
  const GraphTensor sum = g.reduce(kSum, e);
  g.pointwise(kAdd, largest, g.pointwise(kLog, sum), t.of_rows(kLogSum));
  // y = (e / sum e) v
  const GraphTensor p = g.pointwise(kDiv, e, sum, g.between(kBf16, e.extents));
  g.matmul(p, v, t.of_y(kY));
  return g;
}

Graph backward_graph(const FusedAttention& problem) {
  Graph g;
  const Tensors t{g, problem};
  const GraphTensor q = t.of_q(kQ), k_t = t.of_kv_transposed(kK), v_t = t.of_kv_transposed(kV);
  const GraphTensor y = t.of_y(kY), dy = t.of_y(kDy), scale = g.number(kScale);
  // dots = rowsum(dy y)
  const GraphTensor sum = g.reduce(kSum, g.pointwise(kMul, dy, y));
  const GraphTensor dots = g.pointwise(kMul, sum, g.number(kOne), t.of_rows(kDots));
  // p = exp(scale q k^T - log_sum)
  const GraphTensor s = g.pointwise(kMul, g.matmul(q, k_t), scale);
  const GraphTensor p = g.pointwise(kExp, g.pointwise(kSub, s, t.of_rows(kLogSum)));
  // dv = p^T dy
  g.matmul(g.transpose(p, kBf16), dy, t.of_kv(kDv));
  // ds = scale p (dy v^T - dots)
  const GraphTensor dp = g.pointwise(kSub, g.matmul(dy, v_t), dots);
  const GraphTensor ds =
      g.pointwise(kMul, g.pointwise(kMul, dp, p), scale, g.between(kBf16, p.extents));
  // dk = ds^T q
  g.matmul(g.transpose(ds, kBf16), q, t.of_kv(kDk));
  // dq = ds k
  g.matmul(ds, g.transpose(k_t, kBf16), t.of_q(kDq));
  return g;
}

Graph graph_of(const FusedAttention& problem, bool backward) {
  return backward ? backward_graph(problem) : forward_graph(problem);
}

std::string to_string(const FusedAttention& p) {
  return std::to_string(p.batch) + " images, " + std::to_string(p.heads) + " heads of " +
         std::to_string(p.depth) + ", " + std::to_string(p.queries) + " queries, " +
         std::to_string(p.keys) + " keys";
}

cudnnHandle_t cudnn_handle() {
  static const cudnnHandle_t instance = [] {
    cudnnHandle_t made{};
    cudnn::check(DNN(cudnnCreate)(&made), "cudnnCreate");
    cudnn::check(DNN(cudnnSetStream)(made, stream()), "cudnnSetStream");
    return made;
  }();
  return instance;
}

struct Entry {
  std::optional<cudnn::CompiledGraph> plan;
  std::string why_not;
};

/// The plan for this device, made when it is first asked for. Scale is no part of a plan: it may be
/// learned and then differs in every step.
const Entry& entry_of(FusedAttention problem, bool backward) {
  static auto& entries = *new std::map<std::pair<FusedAttention, bool>, Entry>;
  problem.scale = 0;
  const auto [it, is_new] = entries.try_emplace({problem, backward});
  Entry& entry = it->second;
  if (!is_new) return entry;
  try {
    entry.why_not = !fused_attention_fits(problem)
                        ? "sizes or layout are beyond its limits"
                        : fused_attention_refused(problem, backward, DNN(cudnnGetVersion)(),
                                                  compute_capability());
    if (entry.why_not.empty())
      entry.plan = graph_of(problem, backward).compile(cudnn::Target(cudnn_handle()));
  } catch (const Error& error) {
    entry.why_not = error.what();
  }
  if (!entry.plan)
    notice(std::string("attention in bf16, ") + (backward ? "backward" : "forward") +
           ", by kernels of our own, several times slower than cuDNN's: " + entry.why_not);
  return entry;
}

void run(const FusedAttention& problem, bool backward,
         std::initializer_list<cudnn::Binding> bindings) {
  const Entry& entry = entry_of(problem, backward);
  require(entry.plan.has_value(), "fused attention of ", to_string(problem), ": ", entry.why_not);
  for (const cudnn::Binding& binding : bindings)
    require(binding.id >= kScale || reinterpret_cast<uintptr_t>(binding.pointer) % 16 == 0,
            "fused attention: tensor ", binding.id, " is not at a multiple of 16 bytes");
  const Tensor workspace({(entry.plan->workspace() + 3) / 4}, DType::f32, Device::cuda);
  entry.plan->run(cudnn_handle(), bindings, workspace.raw());
  launched();
}

/// Elements of bf16 tensors that lie like q, and like k or v.
int64_t q_elements(const FusedAttention& p) { return p.batch * p.queries * p.heads * p.depth; }
int64_t kv_elements(const FusedAttention& p) { return p.batch * p.keys * p.heads * p.depth; }
int64_t rows(const FusedAttention& p) { return p.batch * p.heads * p.queries; }

}  // namespace

bool fused_attention_fits(const FusedAttention& p) {
  if (p.batch <= 0 || p.heads <= 0 || p.queries <= 0 || p.keys <= 0 || p.depth <= 0) return false;
  for (const int64_t distance : {p.depth, p.q_row, p.q_image, p.kv_row, p.kv_image})
    if (distance % 8 != 0) return false;
  // Kernels fail silently beyond this batch (pytorch/pytorch#180718); one query of one key is
  // refused by cuDNN's front end.
  if (p.depth > 128 || p.batch > 65535 || (p.queries == 1 && p.keys == 1)) return false;
  // How wide the kernels' indices are is not documented; ds is the largest array.
  const int64_t scores = p.heads * ((p.queries + 63) / 64 * 64) * ((p.keys + 127) / 128 * 128);
  return p.batch * std::max({p.q_image, p.kv_image, scores}) < (int64_t{1} << 31);
}

std::string fused_attention_refused(const FusedAttention& problem, bool backward, size_t version,
                                    int capability) {
  const std::string name = "cuDNN " + std::to_string(version / 10000) + "." +
                           std::to_string(version / 100 % 100) + "." +
                           std::to_string(version % 100);
  const std::string card = "sm_" + std::to_string(capability);
  if (capability < 80) return card + " has no bf16";
  if (version < 90000 || version == 91000 || version == 91001) return name + " computes it wrong";
  if (!backward) return "";
  if (version < 91501 && problem.keys % 128 != 0)
    return name + " computes it wrong where tokens and prompts (" + std::to_string(problem.keys) +
           ") are no multiple of 128; 9.15.1 does not";
  // For the same bits every time on Blackwell the front end pins an engine; that is not done here.
  if (capability >= 100 && capability < 120) return name + " has no repeatable one for " + card;
  return "";
}

bool fused_attention_usable(const FusedAttention& problem, bool backward) {
  return entry_of(problem, backward).plan.has_value();
}

void fused_attention_forward(const FusedAttention& problem, const void* q, const void* k,
                             const void* v, void* y, float* log_sum) {
  const OpScope op("fused attention",
                   2 * (2 * q_elements(problem) + 2 * kv_elements(problem)) + 4 * rows(problem),
                   4 * rows(problem) * problem.keys * problem.depth);
  run(problem, false,
      {{kQ, q}, {kK, k}, {kV, v}, {kY, y}, {kLogSum, log_sum}, {kScale, &problem.scale}});
}

void fused_attention_backward(const FusedAttention& problem, const void* q, const void* k,
                              const void* v, const void* y, const float* log_sum, const void* dy,
                              void* dq, void* dk, void* dv) {
  const OpScope op("fused attention backward",
                   2 * (4 * q_elements(problem) + 4 * kv_elements(problem)) + 4 * rows(problem),
                   10 * rows(problem) * problem.keys * problem.depth);
  const Tensor dots({rows(problem)}, DType::f32, Device::cuda);
  const float one = 1;
  run(problem, true,
      {{kQ, q},
       {kK, k},
       {kV, v},
       {kY, y},
       {kLogSum, log_sum},
       {kDy, dy},
       {kDq, dq},
       {kDk, dk},
       {kDv, dv},
       {kDots, dots.raw()},
       {kScale, &problem.scale},
       {kOne, &one}});
}

FusedPlanInfo fused_attention_plan(const FusedAttention& problem, bool backward,
                                   const std::string& device_json) {
  const cudnn::CompiledGraph plan = graph_of(problem, backward).compile(cudnn::Target(device_json));
  return {plan.kernels(), plan.workspace()};
}

}  // namespace lspt::cuda
