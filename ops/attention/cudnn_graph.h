/// cuDNN's graph interface: operations on tensors make a Graph, cuDNN's heuristics and compiler
/// make a CompiledGraph of it. Only .cu files include this.
#pragma once

#include "ops/attention/cudnn.h"

namespace lspt::cuda::cudnn {

/// Operations on tensors of rank 4, computed in f32. Each returns its result: the tensor given
/// last, or one between operations, which is f32 and never in memory.
class Graph {
 public:
  /// In device memory, from a multiple of 16 bytes on.
  GraphTensor tensor(int64_t id, cudnnDataType_t type, const Extents& extents,
                     const Extents& strides) {
    return add_tensor(id, type, extents, strides, Place::device);
  }
  /// An f32 in host memory.
  GraphTensor number(int64_t id) {
    return add_tensor(id, CUDNN_DATA_FLOAT, {1, 1, 1, 1}, {1, 1, 1, 1}, Place::host);
  }
  /// Between operations, row-major.
  GraphTensor between(cudnnDataType_t type, const Extents& e) {
    return add_tensor(next_id_++, type, e, {e[1] * e[2] * e[3], e[2] * e[3], e[3], 1},
                      Place::nowhere);
  }

  /// a b in the last two dimensions.
  GraphTensor matmul(const GraphTensor& a, const GraphTensor& b) {
    return matmul(
        a, b, between(CUDNN_DATA_FLOAT, {a.extents[0], a.extents[1], a.extents[2], b.extents[3]}));
  }
  GraphTensor matmul(const GraphTensor& a, const GraphTensor& b, const GraphTensor& out) {
    Descriptor settings(CUDNN_BACKEND_MATMUL_DESCRIPTOR);
    settings.set(CUDNN_ATTR_MATMUL_COMP_TYPE, CUDNN_DATA_FLOAT);
    Descriptor operation(CUDNN_BACKEND_OPERATION_MATMUL_DESCRIPTOR);
    operation.set(CUDNN_ATTR_OPERATION_MATMUL_ADESC, a.descriptor);
    operation.set(CUDNN_ATTR_OPERATION_MATMUL_BDESC, b.descriptor);
    operation.set(CUDNN_ATTR_OPERATION_MATMUL_CDESC, out.descriptor);
    add(std::move(operation), CUDNN_ATTR_OPERATION_MATMUL_DESC, std::move(settings));
    return out;
  }

  /// f(a), or f(a, b) with b repeated along dimensions where it has one entry.
  GraphTensor pointwise(cudnnPointwiseMode_t f, const GraphTensor& a) {
    return pointwise(f, a, nullptr, between(CUDNN_DATA_FLOAT, a.extents));
  }
  GraphTensor pointwise(cudnnPointwiseMode_t f, const GraphTensor& a, const GraphTensor& b) {
    return pointwise(f, a, &b, between(CUDNN_DATA_FLOAT, a.extents));
  }
  GraphTensor pointwise(cudnnPointwiseMode_t f, const GraphTensor& a, const GraphTensor& b,
                        const GraphTensor& out) {
    return pointwise(f, a, &b, out);
  }

  /// Sum or maximum over the last dimension, which keeps one entry.
  GraphTensor reduce(cudnnReduceTensorOp_t f, const GraphTensor& a) {
    const GraphTensor out =
        between(CUDNN_DATA_FLOAT, {a.extents[0], a.extents[1], a.extents[2], 1});
    Descriptor settings(CUDNN_BACKEND_REDUCTION_DESCRIPTOR);
    settings.set(CUDNN_ATTR_REDUCTION_OPERATOR, f);
    settings.set(CUDNN_ATTR_REDUCTION_COMP_TYPE, CUDNN_DATA_FLOAT);
    Descriptor operation(CUDNN_BACKEND_OPERATION_REDUCTION_DESCRIPTOR);
    operation.set(CUDNN_ATTR_OPERATION_REDUCTION_XDESC, a.descriptor);
    operation.set(CUDNN_ATTR_OPERATION_REDUCTION_YDESC, out.descriptor);
    add(std::move(operation), CUDNN_ATTR_OPERATION_REDUCTION_DESC, std::move(settings));
    return out;
  }

  /// The same elements with the last two dimensions exchanged, as `type`.
  GraphTensor transpose(const GraphTensor& a, cudnnDataType_t type) {
    const GraphTensor out =
        add_tensor(next_id_++, type, swapped(a.extents), swapped(a.strides), Place::nowhere);
    Descriptor operation(CUDNN_BACKEND_OPERATION_RESHAPE_DESCRIPTOR);
    operation.set(CUDNN_ATTR_OPERATION_RESHAPE_XDESC, a.descriptor);
    operation.set(CUDNN_ATTR_OPERATION_RESHAPE_YDESC, out.descriptor);
    add(std::move(operation));
    return out;
  }

  /// The first of cuDNN's proposals that can be compiled; throws with its last reason if none can.
  CompiledGraph compile(const Target& target) const {
    std::string why = "no proposal";
    for (const auto mode : {CUDNN_HEUR_MODE_A, CUDNN_HEUR_MODE_FALLBACK}) {
      for (const Descriptor& proposal : proposals(mode, target, why)) {
        Descriptor plan(CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR);
        plan.set(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, proposal.get());
        if (target.handle) plan.set(CUDNN_ATTR_EXECUTION_PLAN_HANDLE, target.handle);
        if (target.description)
          plan.set(CUDNN_ATTR_EXECUTION_PLAN_DEVICEPROP, target.description->get());
        const cudnnStatus_t status = plan.try_finalize();
        if (status == CUDNN_STATUS_SUCCESS) return CompiledGraph(std::move(plan));
        why = reason(status);
      }
    }
    fail(ErrorKind::kInternal, "cuDNN has no engine: ", why);
  }

 private:
  enum class Place { device, host, nowhere };

  static Extents swapped(Extents x) {
    std::swap(x[2], x[3]);
    return x;
  }

  void* keep(Descriptor descriptor) {
    descriptor.finalize();
    return kept_.emplace_back(std::move(descriptor)).get();
  }

  GraphTensor add_tensor(int64_t id, cudnnDataType_t type, const Extents& extents,
                         const Extents& strides, Place place) {
    Descriptor tensor(CUDNN_BACKEND_TENSOR_DESCRIPTOR);
    tensor.set(CUDNN_ATTR_TENSOR_UNIQUE_ID, id);
    tensor.set(CUDNN_ATTR_TENSOR_DATA_TYPE, type);
    tensor.set(CUDNN_ATTR_TENSOR_DIMENSIONS, CUDNN_TYPE_INT64, extents.size(), extents.data());
    tensor.set(CUDNN_ATTR_TENSOR_STRIDES, CUDNN_TYPE_INT64, strides.size(), strides.data());
    tensor.set(CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, int64_t{place == Place::host ? 4 : 16});
    tensor.set(CUDNN_ATTR_TENSOR_IS_VIRTUAL, place == Place::nowhere);
    tensor.set(CUDNN_ATTR_TENSOR_IS_BY_VALUE, place == Place::host);
    return {extents, strides, keep(std::move(tensor))};
  }

  void add(Descriptor operation) { operations_.push_back(keep(std::move(operation))); }
  void add(Descriptor operation, cudnnBackendAttributeName_t name, Descriptor settings) {
    operation.set(name, keep(std::move(settings)));
    add(std::move(operation));
  }

  GraphTensor pointwise(cudnnPointwiseMode_t f, const GraphTensor& a, const GraphTensor* b,
                        const GraphTensor& out) {
    Descriptor settings(CUDNN_BACKEND_POINTWISE_DESCRIPTOR);
    settings.set(CUDNN_ATTR_POINTWISE_MODE, f);
    settings.set(CUDNN_ATTR_POINTWISE_MATH_PREC, CUDNN_DATA_FLOAT);
    Descriptor operation(CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR);
    operation.set(CUDNN_ATTR_OPERATION_POINTWISE_XDESC, a.descriptor);
    if (b) operation.set(CUDNN_ATTR_OPERATION_POINTWISE_BDESC, b->descriptor);
    operation.set(CUDNN_ATTR_OPERATION_POINTWISE_YDESC, out.descriptor);
    add(std::move(operation), CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, std::move(settings));
    return out;
  }

  /// Engines with their settings, best first; empty, and why, if cuDNN has none to propose.
  std::vector<Descriptor> proposals(cudnnBackendHeurMode_t mode, const Target& target,
                                    std::string& why) const {
    Descriptor graph(CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR);
    graph.set(CUDNN_ATTR_OPERATIONGRAPH_OPS, operations_);
    if (target.handle) graph.set(CUDNN_ATTR_OPERATIONGRAPH_HANDLE, target.handle);
    graph.finalize();
    Descriptor heuristics(CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR);
    heuristics.set(CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, graph.get());
    heuristics.set(CUDNN_ATTR_ENGINEHEUR_MODE, mode);
    if (target.description)
      heuristics.set(CUDNN_ATTR_ENGINEHEUR_DEVICEPROP, target.description->get());
    std::vector<Descriptor> found;
    if (const cudnnStatus_t status = heuristics.try_finalize(); status != CUDNN_STATUS_SUCCESS) {
      why = reason(status);
      return found;
    }
    constexpr auto kResults = CUDNN_ATTR_ENGINEHEUR_RESULTS;
    std::vector<void*> raw;
    for (int64_t i = heuristics.read(kResults, CUDNN_TYPE_BACKEND_DESCRIPTOR, 0, nullptr); i > 0;
         --i)
      raw.push_back(found.emplace_back(CUDNN_BACKEND_ENGINECFG_DESCRIPTOR).get());
    if (!raw.empty()) {
      const auto count = static_cast<int64_t>(raw.size());
      const int64_t filled =
          heuristics.read(kResults, CUDNN_TYPE_BACKEND_DESCRIPTOR, count, raw.data());
      found.erase(found.begin() + filled, found.end());
    }
    return found;
  }

  std::deque<Descriptor> kept_;    // tensors and operations, which refer to each other
  std::vector<void*> operations_;  // among them
  int64_t next_id_ = 1000;         // of tensors between operations; callers' ids are smaller
};

}  // namespace lspt::cuda::cudnn
