/// What differs between oneDNN 2.x (Debian 12) and 3.x, and what every use of it shares.
#pragma once

#include <dnnl.hpp>

namespace lspt::onednn {

/// The CPU engine, and a stream of the calling thread's own.
dnnl::engine& engine();
dnnl::stream& stream();

/// Whether this processor has oneDNN's bf16 products (AVX-512 and newer). Without them bf16 data
/// is widened and multiplied in f32.
bool has_bf16();

dnnl::matmul::primitive_desc matmul_desc(const dnnl::memory::desc& a, const dnnl::memory::desc& b,
                                         const dnnl::memory::desc& bias,
                                         const dnnl::memory::desc& c,
                                         const dnnl::primitive_attr& attributes);
void append_gelu_erf(dnnl::post_ops& operations);

}  // namespace lspt::onednn
