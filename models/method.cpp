#include "models/method.h"

#include <algorithm>
#include <iterator>

namespace lspt {
namespace {

/// What a method sets beside its defaults; prompts: whether it has any.
struct Method {
  const char* name;
  bool prompts;
  void (*set)(MethodConfig&);
};

void prompts_of(MethodConfig& m, NewPrompts fresh, Carry carry, bool gspc) {
  m.prompt.new_prompts = fresh;
  m.prompt.carry = carry;
  m.prompt.gspc = gspc;
}

using M = MethodConfig;
constexpr NewPrompts kEvery = NewPrompts::every, kFirst = NewPrompts::first;
const Method kMethods[] = {
    {"linear", false, [](M&) {}},
    {"mlp", false, [](M& m) { m.head.layers = 3; }},
    {"partial", false, [](M& m) { m.trained = Trained::last; }},
    {"bias", false, [](M& m) { m.trained = Trained::bias; }},
    {"adapter", false, [](M& m) { m.side.adapter_dim = 64; }},
    {"lora", false, [](M& m) { m.side.lora_rank = 8; }},
    {"full", false, [](M& m) { m.trained = Trained::all; }},
    {"vpt-shallow", true, [](M& m) { prompts_of(m, kFirst, Carry::out, false); }},
    {"vpt-deep", true, [](M& m) { prompts_of(m, kEvery, Carry::none, false); }},
    {"gapt", true,
     [](M& m) {
       prompts_of(m, kFirst, Carry::gate, false);
       m.prompt.attn_temp = true;
     }},
    {"gspc", true, [](M& m) { prompts_of(m, kEvery, Carry::out, true); }},
    {"lpc", true, [](M& m) { prompts_of(m, kEvery, Carry::lstm, false); }},
    {"lspt", true, [](M& m) { prompts_of(m, kEvery, Carry::lstm, true); }}};

/// "q,v".
std::string names_of(unsigned set, const char* const* names, int count) {
  std::string out;
  for (int i = 0; i < count; ++i)
    if (set >> i & 1u) out += (out.empty() ? "" : ",") + std::string(names[i]);
  return out;
}

}  // namespace

bool MethodConfig::trains(const std::string& parameter, int depth) const {
  if (trained == Trained::all) return true;
  if (trained == Trained::bias) return parameter.ends_with("bias");
  if (trained == Trained::nothing) return false;
  if (parameter.starts_with("norm.")) return true;
  const std::string prefix = "blocks.";
  return parameter.starts_with(prefix) &&
         std::stoi(parameter.substr(prefix.size())) >= depth - last_blocks;
}

std::string MethodConfig::text() const {
  std::string out = name;
  const auto add = [&](const std::string& words) { out += (out == name ? " " : ", ") + words; };
  const auto number = [](int n) { return std::to_string(n); };
  if (trained == Trained::last)
    add("of the last " + (last_blocks == 1 ? "block" : number(last_blocks) + " blocks"));
  if (head.layers > 1) add("of " + number(head.layers) + " layers");
  if (prompt.prompts > 0)
    add("with " + number(prompt.prompts) + (prompt.key_value ? " keys and values" : " prompts"));
  if (side.lora_rank > 0)
    add("of rank " + number(side.lora_rank) + " on " +
        names_of(side.lora_targets, kProjections, kProjectionCount));
  if (side.adapter_dim > 0)
    add("of width " + number(side.adapter_dim) +
        (side.adapter_sequential ? " behind " : " beside ") +
        names_of(side.adapter_at, kBranches, 2));
  return out;
}

const std::vector<std::string>& method_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> out;
    for (const Method& method : kMethods) out.push_back(method.name);
    return out;
  }();
  return names;
}

MethodConfig method_config(const std::string& name, int prompts) {
  const auto is = [&](const Method& method) { return name == method.name; };
  const Method* m = std::find_if(std::begin(kMethods), std::end(kMethods), is);
  std::string all;
  for (const std::string& known : method_names()) all += " " + known;
  require(m != std::end(kMethods), ErrorKind::kUsage, "method: '", name,
          "' is unknown. Methods are", all);
  require(!m->prompts || prompts >= 1, ErrorKind::kUsage, "method ", name,
          ": needs at least one prompt");
  MethodConfig config{.name = name};
  config.prompt.prompts = m->prompts ? prompts : 0;
  if (!m->prompts) prompts_of(config, kEvery, Carry::none, false);
  m->set(config);
  return config;
}

}  // namespace lspt
