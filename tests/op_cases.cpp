#include "tests/op_cases.h"

#include <tuple>

#include "engine/random.h"
#include "ops/add.h"
#include "ops/add_columns.h"
#include "ops/attention/attention.h"
#include "ops/cast.h"
#include "ops/cross_entropy.h"
#include "ops/dropout.h"
#include "ops/gate.h"
#include "ops/gelu.h"
#include "ops/layer_norm.h"
#include "ops/linear.h"
#include "ops/lstm_cell.h"
#include "ops/masked_tokens.h"
#include "ops/mix_tokens.h"
#include "ops/patch_embed.h"
#include "ops/patch_loss.h"
#include "ops/patch_pool.h"
#include "ops/relu.h"
#include "ops/reshape.h"
#include "ops/tokens.h"

namespace lspt::test {
namespace {

constexpr bool kF32 = true;

/// An input that has no gradient, or targets.
Input constant(const Shape& shape, const Shape& wrong) {
  return {shape, kF32, false, wrong, 0.0f, Role::constant};
}
Input probabilities(const Shape& shape) {
  return {shape, kF32, false, {}, 0.0f, Role::probabilities};
}

Random mask_stream() { return Random(5, 1, 2, Purpose::dropout); }

/// One step with weights of its own.
std::pair<Var, Var> step(const Vars& x) {
  return lstm_cell(x[0], x[1], x[2], lstm_weights(x[3], x[4], x[5], x[6], 1));
}

Vars both(const std::pair<Var, Var>& state) { return {state.first, state.second}; }

// Rows that go beyond one piece of work of the kernel are marked "large": there the check of equal
// bits on one and two threads means something. Their lengths are multiples of 8, which on the GPU
// are read by 16 bytes; others are read one by one.
void add_elementwise(std::vector<OpCase>& t) {
  t.push_back({"add of one shape", {{{2, 3, 4}}, {{2, 3, 4}}}, [](const Vars& x, DType) -> Vars {
                 return {add(x[0], x[1])};
               }});
  t.push_back({"add of one row", {{{2, 3, 4}}, {{4}}}, [](const Vars& x, DType) -> Vars {
                 return {add(x[0], x[1])};
               }});
  t.push_back({"add of the same rows for every image",
               {{{2, 3, 4}}, {{3, 4}}},
               [](const Vars& x, DType) -> Vars { return {add(x[0], x[1])}; }});
  t.push_back({"add of one row for each image",
               {{{2, 3, 4}}, {{2, 1, 4}}},
               [](const Vars& x, DType) -> Vars { return {add(x[0], x[1])}; }});
  t.push_back({"add of the same rows for every image, large",
               {{{3, 40, 304}}, {{40, 304}}},
               [](const Vars& x, DType) -> Vars { return {add(x[0], x[1])}; }});
  t.push_back({"add of one row for each image, large",
               {{{3, 40, 304}}, {{3, 1, 304}}},
               [](const Vars& x, DType) -> Vars { return {add(x[0], x[1])}; }});
  t.push_back({"add of a tensor to itself",
               {{{2, 3}, false, true}},
               [](const Vars& x, DType) -> Vars { return {add(x[0], x[0])}; }});
  t.push_back(
      {"gelu", {{{3, 5}, false, true}}, [](const Vars& x, DType) -> Vars { return {gelu(x[0])}; }});
  t.push_back({"gelu, large", {{{70, 300}, false, true}}, [](const Vars& x, DType) -> Vars {
                 return {gelu(x[0])};
               }});
  t.push_back(
      {"relu", {{{3, 5}, false, true}}, [](const Vars& x, DType) -> Vars { return {relu(x[0])}; }});
  // None so near zero that a difference quotient would see both sides.
  t.push_back({"relu on one side, large",
               {{{70, 300}, false, true, {}, 6.0f}, {{70, 300}, false, true, {}, -6.0f}},
               [](const Vars& x, DType) -> Vars {
                 return {relu(x[0]), relu(x[1])};
               }});
  t.push_back({"add_columns",
               {{{2, 3, 7}, false, false, {2, 3, 5}}, {{2, 3, 2}, false, false, {2, 3, 4}}},
               [](const Vars& x, DType) -> Vars { return {add_columns(x[0], x[1], 4, 0.5f)}; }});
  t.push_back({"add_columns, large",
               {{{3, 70, 24}, false, false, {3, 70, 12}}, {{3, 70, 8}, false, false, {3, 70, 17}}},
               [](const Vars& x, DType) -> Vars { return {add_columns(x[0], x[1], 8, 0.5f)}; }});
  t.push_back({"add_columns in place",
               {{{3, 8}, false, false, {3, 7}}, {{3, 8}}},
               [](const Vars& x, DType) -> Vars {
                 const Var y = add_columns(add(x[0], x[0]), x[1], 0, -2.0f);
                 return {add(y, y)};
               }});
  t.push_back({"dropout", {{{4, 5}, false, true}}, [](const Vars& x, DType) -> Vars {
                 return {dropout(x[0], 0.3f, mask_stream())};
               }});
  t.push_back({"dropout, large", {{{50, 301}, false, true}}, [](const Vars& x, DType) -> Vars {
                 return {dropout(x[0], 0.3f, mask_stream())};
               }});
  t.push_back({"gate",
               {{{2, 3, 4}}, {{2, 3, 4}}, {{5}, kF32, false, {2}}},
               [](const Vars& x, DType) -> Vars { return {gate(x[0], x[1], x[2], 3)}; }});
  t.push_back({"gate, large",
               {{{4, 50, 200}}, {{4, 50, 200}}, {{5}, kF32, false, {2}}},
               [](const Vars& x, DType) -> Vars { return {gate(x[0], x[1], x[2], 3)}; }});
  t.push_back({"cast", {{{3, 4}, false, true}}, [](const Vars& x, DType dtype) -> Vars {
                 return {cast(x[0], dtype)};
               }});
  t.push_back({"reshape", {{{3, 4}}}, [](const Vars& x, DType) -> Vars {
                 return {reshape(x[0], {2, 6})};
               }});
}

void add_tokens(std::vector<OpCase>& t) {
  t.push_back({"slice_tokens",
               {{{2, 5, 3}, false, false, {2, 3, 3}}},
               [](const Vars& x, DType) -> Vars { return {slice_tokens(x[0], 1, 4)}; }});
  t.push_back({"splice inserts shared rows",
               {{{2, 4, 3}}, {{2, 3}}},
               [](const Vars& x, DType) -> Vars { return {splice(x[0], 1, 0, x[1])}; }});
  t.push_back({"splice replaces rows of each image",
               {{{2, 5, 3}}, {{2, 3, 3}}},
               [](const Vars& x, DType) -> Vars { return {splice(x[0], 1, 2, x[1])}; }});
  t.push_back({"splice replaces rows in place",
               {{{2, 5, 3}}, {{2, 2, 3}}},
               [](const Vars& x, DType) -> Vars {
                 const Var y = splice(add(x[0], x[0]), 1, 2, x[1]);
                 return {add(y, y)};
               }});
  t.push_back({"splice removes rows",
               {{{2, 5, 3}, false, false, {2, 2, 3}}},
               [](const Vars& x, DType) -> Vars { return {splice(x[0], 1, 2, {})}; }});
  t.push_back({"splice inserts shared rows, large",
               {{{3, 70, 136}}, {{20, 136}}},
               [](const Vars& x, DType) -> Vars { return {splice(x[0], 1, 0, x[1])}; }});
  t.push_back({"expand", {{{3, 4}, false, false, {12}}}, [](const Vars& x, DType) -> Vars {
                 return {expand(x[0], 3)};
               }});
  t.push_back({"slice_rows", {{{5, 3}, false, false, {3, 3}}}, [](const Vars& x, DType) -> Vars {
                 return {slice_rows(x[0], 1, 4)};
               }});
  t.push_back({"mix_tokens",
               {{{2, 5, 4}, false, false, {2, 3, 4}}, {{3, 3}}},
               [](const Vars& x, DType) -> Vars { return {mix_tokens(x[0], 1, 4, x[1])}; }});
  t.push_back({"mix_tokens, large",
               {{{3, 40, 24}, false, false, {3, 30, 24}}, {{9, 30}}},
               [](const Vars& x, DType) -> Vars { return {mix_tokens(x[0], 10, 40, x[1])}; }});
  t.push_back({"patch_pool",
               {{{2, 5, 3}, false, false, {2, 4, 3}}},
               [](const Vars& x, DType) -> Vars { return {patch_pool(x[0], 1, 5)}; }});
  t.push_back({"patch_pool, large",
               {{{3, 60, 304}, false, false, {3, 59, 304}}},
               [](const Vars& x, DType) -> Vars { return {patch_pool(x[0], 1, 60)}; }});
  const auto embed = [](const Vars& x, DType dtype) -> Vars {
    return {patch_embed(x[2].value, x[0], x[1], dtype)};
  };
  t.push_back({"patch_embed",
               {{{5, 3, 2, 2}, kF32}, {{5}, kF32}, constant({2, 3, 4, 6}, {2, 3, 4, 5})},
               embed,
               1e-3,
               true});
  t.push_back({"patch_embed, large",
               {{{6, 3, 8, 8}, kF32}, {{6}, kF32}, constant({2, 3, 16, 24}, {2, 4, 16, 24})},
               embed,
               1e-3,
               true});
}

/// (images, patches): place i of image b is patch (3 i + b) mod patches; 3 must not divide them.
Tensor order_of(int64_t images, int64_t patches, Device device) {
  Tensor order({images, patches});
  for (int64_t k = 0; k < order.numel(); ++k)
    order.data<float>()[k] = static_cast<float>((k % patches * 3 + k / patches) % patches);
  return to_device(order, device);
}

void add_masked(std::vector<OpCase>& t) {
  const auto gather = [](int64_t patches, int64_t begin, int64_t end) {
    return [=](const Vars& x, DType) -> Vars {
      const Tensor order = order_of(x[0].dim(0), patches, x[0].device());
      return {gather_tokens(x[0], 1, order, begin, end)};
    };
  };
  t.push_back({"gather_tokens", {{{2, 6, 3}, false, false, {2, 1, 3}}}, gather(5, 1, 4)});
  t.push_back(
      {"gather_tokens, large", {{{3, 41, 304}, false, false, {3, 1, 304}}}, gather(40, 10, 40)});
  const auto restore = [](int64_t patches) {
    return [=](const Vars& x, DType) -> Vars {
      const Tensor order = order_of(x[0].dim(0), patches, x[0].device());
      return {restore_tokens(x[0], x[1], order, x[2].value)};
    };
  };
  t.push_back({"restore_tokens", {{{2, 3, 4}}, {{4}, kF32}, constant({6, 4}, {5, 4})}, restore(5)});
  t.push_back({"restore_tokens, large",
               {{{3, 11, 304}}, {{304}, kF32}, constant({41, 304}, {41, 300})},
               restore(40)});
  const auto loss = [](int64_t patch, bool normalize) {
    return [=](const Vars& x, DType) -> Vars {
      const Tensor& images = x[1].value;
      const Tensor order =
          order_of(images.dim(0), images.dim(2) / patch * (images.dim(3) / patch), x[0].device());
      return {patch_loss(x[0], images, order, patch, normalize)};
    };
  };
  t.push_back({"patch_loss", {{{2, 3, 12}}, constant({2, 3, 4, 4}, {2, 3, 4, 5})}, loss(2, true)});
  t.push_back({"patch_loss of pixels",
               {{{2, 3, 12}}, constant({2, 3, 4, 4}, {1, 3, 4, 4})},
               loss(2, false)});
  t.push_back({"patch_loss, large",
               {{{3, 30, 192}}, constant({3, 3, 40, 64}, {3, 3, 40, 60})},
               loss(8, true),
               3e-2});  // the loss itself is f32
}

void add_layers(std::vector<OpCase>& t) {
  t.push_back({"linear",
               {{{2, 3, 4}}, {{5, 4}, kF32}, {{5}, kF32}},
               [](const Vars& x, DType) -> Vars { return {linear(x[0], x[1], x[2])}; },
               1e-3,
               true});
  t.push_back({"linear without bias",
               {{{2, 3, 4}}, {{5, 4}, kF32}},
               [](const Vars& x, DType) -> Vars { return {linear(x[0], x[1], {})}; },
               1e-3,
               true});
  t.push_back(
      {"linear with residual",
       {{{2, 3, 4}}, {{5, 4}, kF32}, {{5}, kF32}, {{2, 3, 5}}},
       [](const Vars& x, DType) -> Vars { return {linear(x[0], x[1], x[2], {.residual = x[3]})}; },
       1e-3,
       true});
  t.push_back(
      {"linear with gelu",
       {{{2, 3, 4}}, {{5, 4}, kF32}, {{5}, kF32}},
       [](const Vars& x, DType) -> Vars { return {linear(x[0], x[1], x[2], {.gelu = true})}; },
       1e-3,
       true});
  t.push_back({"linear, large",
               {{{2, 100, 150}}, {{170, 150}, kF32}, {{170}, kF32}},
               [](const Vars& x, DType) -> Vars { return {linear(x[0], x[1], x[2])}; },
               1e-3,
               true});
  t.push_back({"layer_norm",
               {{{2, 3, 8}, false, true}, {{8}, kF32}, {{8}, kF32}},
               [](const Vars& x, DType) -> Vars { return {layer_norm(x[0], x[1], x[2])}; },
               1e-3});
  t.push_back({"layer_norm without weight and bias",
               {{{2, 3, 8}, false, true}},
               [](const Vars& x, DType) -> Vars { return {layer_norm(x[0], {}, {})}; },
               1e-3});
  t.push_back({"layer_norm of rows far from zero, large",
               {{{3, 40, 304}, false, true, {}, 20.0f}, {{304}, kF32}, {{304}, kF32}},
               [](const Vars& x, DType) -> Vars { return {layer_norm(x[0], x[1], x[2])}; },
               4e-3});  // mean and deviation of numbers near 20 in f32
  // What a lane of a warp holds: an element at a time, up to six pieces, more than it can.
  for (const auto& [name, rows, width] : {std::tuple{"layer_norm of an odd width", 3, 45},
                                          {"layer_norm of wide rows, large", 40, 1000},
                                          {"layer_norm of wider rows, large", 7, 1608}})
    t.push_back({name,
                 {{{2, rows, width}, false, true}, {{width}, kF32}, {{width}, kF32}},
                 [](const Vars& x, DType) -> Vars { return {layer_norm(x[0], x[1], x[2])}; },
                 1e-3});
  const auto entropy = [](const Vars& x, DType) -> Vars {
    return {cross_entropy(x[0], x[1].value)};
  };
  t.push_back({"cross_entropy", {{{3, 7}}, probabilities({3, 7})}, entropy});
  t.push_back({"cross_entropy, large",
               {{{30, 200}}, probabilities({30, 200})},
               entropy,
               3e-2});  // the loss itself is f32: 6e-8 of it is 1e-3 of these differences
}

void add_attention(std::vector<OpCase>& t) {
  t.push_back({"attention", {{{2, 4, 18}}}, [](const Vars& x, DType) -> Vars {
                 return {attention(x[0], 2)};
               }});
  t.push_back(
      {"attention with shared prompt keys and values",
       {{{2, 4, 18}}, {{3, 12}}},
       [](const Vars& x, DType) -> Vars { return {attention(x[0], 2, {.prompt_kv = x[1]})}; }});
  t.push_back(
      {"attention with prompt keys and values of each image",
       {{{2, 4, 18}}, {{2, 3, 12}}},
       [](const Vars& x, DType) -> Vars { return {attention(x[0], 2, {.prompt_kv = x[1]})}; }});
  t.push_back({"attention with queries of their own",
               {{{2, 4, 12}}, {{2, 1, 6}}, {{3, 12}}},
               [](const Vars& x, DType) -> Vars {
                 return {attention(x[0], 2, {.query = x[1], .prompt_kv = x[2]})};
               }});
  t.push_back({"attention with a temperature",
               {{{2, 4, 18}}, {{3}, kF32, true, {}, 2.0f}},
               [](const Vars& x, DType) -> Vars {
                 return {attention(x[0], 2, {.temperature = x[1], .temperature_index = 1})};
               }});
  t.push_back({"attention with a temperature beyond its limit",
               {{{2, 4, 18}}, {{3}, kF32, true, {}, 20.0f}},
               [](const Vars& x, DType) -> Vars {
                 return {attention(x[0], 2, {.temperature = x[1], .temperature_index = 1})};
               }});
  t.push_back(
      {"attention with queries and a temperature, large",
       {{{2, 37, 128}}, {{2, 3, 64}}, {{2, 5, 128}}, {{3}, kF32, true, {}, 2.0f}},
       [](const Vars& x, DType) -> Vars {
         return {attention(
             x[0], 4,
             {.query = x[1], .prompt_kv = x[2], .temperature = x[3], .temperature_index = 1})};
       }});
  t.push_back(
      {"attention with shared prompt keys and values, large",
       {{{2, 50, 192}}, {{9, 128}}},
       [](const Vars& x, DType) -> Vars { return {attention(x[0], 4, {.prompt_kv = x[1]})}; }});
}

void add_lstm(std::vector<OpCase>& t) {
  const auto inputs = [](int64_t m, int64_t d, int64_t h) -> std::vector<Input> {
    return {{{m, d}},     {{m, h}},        {{m, h}, kF32}, {{4 * h, d}},
            {{4 * h, h}}, {{4 * h}, kF32}, {{4 * h}, kF32}};
  };
  t.push_back(
      {"lstm_cell", inputs(3, 4, 2), [](const Vars& x, DType) -> Vars { return both(step(x)); }});
  t.push_back({"lstm_cell of which only h is read", inputs(3, 4, 2),
               [](const Vars& x, DType) -> Vars { return {step(x).first}; }});
  t.push_back({"lstm_cell of which only c is read", inputs(3, 4, 2),
               [](const Vars& x, DType) -> Vars { return {step(x).second}; }});
  t.push_back({"lstm_cell from nothing, then again with the same weights",
               {{{3, 4}}, {{3, 4}}, {{8, 4}}, {{8, 2}}, {{8}, kF32}, {{8}, kF32}},
               [](const Vars& x, DType) -> Vars {
                 const LstmWeights weights = lstm_weights(x[2], x[3], x[4], x[5], 1);
                 const auto [h, c] = lstm_cell(x[0], {}, {}, weights);
                 return both(lstm_cell(x[1], h, c, weights));
               }});
  t.push_back({"lstm_cell, four steps of which the last is not read",
               {{{3, 4}}, {{8, 4}}, {{8, 2}}, {{8}, kF32}, {{8}, kF32}},
               [](const Vars& x, DType) -> Vars {
                 const LstmWeights weights = lstm_weights(x[1], x[2], x[3], x[4], 3);
                 auto [h, c] = lstm_cell(x[0], {}, {}, weights);
                 std::tie(h, c) = lstm_cell(x[0], h, c, weights);
                 std::tie(h, c) = lstm_cell(x[0], h, c, weights);
                 lstm_cell(x[0], h, c, weights);
                 return {h};
               },
               3e-3});
  t.push_back({"lstm_cell, large", inputs(30, 40, 24),
               [](const Vars& x, DType) -> Vars { return both(step(x)); }});
  const auto tokens = [](int64_t images, int64_t p, int64_t d, int64_t h) -> std::vector<Input> {
    const int64_t m = images * p;
    return {{{images, p + 3, d}}, {{images, 1, d}}, {{m, h}},        {{m, h}, kF32},
            {{4 * h, d}},         {{4 * h, h}},     {{4 * h}, kF32}, {{4 * h}, kF32}};
  };
  const auto of_tokens = [](const Vars& x, DType) -> Vars {
    const int64_t end = x[0].dim(1) - 2;
    return both(
        lstm_cell({x[0], 1, end, x[1]}, x[2], x[3], lstm_weights(x[4], x[5], x[6], x[7], 1)));
  };
  t.push_back({"lstm_cell of tokens and their mean", tokens(2, 3, 4, 2), of_tokens});
  t.push_back({"lstm_cell of tokens and their mean, large", tokens(10, 3, 8, 8), of_tokens});
  t.push_back({"lstm_cell of tokens from nothing, then of other ones",
               {{{2, 5, 4}}, {{2, 1, 4}}, {{8, 4}}, {{8, 2}}, {{8}, kF32}, {{8}, kF32}},
               [](const Vars& x, DType) -> Vars {
                 const LstmWeights weights = lstm_weights(x[2], x[3], x[4], x[5], 1);
                 const auto [h, c] = lstm_cell({x[0], 1, 4, x[1]}, {}, {}, weights);
                 return both(lstm_cell({x[0], 2, 5}, h, c, weights));
               }});
  for (OpCase& c : t)
    if (c.name.starts_with("lstm_cell")) c.products = true;
}

}  // namespace

const std::vector<OpCase>& op_cases() {
  static const std::vector<OpCase> table = [] {
    std::vector<OpCase> t;
    add_elementwise(t);
    add_tokens(t);
    add_masked(t);
    add_layers(t);
    add_attention(t);
    add_lstm(t);
    return t;
  }();
  return table;
}

}  // namespace lspt::test
