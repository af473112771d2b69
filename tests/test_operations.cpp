// A step of each method computes what its gradients need and nothing else: multiplications and
// additions of its products, counted by the engine, against a count by hand.
#include <doctest/doctest.h>

#include <functional>

#include "engine/gemm.h"
#include "models/model.h"
#include "ops/cross_entropy.h"

using namespace lspt;

namespace {

constexpr int64_t kImages = 2, kDim = 96, kDepth = 4, kPatches = 16, kClasses = 7, kPrompts = 5;
constexpr double D = kDim, N = 1 + kPatches, P = kPrompts, K = kClasses, L = kDepth;

/// Of a product of (rows, inputs) and (inputs, outputs).
double product(double rows, double inputs, double outputs) { return 2 * rows * inputs * outputs; }
/// Queries by keys: scores and mixture; gradients of both (that scores are computed anew, and not
/// kept, is not counted).
double attention(double queries, double keys) { return 2 * product(queries, D, keys); }
double attention_back(double queries, double keys) { return 4 * product(queries, D, keys); }

double qkv(double rows) { return product(rows, D, 3 * D); }
double mlp(double rows) { return 2 * product(rows, D, 4 * D); }
/// Behind attention.
double after(double rows) { return product(rows, D, D) + mlp(rows); }
/// Where the class row alone leaves: keys and values of all rows, one query.
double last_qkv(double rows) { return product(rows, D, 2 * D) + product(1, D, D); }

double block(double rows) { return qkv(rows) + attention(rows, rows) + after(rows); }
double last_block(double rows) { return last_qkv(rows) + attention(1, rows) + after(1); }
/// Gradients of what enters them; of matrices as many operations as the products have.
double block_back(double rows) { return qkv(rows) + attention_back(rows, rows) + after(rows); }
double last_block_back(double rows) { return last_qkv(rows) + attention_back(1, rows) + after(1); }

double embedding() { return product(kPatches, 3 * 8 * 8, D); }
double backbone() { return embedding() + (L - 1) * block(N) + last_block(N); }
double head() { return product(1, D, K); }

/// Of an image; of what is done once a batch, a share.
double needed(const std::string& method) {
  constexpr double kShare = 1.0 / kImages;
  const double probe = backbone() + 2 * head(), tuned = backbone() + 3 * head();
  if (method == "linear") return probe;
  if (method == "mlp") return backbone() + 2 * product(1, D, D) + 3 * product(1, D, D) + 3 * head();
  if (method == "partial") return tuned + last_block_back(N) + last_qkv(N) + after(1);
  if (method == "full")
    return tuned + (L - 1) * block_back(N) + last_block_back(N) + embedding() +
           (L - 1) * (qkv(N) + after(N)) + last_qkv(N) + after(1);
  if (method == "bias") return tuned + (L - 1) * block_back(N) + last_block_back(N);
  // The first block's input is a constant: nothing asks for gradients of it.
  const double from_second = (L - 2) * block_back(N) + last_block_back(N);
  if (method == "lora") {
    constexpr double r = 8;
    const auto update = [&](double rows) { return product(rows, D, r) + product(rows, r, D); };
    // Queries and values of all rows, in the last block the query of one. Gradients of both
    // matrices, of the rows between them, and of the input where it wants any.
    const double down = (2 * L - 1) * product(N, D, r) + product(1, D, r);
    const double updates = (2 * L - 1) * update(N) + update(1);
    return tuned + from_second + attention_back(N, N) + after(N) + 2 * updates + down +
           (down - 2 * product(N, D, r));
  }
  if (method == "adapter") {
    const double down = (L - 1) * product(N, D, 64) + product(1, D, 64), up = down;
    return tuned + from_second + 3 * up + 2 * down + (down - product(N, D, 64));
  }
  if (method == "vpt-deep") {
    const double keys = kShare * product(P, D, 2 * D);
    const double more = L * 2 * keys + (L - 1) * attention(N, P) + attention(1, P);
    // The first block's queries want no gradient: three products of attention's four.
    return tuned + more + after(N) + 0.75 * attention_back(N, N + P) +
           (L - 2) * (qkv(N) + attention_back(N, N + P) + after(N)) + last_qkv(N) +
           attention_back(1, N + P) + after(1);
  }
  // Prompts that leave a block are rows as others are; in the first the same for all images.
  const double R = N + P, first = qkv(N) + kShare * qkv(P);
  const double forward =
      embedding() + first + attention(R, R) + after(R) + (L - 2) * block(R) + last_block(R);
  const double back = last_block_back(R) + (L - 2) * block_back(R) + attention_back(R, R) +
                      after(R) + kShare * qkv(P);
  // A product of what enters by the LSTM's matrices a step, and one of its state but in the first.
  const bool lstm = method == "lpc" || method == "lspt";
  const double steps = lstm ? (2 * (L - 1) - 1) * product(P, D, 4 * D) : 0;
  return forward + back + 3 * head() + 3 * steps;
}

}  // namespace

TEST_CASE("a step of each method has no more operations than its gradients need") {
  for (const std::string& method : method_names()) {
    ModelConfig config;
    config.vit = {"", 32, 8, kDim, kDepth, 4};
    config.method = method_config(method, kPrompts);
    config.num_classes = kClasses;
    Model model(config);
    const int64_t before = operation_count();
    {
      Tape tape;
      const Var logits = model.forward(Tensor::zeros({kImages, 3, 32, 32}));
      tape.backward(cross_entropy(logits, one_hot({1, 2}, kClasses)));
    }
    const double found = static_cast<double>(operation_count() - before) / kImages;
    CAPTURE(method);
    CHECK(found == doctest::Approx(needed(method)).epsilon(1e-9));
  }
}
