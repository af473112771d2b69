#include "engine/onednn.h"

namespace lspt::onednn {

dnnl::engine& engine() {
  static dnnl::engine instance(dnnl::engine::kind::cpu, 0);
  return instance;
}

dnnl::stream& stream() {
  thread_local dnnl::stream instance(engine());
  return instance;
}

bool has_bf16() {
  static const bool answer = [] {
    const dnnl::memory::desc matrix({64, 64}, dnnl::memory::data_type::bf16,
                                    dnnl::memory::format_tag::ab);
    try {
      matmul_desc(matrix, matrix, {}, matrix, {});
      return true;
    } catch (const dnnl::error&) {
      return false;
    }
  }();
  return answer;
}

#if DNNL_VERSION_MAJOR >= 3

dnnl::matmul::primitive_desc matmul_desc(const dnnl::memory::desc& a, const dnnl::memory::desc& b,
                                         const dnnl::memory::desc& bias,
                                         const dnnl::memory::desc& c,
                                         const dnnl::primitive_attr& attributes) {
  if (bias.is_zero()) return {engine(), a, b, c, attributes};
  return {engine(), a, b, bias, c, attributes};
}

void append_gelu_erf(dnnl::post_ops& operations) {
  operations.append_eltwise(dnnl::algorithm::eltwise_gelu_erf, 0.0f, 0.0f);
}

#else

dnnl::matmul::primitive_desc matmul_desc(const dnnl::memory::desc& a, const dnnl::memory::desc& b,
                                         const dnnl::memory::desc& bias,
                                         const dnnl::memory::desc& c,
                                         const dnnl::primitive_attr& attributes) {
  if (bias.is_zero()) return {{a, b, c}, attributes, engine()};
  return {{a, b, bias, c}, attributes, engine()};
}

void append_gelu_erf(dnnl::post_ops& operations) {
  operations.append_eltwise(1.0f, dnnl::algorithm::eltwise_gelu_erf, 0.0f, 0.0f);
}

#endif

}  // namespace lspt::onednn
