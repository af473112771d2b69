// What make ops takes time of: the ops at the sizes that ViT-B/16 has at 224 pixels, 50 prompts.
#include "engine/random.h"
#include "ops/add.h"
#include "ops/add_columns.h"
#include "ops/attention/attention.h"
#include "ops/cross_entropy.h"
#include "ops/dropout.h"
#include "ops/gate.h"
#include "ops/gelu.h"
#include "ops/layer_norm.h"
#include "ops/linear.h"
#include "ops/lstm_cell.h"
#include "ops/mix_tokens.h"
#include "ops/patch_embed.h"
#include "ops/patch_pool.h"
#include "ops/relu.h"
#include "ops/tokens.h"
#include "tests/op_cases.h"

namespace lspt::test {

constexpr bool kF32 = true;

std::vector<OpCase> vit_base_cases(int64_t images) {
  constexpr int64_t d = 768, heads = 12, tokens = 197, prompts = 50, classes = 1000;
  const int64_t b = images;
  const Shape x = {b, tokens, d};
  std::vector<OpCase> t;
  t.push_back({"add of one shape", {{x}, {x}}, [](const Vars& v, DType) -> Vars {
                 return {add(v[0], v[1])};
               }});
  t.push_back({"add of the same rows for every image",
               {{x}, {{tokens, d}}},
               [](const Vars& v, DType) -> Vars { return {add(v[0], v[1])}; }});
  t.push_back({"add of one row for each image",
               {{{b, prompts, d}}, {{b, 1, d}}},
               [](const Vars& v, DType) -> Vars { return {add(v[0], v[1])}; }});
  t.push_back(
      {"gelu", {{{b, tokens, 4 * d}}}, [](const Vars& v, DType) -> Vars { return {gelu(v[0])}; }});
  t.push_back(
      {"relu", {{{b, tokens, 64}}}, [](const Vars& v, DType) -> Vars { return {relu(v[0])}; }});
  t.push_back(
      {"add_columns", {{{b, tokens, 3 * d}}, {{b, tokens, d}}}, [](const Vars& v, DType) -> Vars {
         return {add_columns(v[0], v[1], 2 * d, 0.5f)};
       }});
  t.push_back({"dropout", {{{b, prompts, d}}}, [](const Vars& v, DType) -> Vars {
                 return {dropout(v[0], 0.1f, Random(5, 1, 2, Purpose::dropout))};
               }});
  t.push_back({"gate",
               {{{b, prompts, d}}, {{b, prompts, d}}, {{12}, kF32}},
               [](const Vars& v, DType) -> Vars { return {gate(v[0], v[1], v[2], 3)}; }});
  t.push_back({"slice_tokens", {{x}}, [](const Vars& v, DType) -> Vars {
                 return {slice_tokens(v[0], 1, tokens)};
               }});
  t.push_back({"splice inserts shared rows",
               {{x}, {{prompts, d}}},
               [](const Vars& v, DType) -> Vars { return {splice(v[0], 1, 0, v[1])}; }});
  t.push_back({"splice replaces rows of each image",
               {{{b, tokens + prompts, d}}, {{b, prompts, d}}},
               [](const Vars& v, DType) -> Vars { return {splice(v[0], 1, prompts, v[1])}; }});
  t.push_back({"splice removes rows",
               {{{b, tokens + prompts, d}}},
               [](const Vars& v, DType) -> Vars { return {splice(v[0], 1, prompts, {})}; }});
  t.push_back({"expand", {{{prompts, d}}}, [b](const Vars& v, DType) -> Vars {
                 return {expand(v[0], b)};
               }});
  t.push_back({"mix_tokens", {{x}, {{prompts, tokens - 1}}}, [](const Vars& v, DType) -> Vars {
                 return {mix_tokens(v[0], 1, tokens, v[1])};
               }});
  t.push_back({"patch_pool", {{x}}, [](const Vars& v, DType) -> Vars {
                 return {patch_pool(v[0], 1, tokens)};
               }});
  t.push_back({"patch_embed",
               {{{d, 3, 16, 16}, kF32},
                {{d}, kF32},
                {{b, 3, 224, 224}, kF32, false, {}, 0.0f, Role::constant}},
               [](const Vars& v, DType dtype) -> Vars {
                 return {patch_embed(v[2].value, v[0], v[1], dtype)};
               }});
  t.push_back({"linear",
               {{x}, {{3 * d, d}, kF32}, {{3 * d}, kF32}},
               [](const Vars& v, DType) -> Vars { return {linear(v[0], v[1], v[2])}; }});
  t.push_back({"linear with residual",
               {{{b, tokens, 4 * d}}, {{d, 4 * d}, kF32}, {{d}, kF32}, {x}},
               [](const Vars& v, DType) -> Vars {
                 return {linear(v[0], v[1], v[2], {.residual = v[3]})};
               }});
  t.push_back(
      {"linear with gelu",
       {{x}, {{4 * d, d}, kF32}, {{4 * d}, kF32}},
       [](const Vars& v, DType) -> Vars { return {linear(v[0], v[1], v[2], {.gelu = true})}; }});
  t.push_back({"layer_norm", {{x}, {{d}, kF32}, {{d}, kF32}}, [](const Vars& v, DType) -> Vars {
                 return {layer_norm(v[0], v[1], v[2])};
               }});
  t.push_back({"cross_entropy",
               {{{b, classes}}, {{b, classes}, kF32, false, {}, 0.0f, Role::probabilities}},
               [](const Vars& v, DType) -> Vars { return {cross_entropy(v[0], v[1].value)}; }});
  t.push_back({"attention", {{{b, tokens, 3 * d}}}, [](const Vars& v, DType) -> Vars {
                 return {attention(v[0], heads)};
               }});
  t.push_back(
      {"attention with shared prompt keys and values",
       {{{b, tokens, 3 * d}}, {{prompts, 2 * d}}},
       [](const Vars& v, DType) -> Vars { return {attention(v[0], heads, {.prompt_kv = v[1]})}; }});
  t.push_back({"attention with queries of their own",
               {{{b, tokens, 2 * d}}, {{b, 1, d}}, {{prompts, 2 * d}}},
               [](const Vars& v, DType) -> Vars {
                 return {attention(v[0], heads, {.query = v[1], .prompt_kv = v[2]})};
               }});
  t.push_back({"attention with a temperature",
               {{{b, tokens + prompts, 3 * d}}, {{12}, kF32, true, {}, 2.0f}},
               [](const Vars& v, DType) -> Vars {
                 return {attention(v[0], heads, {.temperature = v[1], .temperature_index = 1})};
               }});
  t.push_back({"lstm_cell of tokens and their mean",
               {{{b, prompts + tokens, d}},
                {{b, 1, d}},
                {{b * prompts, d}},
                {{b * prompts, d}, kF32},
                {{4 * d, d}},
                {{4 * d, d}},
                {{4 * d}, kF32},
                {{4 * d}, kF32}},
               [](const Vars& v, DType) -> Vars {
                 const auto [h, c] = lstm_cell({v[0], 1, 1 + prompts, v[1]}, v[2], v[3],
                                               lstm_weights(v[4], v[5], v[6], v[7], 1));
                 return {h, c};
               }});
  return t;
}

}  // namespace lspt::test
