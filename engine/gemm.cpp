#include "engine/gemm.h"

#include <atomic>
#include <map>
#include <tuple>

#include "engine/derived.h"
#include "engine/onednn.h"
#include "engine/parallel.h"

namespace lspt {
namespace {

std::atomic<int64_t> operations{0};

using dnnl::memory;
using Tag = memory::format_tag;

memory::data_type type_of(DType type) {
  return type == DType::f32 ? memory::data_type::f32 : memory::data_type::bf16;
}

/// One product as oneDNN prepares it; made once for every different problem. What describes its
/// operands is kept too and only pointed elsewhere: made anew for attention's thousands of small
/// products it cost 1% of a step.
struct GemmPlan {
  dnnl::matmul::primitive_desc desc;
  dnnl::matmul primitive;
  std::unordered_map<int, memory> arguments;

  void add(int which, const memory::desc& layout) {
    arguments.emplace(which, memory(layout, onednn::engine(), nullptr));
  }
  void point(int which, const Tensor& at) { arguments.at(which).set_data_handle(at.raw()); }
};

struct GemmShape {
  int64_t m, n, k;
  bool transpose_a, transpose_b, sum, bias, residual, gelu, pack_b;
  DType in, out;
  int threads;
  auto operator<=>(const GemmShape&) const = default;
};

/// oneDNN's name for the residual: the operand of the only post-op, or of the one after the sum.
int residual_argument(const GemmShape& p) {
  return DNNL_ARG_ATTR_MULTIPLE_POST_OP(p.sum ? 1 : 0) | DNNL_ARG_SRC_1;
}

memory::desc packed_layout(const GemmShape& p) {
  // oneDNN 2.6 multiplies deep, narrow f32 products 1.6 times faster from a transposed matrix than
  // from its own blocked layout (1976 x 768 x 3072: 215 against 132 GFLOP/s on two Zen 4 cores).
  const bool transposed = p.in == DType::f32 && p.k >= 2 * p.n;
  return {{p.k, p.n}, type_of(p.in), transposed ? Tag::ba : Tag::any};
}

GemmPlan& plan_for(const GemmShape& p) {
  // Per thread: products inside a parallel loop are planned for one thread, and need no lock.
  thread_local std::map<GemmShape, GemmPlan> plans;
  if (const auto it = plans.find(p); it != plans.end()) return it->second;
  const auto in = type_of(p.in), out = type_of(p.out);
  const memory::desc a({p.m, p.k}, in, p.transpose_a ? Tag::ba : Tag::ab);
  const memory::desc b =
      p.pack_b ? packed_layout(p) : memory::desc({p.k, p.n}, in, p.transpose_b ? Tag::ba : Tag::ab);
  const memory::desc c({p.m, p.n}, out, Tag::ab);
  const memory::desc bias =
      p.bias ? memory::desc({1, p.n}, memory::data_type::f32, Tag::ab) : memory::desc();
  dnnl::post_ops after;
  if (p.sum) after.append_sum(1.0f);
  if (p.residual) after.append_binary(dnnl::algorithm::binary_add, c);
  if (p.gelu) onednn::append_gelu_erf(after);
  dnnl::primitive_attr attributes;
  attributes.set_post_ops(after);
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  const auto desc = onednn::matmul_desc(a, b, bias, c, attributes);
  GemmPlan plan{desc, dnnl::matmul(desc), {}};
  plan.add(DNNL_ARG_SRC, desc.src_desc());
  plan.add(DNNL_ARG_WEIGHTS, desc.weights_desc());
  plan.add(DNNL_ARG_DST, desc.dst_desc());
  plan.add(DNNL_ARG_SCRATCHPAD, desc.scratchpad_desc());
  if (p.bias) plan.add(DNNL_ARG_BIAS, bias);
  if (p.residual) plan.add(residual_argument(p), desc.dst_desc());
  return plans.emplace(p, std::move(plan)).first->second;
}

/// How a matrix was packed.
struct Packing {
  memory::desc layout;
  bool transpose;
  bool operator==(const Packing&) const = default;
};

/// B in the layout the plan wants, kept with B's memory.
Tensor pack(const GemmPlan& plan, const GemmShape& p, const Tensor& b) {
  const memory::desc layout = plan.desc.weights_desc();
  return derived(b, Packing{layout, p.transpose_b}, [&] {
    const Tensor packed({static_cast<int64_t>(layout.get_size() + 3) / 4});
    memory from({{p.k, p.n}, type_of(p.in), p.transpose_b ? Tag::ba : Tag::ab}, onednn::engine(),
                b.raw());
    memory to(layout, onednn::engine(), packed.raw());
    dnnl::reorder(from, to).execute(onednn::stream(), from, to);
    return packed;
  });
}

}  // namespace

int64_t operation_count() { return operations.load(); }
void count_operations(int64_t count) { operations += count; }

void gemm(const Tensor& c, const Tensor& a, bool transpose_a, const Tensor& b, bool transpose_b,
          const GemmOptions& options) {
  require(a.device() == c.device() && b.device() == c.device(), "gemm: a on ", name_of(a.device()),
          ", b on ", name_of(b.device()), ", c on ", name_of(c.device()));
  require(a.dtype() == b.dtype(), "gemm: a is ", name_of(a.dtype()), ", b ", name_of(b.dtype()));
  const int64_t m = transpose_a ? a.cols() : a.rows(), k = transpose_a ? a.rows() : a.cols();
  const int64_t n = transpose_b ? b.rows() : b.cols();
  require((transpose_b ? b.cols() : b.rows()) == k && c.rows() == m && c.cols() == n, "gemm: op(",
          a.shape(), ") op(", b.shape(), ") into ", c.shape());
  require(!options.bias || (options.bias.numel() == n && options.bias.dtype() == DType::f32),
          "gemm: bias ", options.bias.shape(), ", f32 (", n, ") expected");
  require(!options.residual ||
              (options.residual.numel() == m * n && options.residual.dtype() == c.dtype()),
          "gemm: residual ", options.residual.shape(), " for ", c.shape());
  require(!options.gelu || gemm_fuses_gelu(c.device()), "gemm: no GELU epilogue on this device");
  require(!options.residual || options.beta == 0.0f, "gemm: residual and beta together");
  if (m == 0 || n == 0) return;
  count_operations(2 * m * n * k);
  gemm_unchecked(c, a, transpose_a, b, transpose_b, options);
}

namespace cpu {

void gemm_unchecked(const Tensor& c, const Tensor& a, bool transpose_a, const Tensor& b,
                    bool transpose_b, const GemmOptions& options) {
  const int64_t m = c.rows(), n = c.cols(), k = transpose_a ? a.rows() : a.cols();
  // oneDNN has no product of f32 into bf16, and on older processors none of bf16 at all.
  if (a.dtype() == DType::bf16 ? !onednn::has_bf16() : c.dtype() == DType::bf16) {
    const Tensor wide = c.dtype() == DType::f32 ? c : to_dtype(c, DType::f32);
    GemmOptions same = options;
    same.residual = to_dtype(options.residual, DType::f32);
    same.pack_b = false;
    gemm_unchecked(wide, to_dtype(a, DType::f32), transpose_a, to_dtype(b, DType::f32), transpose_b,
                   same);
    if (c.dtype() != DType::f32) copy(c, wide);
    return;
  }
  // In f32 a matrix that lies transposed, as every forward product has its weight, is multiplied at
  // 96 to 98% of the rate of a packed one: not worth a second copy of the model.
  const bool pack_b = options.pack_b && !(a.dtype() == DType::f32 && transpose_b);
  const GemmShape problem{m,
                          n,
                          k,
                          transpose_a,
                          transpose_b,
                          options.beta != 0.0f,
                          static_cast<bool>(options.bias),
                          static_cast<bool>(options.residual),
                          options.gelu,
                          pack_b,
                          a.dtype(),
                          c.dtype(),
                          omp_in_parallel() ? 1 : thread_count()};
  GemmPlan& plan = plan_for(problem);
  const Tensor weights = pack_b ? pack(plan, problem, b) : b;
  Tensor own;
  Tensor& scratch = options.room ? *options.room : own;
  // Even of no bytes: how often a step allocates does not depend on its size
  // (train/memory/footprint.h).
  if (const size_t bytes = plan.desc.scratchpad_desc().get_size();
      !scratch || bytes > scratch.nbytes())
    scratch = Tensor({static_cast<int64_t>(bytes + 3) / 4});
  plan.point(DNNL_ARG_SRC, a);
  plan.point(DNNL_ARG_WEIGHTS, weights);
  plan.point(DNNL_ARG_DST, c);
  plan.point(DNNL_ARG_SCRATCHPAD, scratch);
  if (options.bias) plan.point(DNNL_ARG_BIAS, options.bias);
  if (options.residual) plan.point(residual_argument(problem), options.residual);
  plan.primitive.execute(onednn::stream(), plan.arguments);
}

}  // namespace cpu
}  // namespace lspt
