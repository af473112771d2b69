/// Reverse-mode differentiation: a list of what was done, walked backwards once.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "engine/tensor.h"

namespace lspt {

/// Where a gradient gathers. It does not hold the value, so one node can stand for a value and for
/// a copy of it in another dtype (see ops/cast.h).
struct Node {
  Shape shape;
  DType dtype = DType::f32;  ///< of the gradient: f32 for parameters, the value's for activations
  Device device = Device::cpu;
  Tensor grad;  ///< empty = zero so far
};

/// A value, and a node if somebody wants its gradient. Without a node it is a constant: frozen
/// weights, images and everything computed from them alone.
struct Var {
  Tensor value;
  std::shared_ptr<Node> node;

  Var() = default;
  Var(Tensor constant) : value(std::move(constant)) {}  // NOLINT: a Tensor is a constant Var
  Var(Tensor v, std::shared_ptr<Node> n) : value(std::move(v)), node(std::move(n)) {}
  /// A leaf whose gradient is wanted; the gradient is f32 whatever the value's dtype.
  static Var trainable(Tensor value);

  explicit operator bool() const { return static_cast<bool>(value); }
  const Shape& shape() const { return value.shape(); }
  int64_t dim(int i) const { return value.dim(i); }
  DType dtype() const { return value.dtype(); }
  Device device() const { return value.device(); }
};

/// What a backward function sees: the gradients that have arrived, which ones are wanted, and
/// where they go.
class Backward {
 public:
  /// Gradient of output i, in the output's dtype; empty if nothing downstream used that output.
  const Tensor& grad(size_t output = 0) const;
  /// Whether nobody else sees grad(output): it may then be written over and passed on.
  bool owns_grad(size_t output = 0) const { return grad(output).use_count() == 1; }
  /// Memory of grad(output)'s layout for what is computed from it element by element: its own, if
  /// `owns_grad`, which the kernel then replaces as it reads.
  Tensor over_grad(size_t output = 0) const;
  /// Whether anybody will read the gradient of input i. Inputs count as record() was given them; an
  /// op names them in an enum.
  bool wanted(size_t input) const { return inputs_[input] != nullptr; }
  /// Adds `dx` to the gradient of input i (nothing happens if it is not wanted). The tensor may be
  /// a gradient that is passed on unchanged.
  void add(size_t input, const Tensor& dx);
  /// Memory where the gradient of input i gathers, for a kernel that can add to it itself: write
  /// if `beta` is 0, add if it is 1. Only when wanted.
  struct Sum {
    Tensor grad;
    float beta;
  };
  Sum into(size_t input);

 private:
  friend class Tape;
  Backward(const std::vector<std::shared_ptr<Node>>& inputs,
           const std::vector<std::shared_ptr<Node>>& outputs)
      : inputs_(inputs), outputs_(outputs) {}
  const std::vector<std::shared_ptr<Node>>& inputs_;
  const std::vector<std::shared_ptr<Node>>& outputs_;
};

using BackwardFunction = std::function<void(Backward&)>;

/// While a Tape is alive on this thread, ops record themselves on it. Evaluation has no Tape alive;
/// there is no train/eval flag. One at a time.
class Tape {
 public:
  Tape();
  ~Tape();
  Tape(const Tape&) = delete;
  Tape& operator=(const Tape&) = delete;
  static Tape* current();

  /// Walks the records from the last to the first, starting from dloss/dloss = 1 (`loss` has one
  /// element) or from `seed` (loss's shape). Each record is destroyed as it is passed, and with it
  /// what its op kept. Afterwards the leaves' nodes hold their gradients.
  void backward(const Var& loss, const Tensor& seed = {});
  size_t size() const { return records_.size(); }

 private:
  friend bool recording(std::initializer_list<const Var*>);
  friend void record(const char*, std::initializer_list<const Var*>, std::initializer_list<Var*>,
                     BackwardFunction);
  friend void record_sum(const char*, std::initializer_list<const Var*>, BackwardFunction);
  struct Record {
    const char* op;
    std::vector<std::shared_ptr<Node>> inputs, outputs;
    BackwardFunction backward;
  };
  std::vector<Record> records_;
};

/// Whether an op with these inputs will be recorded: a tape is alive and an input is no constant.
/// An op asks before it keeps anything.
bool recording(std::initializer_list<const Var*> inputs);

/// Gives every output a node and puts the op on the tape. Call only if `recording`.
void record(const char* op, std::initializer_list<const Var*> inputs,
            std::initializer_list<Var*> outputs, BackwardFunction backward);

/// Puts a function on the tape that backward calls when everything recorded after it has run: for a
/// gradient that many ops prepare and one product then makes (ops/lstm_cell.h).
void record_sum(const char* op, std::initializer_list<const Var*> inputs,
                BackwardFunction backward);

/// The usual case: one output.
inline Var record(const char* op, std::initializer_list<const Var*> inputs, Tensor output,
                  BackwardFunction backward) {
  Var y(std::move(output));
  record(op, inputs, {&y}, std::move(backward));
  return y;
}

}  // namespace lspt
