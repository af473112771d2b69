// make ops: every op of the table by itself, a line for each dtype on each device: what its checks
// found, and its time beside the least that its bytes and operations take on this machine.
//
//   ops [PART]    those whose name has PART in it; exit code 1 if a check failed, 2 if there is
//   none ops --list    names and inputs, for tests/golden/make_ops.py
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>

#include "engine/gemm.h"
#include "tests/gpu.h"
#include "tests/op_checks.h"
#include "train/plan/peak.h"

using namespace lspt;
using namespace lspt::test;

namespace {

/// "layer_norm, large" is a case of the op "layer_norm".
std::string op_of(const std::string& name) { return name.substr(0, name.find(", large")); }

const bool kColor = isatty(STDOUT_FILENO) != 0;
std::string red(const std::string& text) { return kColor ? "\033[31m" + text + "\033[0m" : text; }

std::string number(const char* pattern, double value) {
  char text[32];
  std::snprintf(text, sizeof text, pattern, value);
  return text;
}

struct Column {
  const char* title;
  std::vector<const char*> checks;  // of op_checks(), by their beginnings
};
const std::vector<Column> kColumns = {
    {"central", {"gradients are"}},
    {"PyTorch", {"results and"}},
    {"GPU=CPU", {"the GPU"}},
    {"threads", {"one thread"}},
    {"repeat", {"a repeat"}},
    {"memory", {"all memory"}},
    {"rules", {"bf16", "freezing", "it adds", "nothing", "a wrong"}}};

/// The column's worst finding, and what failed.
std::string cell(const Column& column, const std::vector<const OpCase*>& cases, DType dtype,
                 Device device, std::vector<std::string>& failures) {
  double worst = -1;
  bool good = true;
  for (const OpCheck& check : op_checks())
    for (const char* beginning : column.checks) {
      if (!std::string(check.name).starts_with(beginning) || !check.is_for(dtype, device)) continue;
      for (const OpCase* c : cases) {
        Finding found{INFINITY, 0};
        try {
          found = check.run(*c, dtype, device);
        } catch (const Error& error) {
          found.text = error.what();
        }
        worst = std::max(worst, found.value);
        if (found.good()) continue;
        good = false;
        failures.push_back(c->name + ", " + name_of(dtype) + " on " + name_of(device) +
                           ": not so that " + check.name + ": " + number("%.3g", found.value) +
                           " where " + number("%.3g", found.allowed) + " is allowed " + found.text);
      }
    }
  const bool is_figure = column.checks.size() == 1;
  std::string text = worst < 0    ? "-"
                     : !good      ? "FAIL"
                     : !is_figure ? "ok"
                     : worst == 0 ? "0"
                                  : number("%.0e", worst);
  text.insert(0, 9 - std::min<size_t>(text.size(), 8), ' ');
  return good ? text : red(text);
}

/// y, with a gradient of all the same.
Var seeded(const Vars& ys) {
  Var loss(Tensor::zeros({1}, DType::f32, ys[0].device()));
  for (const Var& y : ys) {
    const Tensor dy(y.shape(), y.dtype(), y.device());
    fill(dy, 1.0f);
    loss = record("seed", {&loss, &y}, loss.value, [dy](Backward& b) {
      b.add(0, b.grad());
      b.add(1, dy);
    });
  }
  return loss;
}

struct Cost {
  double seconds, floor;
};

/// Forward and backward, all gradients wanted; the fastest of a few. At the least every input and
/// result is read or written once, and so is every gradient that is not the one that arrived; a
/// copy of as many bytes is the measure, or the best product for as many operations.
Cost cost_of(const OpCase& c, DType dtype, Device device, double operations_a_second) {
  Vars inputs;
  for (size_t i = 0; i < c.inputs.size(); ++i) {
    const Input& in = c.inputs[i];
    Tensor value = random_tensor(in.shape, in.f32 ? DType::f32 : dtype, i);
    if (in.role == Role::probabilities) fill(value, 1.0f / static_cast<float>(in.shape[-1]));
    if (in.shift != 0.0f) fill(value, in.shift);
    value = to_device(value, device);
    inputs.push_back(in.role == Role::variable ? Var::trainable(value) : Var(value));
  }
  size_t bytes = 0;
  int64_t operations = 0;
  const auto run = [&] {
    for (const Var& x : inputs)
      if (x.node) x.node->grad = {};
    operations = -operation_count();
    Tape tape;
    const Vars ys = c.apply(inputs, dtype);
    bytes = 0;
    for (const Var& x : inputs) bytes += x.value.nbytes();
    for (const Var& y : ys) bytes += 2 * y.value.nbytes();
    tape.backward(seeded(ys));
    operations += operation_count();
    for (const Var& x : inputs)
      if (x.node && x.node->grad && x.node->grad.use_count() == 1) bytes += x.node->grad.nbytes();
  };
  double best = INFINITY, spent = 0;
  for (int i = 0; i < 3 || (i < 20 && spent < 0.5); ++i) {
    const double seconds = seconds_of(device, run);
    if (i > 0) best = std::min(best, seconds);
    spent += seconds;
  }
  const Tensor from = Tensor::zeros({static_cast<int64_t>(bytes / 8)}, DType::f32, device);
  const Tensor to = Tensor::zeros(from.shape(), DType::f32, device);
  double copied = INFINITY;
  for (int i = 0; i < 6; ++i)
    copied = std::min(copied, seconds_of(device, [&] { copy(to, from); }));
  return {best, std::max(copied, static_cast<double>(operations) / operations_a_second)};
}

void list() {
  for (const OpCase& c : op_cases()) {
    std::printf("%s", c.name.c_str());
    for (const Input& in : c.inputs) {
      std::printf("\t");
      for (int i = 0; i < in.shape.rank(); ++i)
        std::printf("%s%lld", i ? "x" : "", static_cast<long long>(in.shape[i]));
      std::printf(" %g %d", static_cast<double>(in.shift), static_cast<int>(in.role));
    }
    std::printf("\n");
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::string part = argc > 1 ? argv[1] : "";
  if (part == "--list") return list(), 0;
  const std::string why = no_gpu();
  std::vector<Device> devices = {Device::cpu};
  if (why.empty()) devices.push_back(Device::cuda);
  std::vector<std::string> order, failures;
  std::map<std::string, std::vector<const OpCase*>> cases;
  for (const OpCase& c : op_cases()) {
    if (c.name.find(part) == std::string::npos) continue;
    auto& of_op = cases[op_of(c.name)];
    if (of_op.empty()) order.push_back(op_of(c.name));
    of_op.push_back(&c);
  }
  if (order.empty()) {
    std::printf("no op has \"%s\" in its name; there are:\n", part.c_str());
    for (const OpCase& c : op_cases()) std::printf("  %s\n", c.name.c_str());
    return 2;
  }
  std::printf("%-52s %-5s", "op", "on");
  for (const Column& column : kColumns) std::printf(" %8s", column.title);
  std::printf(" %8s %8s %6s\n", "ms", "floor", "ratio");
  std::map<std::pair<Device, DType>, Peak> peaks;
  for (const std::string& op : order)
    for (const Device device : devices)
      for (const DType dtype : {DType::f32, DType::bf16}) {
        std::printf("%-46s %-5s %-5s", op.c_str(), name_of(dtype), name_of(device));
        std::fflush(stdout);
        for (const Column& column : kColumns)
          std::printf("%s", cell(column, cases[op], dtype, device, failures).c_str());
        const bool slow = device == Device::cuda && gpu_is_emulated();
        const int64_t images = device == Device::cpu ? 8 : 64;
        for (const OpCase& c : slow ? std::vector<OpCase>() : vit_base_cases(images)) {
          if (c.name != op) continue;
          const auto [at, is_new] = peaks.try_emplace({device, dtype});
          if (is_new) at->second.measure(device, dtype, images * 197, 768);
          const Cost cost = cost_of(c, dtype, device, at->second.gflops * 1e9);
          std::printf(" %8.3f %8.3f %6.2f", 1e3 * cost.seconds, 1e3 * cost.floor,
                      cost.floor / cost.seconds);
        }
        std::printf("\n");
      }
  for (const std::string& text : failures)
    std::printf("%s %s\n", red("FAIL").c_str(), text.c_str());
  if (!why.empty()) std::printf("not on a GPU: %s\n", why.c_str());
  return failures.empty() ? 0 : 1;
}
