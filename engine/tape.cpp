#include "engine/tape.h"

#include "engine/accumulate.h"

namespace lspt {
namespace {
thread_local Tape* current_tape = nullptr;
}

Var Var::trainable(Tensor value) {
  auto node = std::make_shared<Node>(Node{value.shape(), DType::f32, value.device(), {}});
  return Var(std::move(value), std::move(node));
}

const Tensor& Backward::grad(size_t output) const { return outputs_[output]->grad; }

Tensor Backward::over_grad(size_t output) const {
  const Tensor& dy = grad(output);
  return owns_grad(output) ? dy : Tensor(dy.shape(), dy.dtype(), dy.device());
}

void Backward::add(size_t input, const Tensor& dx) {
  if (!wanted(input)) return;
  Node& node = *inputs_[input];
  require(dx.shape() == node.shape, "backward: gradient ", dx.shape(), " for a value ", node.shape);
  if (!node.grad) {
    node.grad = dx.dtype() == node.dtype ? dx : to_dtype(dx, node.dtype);
    return;
  }
  if (node.grad.use_count() > 1) {  // somebody else can see it: a gradient that was passed on
    Tensor sum(node.shape, node.dtype, node.grad.device());
    accumulate(sum, node.grad, 0.0f);
    node.grad = sum;
  }
  accumulate(node.grad, dx, 1.0f);
}

Backward::Sum Backward::into(size_t input) {
  require(wanted(input), "backward: into() of an input whose gradient nobody wants");
  Node& node = *inputs_[input];
  if (!node.grad) {
    node.grad = Tensor(node.shape, node.dtype, node.device);
    return {node.grad, 0.0f};
  }
  if (node.grad.use_count() > 1) {
    Tensor sum(node.shape, node.dtype, node.grad.device());
    accumulate(sum, node.grad, 0.0f);
    node.grad = sum;
  }
  return {node.grad, 1.0f};
}

Tape::Tape() {
  require(current_tape == nullptr, "tape: another one is alive on this thread");
  current_tape = this;
}

Tape::~Tape() { current_tape = nullptr; }

Tape* Tape::current() { return current_tape; }

bool recording(std::initializer_list<const Var*> inputs) {
  if (!current_tape) return false;
  for (const Var* input : inputs)
    if (input->node) return true;
  return false;
}

void record(const char* op, std::initializer_list<const Var*> inputs,
            std::initializer_list<Var*> outputs, BackwardFunction backward) {
  Tape::Record entry{op, {}, {}, std::move(backward)};
  for (const Var* input : inputs) entry.inputs.push_back(input->node);
  for (Var* output : outputs) {
    output->node =
        std::make_shared<Node>(Node{output->shape(), output->dtype(), output->device(), {}});
    entry.outputs.push_back(output->node);
  }
  current_tape->records_.push_back(std::move(entry));
}

void record_sum(const char* op, std::initializer_list<const Var*> inputs,
                BackwardFunction backward) {
  record(op, inputs, {}, std::move(backward));
}

void Tape::backward(const Var& loss, const Tensor& seed) {
  require(loss.node != nullptr, "backward: the loss depends on nothing trainable");
  Tensor start = seed;
  if (!start) {
    require(loss.value.numel() == 1, "backward: loss of shape ", loss.shape(),
            ", one element expected");
    start = Tensor(loss.shape(), loss.node->dtype, loss.device());
    fill(start, 1.0f);
  }
  require(start.shape() == loss.shape(), "backward: seed ", start.shape(), " for ", loss.shape());
  loss.node->grad = to_dtype(start, loss.node->dtype);
  start = {};
  while (!records_.empty()) {
    Record entry = std::move(records_.back());
    records_.pop_back();
    bool reached = entry.outputs.empty();  // record_sum: its turn has come
    for (const auto& output : entry.outputs) reached |= static_cast<bool>(output->grad);
    if (!reached) continue;  // nothing downstream asked for this op
    Backward context(entry.inputs, entry.outputs);
    entry.backward(context);
    for (const auto& output : entry.outputs) output->grad = {};
  }
}

}  // namespace lspt
