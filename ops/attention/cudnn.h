/// cuDNN's backend, as much as fused attention needs of it: the descriptors that everything is said
/// with, and compiled plans, which run on the stream. Only .cu files include this.
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

namespace lspt::cuda::cudnn {

inline constexpr const char* kLibrary = LSPT_SONAME("cudnn", CUDNN_MAJOR);
#define DNN(function) LSPT_FROM(::lspt::cuda::cudnn::kLibrary, function)

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
struct GraphTensor {
  Extents extents, strides;  // in elements
  void* descriptor;          // the graph's
};

/// The pointer for a tensor of a graph, by the id that the tensor was given.
struct Binding {
  int64_t id;
  const void* pointer;
};

/// A compiled graph.
class CompiledGraph {
 public:
  explicit CompiledGraph(Descriptor finalized) : plan_(std::move(finalized)) {
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

}  // namespace lspt::cuda::cudnn
