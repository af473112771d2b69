#include "train/sweep/sweep.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <set>
#include <tuple>

#include "train/output/console.h"
#include "train/output/json_text.h"

namespace lspt {
namespace {

constexpr size_t kMostSettings = 10000;

using Json = nlohmann::ordered_json;

bool is_chosen_cell(const Sweep& sweep, const Cell& cell) { return cell.values == sweep.chosen; }

struct Measure {
  const char* name;
  bool test;
  double (*value)(const RunResult&);
};
const std::vector<Measure>& measures() {
  static const std::vector<Measure> table = {
      {"val_top1", false, [](const RunResult& r) { return r.best_top1; }},
      {"test_top1", true, [](const RunResult& r) { return r.test->top1; }},
      {"test_top5", true, [](const RunResult& r) { return r.test->top5; }},
      {"test_mean_class_top1", true, [](const RunResult& r) { return r.test->mean_class_top1; }},
  };
  return table;
}

bool has(const Measure& measure, const RunResult& result) {
  return result.diverged.empty() && (!measure.test || result.test);
}

Spread spread_in(const Sweep& sweep, const Measure& measure) {
  std::vector<double> numbers;
  for (const Cell& cell : finals(sweep))
    if (has(measure, cell.result)) numbers.push_back(measure.value(cell.result));
  return spread_of(numbers);
}

/// A flag's value, as a number where it is one.
Json json_value(const std::string& word) {
  const Json value = Json::parse(word, nullptr, false);
  return value.is_number() ? value : Json(word);
}

std::string percent(double value) { return format("%.4f", value); }

}  // namespace

std::vector<int64_t> parse_seeds(const std::string& text, int64_t first) {
  std::vector<int64_t> seeds;
  const Flag& flag = *find_flag("seed", kRun);
  if (text.find(',') == std::string::npos) {
    int64_t count = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
    require(error == std::errc() && end == text.data() + text.size() && count >= 1 && count <= 1000,
            ErrorKind::kUsage, "--seeds: '", text,
            "' found, how many (1 to 1000), or the seeds themselves with commas, expected");
    for (int64_t i = 0; i < count; ++i) seeds.push_back(first + i);
  } else {
    for (size_t begin = 0; begin < text.size();) {
      const size_t end = std::min(text.find(',', begin), text.size());
      Options seed;
      set_value(seed, flag, text.substr(begin, end - begin));
      seeds.push_back(seed.seed);
      begin = end + 1;
    }
  }
  require(std::set(seeds.begin(), seeds.end()).size() == seeds.size() && !seeds.empty(),
          ErrorKind::kUsage, "--seeds: '", text, "': a seed is there twice");
  return seeds;
}

std::vector<std::vector<std::string>> settings_of(const std::vector<Axis>& axes) {
  std::vector<std::vector<std::string>> out = {{}};
  std::set<std::string> names;
  for (const Axis& axis : axes) {
    const std::string& name = axis.flag->name;
    require(names.insert(name).second && !names.contains(rival_of(name)), ErrorKind::kUsage,
            "--sweep ", name, ": given twice");
    const std::set<std::string> different(axis.values.begin(), axis.values.end());
    require(different.size() == axis.values.size(), ErrorKind::kUsage, "--sweep ", name,
            ": a value is there twice");
    require(out.size() * axis.values.size() <= kMostSettings, ErrorKind::kUsage,
            "--sweep: more than ", kMostSettings, " combinations");
    std::vector<std::vector<std::string>> more;
    for (const auto& values : out)
      for (const std::string& value : axis.values) {
        more.push_back(values);
        more.back().push_back(value);
      }
    out = std::move(more);
  }
  return out;
}

std::string cell_name(const std::vector<Axis>& axes, const Cell& cell) {
  std::string out;
  for (size_t i = 0; i < axes.size(); ++i) out += axes[i].flag->name + "=" + cell.values[i] + ",";
  return out + "seed=" + std::to_string(cell.seed);
}

const Cell* best_of(const std::vector<Cell>& cells) {
  const Cell* best = nullptr;
  for (const Cell& cell : cells) {
    const RunResult& r = cell.result;
    if (!r.diverged.empty()) continue;
    const auto rank = [](const RunResult& x) {
      return std::tuple(x.failed.empty(), x.best_top1, -x.settings.schedule.lr);
    };
    if (!best || rank(r) > rank(best->result)) best = &cell;
  }
  return best;
}

std::vector<Cell> finals(const Sweep& sweep) {
  std::vector<Cell> out;
  for (const int64_t seed : sweep.seeds)
    for (const Cell& cell : sweep.cells)
      if (cell.seed == seed && is_chosen_cell(sweep, cell)) out.push_back(cell);
  return out;
}

std::string csv_of(const Sweep& sweep) {
  std::string out;
  for (const Axis& axis : sweep.axes) out += axis.flag->name + ",";
  out += "seed,status,chosen,best_epoch";
  for (const Measure& measure : measures()) out += std::string(",") + measure.name;
  out += ",time_s\n";
  for (const Cell& cell : sweep.cells) {
    const bool done = cell.result.diverged.empty();
    for (const std::string& value : cell.values) out += value + ",";
    const char* status = !done ? ",diverged," : cell.result.failed.empty() ? ",done," : ",failed,";
    out += std::to_string(cell.seed) + status + (is_chosen_cell(sweep, cell) ? "1," : "0,") +
           (done ? std::to_string(cell.result.best_epoch) : "");
    for (const Measure& measure : measures())
      out += "," + (has(measure, cell.result) ? percent(measure.value(cell.result)) : "");
    out += format(",%.1f\n", cell.seconds);
  }
  return out;
}

std::string table_of(const Sweep& sweep) {
  std::string out;
  std::vector<std::vector<std::string>> rows;
  if (!sweep.axes.empty()) {
    rows.emplace_back();
    for (const Axis& axis : sweep.axes) rows.back().push_back(axis.flag->name);
    for (const char* name : {"seed", "val Acc@1", "best epoch"}) rows.back().push_back(name);
    // Settings are chosen by one seed; cells of others come after.
    for (const Cell& cell : sweep.cells) {
      if (cell.seed != sweep.cells.front().seed) continue;
      const bool done = cell.result.diverged.empty();
      rows.push_back(cell.values);
      rows.back().push_back(std::to_string(cell.seed));
      rows.back().push_back(done ? percent(cell.result.best_top1) : "diverged");
      rows.back().push_back(done ? std::to_string(cell.result.best_epoch) : "-");
      if (!cell.result.failed.empty()) rows.back().push_back("learned nothing");
      if (is_chosen_cell(sweep, cell)) rows.back().push_back("<- chosen");
    }
    out += "Settings:\n" + aligned(rows);
  }
  const std::vector<Cell> cells = finals(sweep);
  if (cells.empty()) return out;
  rows = {{"seed", "best epoch", "val Acc@1", "test Acc@1", "test Acc@5", "test mean per class"}};
  for (const Cell& cell : cells) {
    const RunResult& r = cell.result;
    rows.push_back({std::to_string(cell.seed),
                    r.diverged.empty() ? std::to_string(r.best_epoch) : "diverged"});
    for (const Measure& measure : measures())
      rows.back().push_back(has(measure, r) ? percent(measure.value(r)) : "-");
  }
  std::vector<std::string> mean = {"mean", ""}, deviation = {"std (n-1)", ""};
  for (const Measure& measure : measures()) {
    const Spread spread = spread_in(sweep, measure);
    mean.push_back(spread.n > 0 ? percent(spread.mean) : "-");
    deviation.push_back(spread.deviation ? percent(*spread.deviation) : "-");
  }
  rows.push_back(mean);
  rows.push_back(deviation);
  std::string title = "Seeds";
  for (size_t i = 0; i < sweep.axes.size(); ++i)
    title += (i ? " --" : " of --") + sweep.axes[i].flag->name + " " + sweep.chosen[i];
  return out + (out.empty() ? "" : "\n") + title + ":\n" + aligned(rows);
}

std::string json_of(const Sweep& sweep, int indent) {
  Json axes = Json::object(), cells = Json::array(), chosen = nullptr, summary = Json::object();
  const auto settings = [&](const std::vector<std::string>& values) {
    Json out = Json::object();
    for (size_t i = 0; i < sweep.axes.size(); ++i)
      out[sweep.axes[i].flag->name] = json_value(values[i]);
    return out;
  };
  for (const Axis& axis : sweep.axes)
    for (const std::string& value : axis.values) axes[axis.flag->name].push_back(json_value(value));
  for (const Cell& cell : sweep.cells) {
    Json row = settings(cell.values);
    row["seed"] = cell.seed;
    row["diverged"] = !cell.result.diverged.empty();
    if (!cell.result.failed.empty()) row["failed"] = cell.result.failed;
    if (cell.result.diverged.empty()) row["best_epoch"] = cell.result.best_epoch;
    for (const Measure& measure : measures())
      if (has(measure, cell.result)) row[measure.name] = measure.value(cell.result);
    cells.push_back(row);
  }
  if (!finals(sweep).empty()) {
    chosen = settings(sweep.chosen);
    for (const Measure& measure : measures()) {
      const Spread spread = spread_in(sweep, measure);
      if (spread.n == 0) continue;
      summary[measure.name] = {{"n", spread.n}, {"mean", spread.mean}, {"std", nullptr}};
      if (spread.deviation) summary[measure.name]["std"] = *spread.deviation;
    }
  }
  const Json out = {{"axes", axes},
                    {"seeds", sweep.seeds},
                    {"cells", cells},
                    {"chosen", chosen},
                    {"summary", summary}};
  return json_text(out, indent);
}

}  // namespace lspt
