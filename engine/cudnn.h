/// cuDNN's graph interface, as much as fused attention needs of it: tensors and operations make a
/// Graph, cuDNN's heuristics and compiler make a Plan of it, a Plan runs on the stream. Only .cu
/// files include this.
#pragma once

#include <cudnn.h>

#include <array>
#include <deque>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/error.h"
#include "engine/library.h"

#define DNN(function) LSPT_FROM(::lspt::cuda::kCudnn, function)
static_assert(CUDNN_MAJOR == 9, "kCudnn names another version than the headers are of");

namespace lspt::cuda::cudnn {

inline std::string reason(cudnnStatus_t status) {
  char last[1024] = {};
  DNN(cudnnGetLastErrorString)(last, sizeof last);
  return std::string(DNN(cudnnGetErrorString)(status)) + (*last ? ", " : "") + last;
}

/// Throws Error(kInternal) with cuDNN's own words.
inline void check(cudnnStatus_t status, const char* call) {
  if (status != CUDNN_STATUS_SUCCESS) [[unlikely]]
    fail(ErrorKind::kInternal, "cuDNN: ", call, ": ", reason(status));
}

// The tag that goes with a value's C++ type when an attribute is set or read.
constexpr auto tag_of(int64_t) { return CUDNN_TYPE_INT64; }
constexpr auto tag_of(bool) { return CUDNN_TYPE_BOOLEAN; }
constexpr auto tag_of(cudnnDataType_t) { return CUDNN_TYPE_DATA_TYPE; }
constexpr auto tag_of(cudnnPointwiseMode_t) { return CUDNN_TYPE_POINTWISE_MODE; }
constexpr auto tag_of(cudnnReduceTensorOp_t) { return CUDNN_TYPE_REDUCTION_OPERATOR_TYPE; }
constexpr auto tag_of(cudnnBackendHeurMode_t) { return CUDNN_TYPE_HEUR_MODE; }
constexpr auto tag_of(cudnnHandle_t) { return CUDNN_TYPE_HANDLE; }

/// Owns what cuDNN calls a backend descriptor: a record that is filled, then finalized.
class Descriptor {
 public:
  explicit Descriptor(cudnnBackendDescriptorType_t type) {
    void* made = nullptr;
    check(DNN(cudnnBackendCreateDescriptor)(type, &made), "cudnnBackendCreateDescriptor");
    descriptor_.reset(made);
  }
  void* get() const { return descriptor_.get(); }

  void set(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t tag, size_t count,
           const void* values) {
    check(DNN(cudnnBackendSetAttribute)(get(), name, tag, static_cast<int64_t>(count), values),
          "cudnnBackendSetAttribute");
  }
  template <typename T>
  void set(cudnnBackendAttributeName_t name, T value) {
    set(name, tag_of(value), 1, &value);
  }
  void set(cudnnBackendAttributeName_t name, const std::vector<void*>& descriptors) {
    set(name, CUDNN_TYPE_BACKEND_DESCRIPTOR, descriptors.size(), descriptors.data());
  }
  void set(cudnnBackendAttributeName_t name, void* descriptor) {
    set(name, std::vector<void*>{descriptor});
  }

  /// Reads up to `count` values (descriptors must have been made); returns how many there are.
  int64_t read(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t tag, int64_t count,
               void* values) const {
    int64_t there = 0;
    check(DNN(cudnnBackendGetAttribute)(get(), name, tag, count, &there, values),
          "cudnnBackendGetAttribute");
    return there;
  }

  cudnnStatus_t try_finalize() { return DNN(cudnnBackendFinalize)(get()); }
  void finalize() { check(try_finalize(), "cudnnBackendFinalize"); }

 private:
  struct Destroy {
    void operator()(void* descriptor) const { DNN(cudnnBackendDestroyDescriptor)(descriptor); }
  };
  std::unique_ptr<void, Destroy> descriptor_;
};

/// Where a plan is to run.
struct Target {
  explicit Target(cudnnHandle_t device) : handle(device) {}
  /// A device that need not be there, by the JSON of CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION:
  /// plans for it are found and compiled, and cannot be run.
  explicit Target(const std::string& json) : description(CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR) {
    description->set(CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION, CUDNN_TYPE_CHAR, json.size(),
                     json.data());
    description->finalize();
  }
  cudnnHandle_t handle = nullptr;
  std::optional<Descriptor> description;
};

using Extents = std::array<int64_t, 4>;

/// A tensor of a graph.
struct Node {
  Extents extents, strides;  // in elements
  void* descriptor;          // the graph's
};

/// The pointer for a tensor of a graph, by the id that the tensor was given.
struct Binding {
  int64_t id;
  const void* pointer;
};

/// A compiled graph.
class Plan {
 public:
  explicit Plan(Descriptor finalized) : plan_(std::move(finalized)) {
    plan_.read(CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE, CUDNN_TYPE_INT64, 1, &workspace_);
  }
  int64_t workspace() const { return workspace_; }  ///< bytes

  /// Puts it on the handle's stream. `bindings` names every tensor that is not between two
  /// operations, numbers by host pointers; `workspace` is device memory of workspace() bytes.
  void run(cudnnHandle_t handle, std::initializer_list<Binding> bindings, void* workspace) const {
    std::vector<int64_t> ids;
    std::vector<const void*> pointers;
    for (const Binding& binding : bindings) {
      ids.push_back(binding.id);
      pointers.push_back(binding.pointer);
    }
    Descriptor pack(CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR);
    pack.set(CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, CUDNN_TYPE_INT64, ids.size(), ids.data());
    pack.set(CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, CUDNN_TYPE_VOID_PTR, pointers.size(),
             pointers.data());
    pack.set(CUDNN_ATTR_VARIANT_PACK_WORKSPACE, CUDNN_TYPE_VOID_PTR, 1, &workspace);
    pack.finalize();
    check(DNN(cudnnBackendExecute)(handle, plan_.get(), pack.get()), "cudnnBackendExecute");
  }

  /// Names of the kernels compiled for it, with + between them. It may launch fixed ones besides.
  std::string kernels() const {
    constexpr auto kJson = CUDNN_ATTR_EXECUTION_PLAN_JSON_REPRESENTATION;
    std::string json(static_cast<size_t>(plan_.read(kJson, CUDNN_TYPE_CHAR, 0, nullptr)), '\0');
    plan_.read(kJson, CUDNN_TYPE_CHAR, static_cast<int64_t>(json.size()), json.data());
    const std::string key = "\"kernelName\":\"";
    std::string names;
    for (size_t at = 0; (at = json.find(key, at)) != std::string::npos;) {
      at += key.size();
      names += (names.empty() ? "" : "+") + json.substr(at, json.find('"', at) - at);
    }
    return names;
  }

 private:
  Descriptor plan_;
  int64_t workspace_ = 0;
};

/// Operations on tensors of rank 4, computed in f32. Each returns its result: the tensor given
/// last, or one between operations, which is f32 and never in memory.
class Graph {
 public:
  /// In device memory, from a multiple of 16 bytes on.
  Node tensor(int64_t id, cudnnDataType_t type, const Extents& extents, const Extents& strides) {
    return add_tensor(id, type, extents, strides, Place::device);
  }
  /// An f32 in host memory.
  Node number(int64_t id) {
    return add_tensor(id, CUDNN_DATA_FLOAT, {1, 1, 1, 1}, {1, 1, 1, 1}, Place::host);
  }
  /// Between operations, row-major.
  Node between(cudnnDataType_t type, const Extents& e) {
    return add_tensor(next_id_++, type, e, {e[1] * e[2] * e[3], e[2] * e[3], e[3], 1},
                      Place::nowhere);
  }

  /// a b in the last two dimensions.
  Node matmul(const Node& a, const Node& b) {
    return matmul(
        a, b, between(CUDNN_DATA_FLOAT, {a.extents[0], a.extents[1], a.extents[2], b.extents[3]}));
  }
  Node matmul(const Node& a, const Node& b, const Node& out) {
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
  Node pointwise(cudnnPointwiseMode_t f, const Node& a) {
    return pointwise(f, a, nullptr, between(CUDNN_DATA_FLOAT, a.extents));
  }
  Node pointwise(cudnnPointwiseMode_t f, const Node& a, const Node& b) {
    return pointwise(f, a, &b, between(CUDNN_DATA_FLOAT, a.extents));
  }
  Node pointwise(cudnnPointwiseMode_t f, const Node& a, const Node& b, const Node& out) {
    return pointwise(f, a, &b, out);
  }

  /// Sum or maximum over the last dimension, which keeps one entry.
  Node reduce(cudnnReduceTensorOp_t f, const Node& a) {
    const Node out = between(CUDNN_DATA_FLOAT, {a.extents[0], a.extents[1], a.extents[2], 1});
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
  Node transpose(const Node& a, cudnnDataType_t type) {
    const Node out =
        add_tensor(next_id_++, type, swapped(a.extents), swapped(a.strides), Place::nowhere);
    Descriptor operation(CUDNN_BACKEND_OPERATION_RESHAPE_DESCRIPTOR);
    operation.set(CUDNN_ATTR_OPERATION_RESHAPE_XDESC, a.descriptor);
    operation.set(CUDNN_ATTR_OPERATION_RESHAPE_YDESC, out.descriptor);
    add(std::move(operation));
    return out;
  }

  /// The first of cuDNN's proposals that can be compiled; throws with its last reason if none can.
  Plan compile(const Target& target) const {
    std::string why = "no proposal";
    for (const auto mode : {CUDNN_HEUR_MODE_A, CUDNN_HEUR_MODE_FALLBACK}) {
      for (const Descriptor& proposal : proposals(mode, target, why)) {
        Descriptor plan(CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR);
        plan.set(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, proposal.get());
        if (target.handle) plan.set(CUDNN_ATTR_EXECUTION_PLAN_HANDLE, target.handle);
        if (target.description)
          plan.set(CUDNN_ATTR_EXECUTION_PLAN_DEVICEPROP, target.description->get());
        const cudnnStatus_t status = plan.try_finalize();
        if (status == CUDNN_STATUS_SUCCESS) return Plan(std::move(plan));
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

  Node add_tensor(int64_t id, cudnnDataType_t type, const Extents& extents, const Extents& strides,
                  Place place) {
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

  Node pointwise(cudnnPointwiseMode_t f, const Node& a, const Node* b, const Node& out) {
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
