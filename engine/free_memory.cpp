#include "engine/free_memory.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <map>

namespace lspt {
namespace {

/// The number in a file that holds nothing else; `otherwise` for "max" and where there is no file.
double number_in(const std::filesystem::path& path, double otherwise) {
  double number = 0;
  return std::ifstream(path) >> number ? number : otherwise;
}

/// Lines of a name and a number.
std::map<std::string, double> table_in(const std::filesystem::path& path) {
  std::map<std::string, double> table;
  std::ifstream file(path);
  std::string name, rest;
  for (double number = 0; file >> name >> number; std::getline(file, rest)) table[name] = number;
  return table;
}

double left_in(const std::filesystem::path& group) {
  const bool second = exists(group / "memory.max");
  const double limit =
      number_in(group / (second ? "memory.max" : "memory.limit_in_bytes"), INFINITY);
  const double usage = number_in(group / (second ? "memory.current" : "memory.usage_in_bytes"), 0);
  // Version 1 counts a group's children under other names.
  const std::string prefix = second ? "" : "total_";
  auto kinds = table_in(group / "memory.stat");
  const double cached = kinds[prefix + "inactive_file"] + kinds[prefix + "active_file"];
  return std::max(0.0, limit - std::max(0.0, usage - cached));
}

}  // namespace

FreeMemory free_memory(const ControlGroups& groups, const std::string& meminfo) {
  auto machine = table_in(meminfo);
  FreeMemory least{machine.contains("MemAvailable:") ? machine["MemAvailable:"] * 1024 : INFINITY,
                   "this machine"};
  for (const auto& group : groups.folders("memory"))
    if (const double left = left_in(group); left < least.bytes)
      least = {left, "the control group " + group.string()};
  return least;
}

}  // namespace lspt
