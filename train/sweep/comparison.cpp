#include "train/sweep/comparison.h"

#include <cmath>
#include <map>

#include "train/choice.h"
#include "train/output/console.h"
#include "train/output/json_text.h"

namespace lspt {
namespace {

/// Top-1 by seed of the runs that did not diverge.
std::map<int64_t, double> top1_of(const Sweep& sweep) {
  std::map<int64_t, double> out;
  for (const Cell& cell : finals(sweep))
    if (cell.result.diverged.empty())
      out[cell.seed] = cell.result.test ? cell.result.test->top1 : cell.result.best_top1;
  return out;
}

struct Row {
  std::string method, settings = {};
  int64_t trained = 0, images = 0;
  Spread spread = {};
  double error = 0;  // of the top-1 of one run, by the number of images
  PairedDifference difference = {};
};

std::vector<Row> rows_of(const std::vector<Compared>& methods, const std::string& reference) {
  const Sweep* other = nullptr;
  for (const Compared& compared : methods)
    if (compared.method == reference) other = &compared.sweep;
  std::vector<Row> rows;
  for (const Compared& compared : methods) {
    const Sweep& sweep = compared.sweep;
    Row row{.method = compared.method};
    for (size_t i = 0; i < sweep.chosen.size(); ++i)
      row.settings += (i ? " " : "") + sweep.axes[i].flag->name + "=" + sweep.chosen[i];
    std::vector<double> numbers;
    for (const auto& [seed, top1] : top1_of(sweep)) numbers.push_back(top1);
    row.spread = spread_of(numbers);
    for (const Cell& cell : finals(sweep)) {
      row.trained = cell.result.trained;
      row.images = cell.result.test ? cell.result.test->images : cell.result.chosen_images;
    }
    row.error = standard_error(row.spread.mean, row.images);
    if (other) row.difference = paired(sweep, *other);
    rows.push_back(row);
  }
  return rows;
}

/// With its sign, if there is one.
std::string difference_text(const Row& row, const std::string& reference) {
  if (row.method == reference || row.difference.n == 0) return "";
  const std::string mean = format("%+.2f", row.difference.mean);
  return row.difference.error ? mean + format(" (s.e. %.2f)", *row.difference.error) : mean;
}

bool tested(const std::vector<Compared>& methods) {
  for (const Compared& compared : methods)
    for (const Cell& cell : finals(compared.sweep))
      if (cell.result.test) return true;
  return false;
}

}  // namespace

PairedDifference paired(const Sweep& one, const Sweep& reference) {
  const auto here = top1_of(one), there = top1_of(reference);
  std::vector<double> differences;
  for (const auto& [seed, top1] : here)
    if (const auto it = there.find(seed); it != there.end())
      differences.push_back(top1 - it->second);
  const Spread spread = spread_of(differences);
  PairedDifference out{.n = spread.n, .mean = spread.mean};
  if (spread.deviation) out.error = *spread.deviation / std::sqrt(static_cast<double>(spread.n));
  return out;
}

std::string csv_of(const std::vector<Compared>& methods, const std::string& reference) {
  std::string out =
      "method,settings,trained_parameters,seeds,top1_mean,top1_std,images,difference,"
      "difference_se\n";
  for (const Row& row : rows_of(methods, reference)) {
    out += row.method + "," + row.settings + "," + std::to_string(row.trained) + "," +
           std::to_string(row.spread.n) + "," + format("%.4f", row.spread.mean) + "," +
           (row.spread.deviation ? format("%.4f", *row.spread.deviation) : "") + "," +
           std::to_string(row.images);
    const bool other = row.method != reference && row.difference.n > 0;
    out += "," + (other ? format("%.4f", row.difference.mean) : "") + "," +
           (other && row.difference.error ? format("%.4f", *row.difference.error) : "") + "\n";
  }
  return out;
}

std::string table_of(const std::vector<Compared>& methods, const std::string& reference) {
  std::vector<std::vector<std::string>> lines = {{"method", "trained", "seeds",
                                                  tested(methods) ? "test Acc@1" : "val Acc@1",
                                                  "std (n-1)", "to " + reference, "settings"}};
  Row last;
  for (const Row& row : rows_of(methods, reference)) {
    lines.push_back({row.method, grouped(row.trained), std::to_string(row.spread.n),
                     row.spread.n > 0 ? format("%.2f", row.spread.mean) : "diverged",
                     row.spread.deviation ? format("%.2f", *row.spread.deviation) : "-",
                     difference_text(row, reference), row.settings});
    last = row;
  }
  return aligned(lines) +
         format(
             "One run's standard error on these %lld images is %.1f; differences are of runs "
             "with the same seed.\n",
             static_cast<long long>(last.images), last.error);
}

std::string json_of(const std::vector<Compared>& methods, const std::string& reference,
                    int indent) {
  nlohmann::ordered_json rows = nlohmann::ordered_json::array();
  const auto sweep_of = [&](size_t i) {
    return nlohmann::ordered_json::parse(json_of(methods[i].sweep));
  };
  const auto all = rows_of(methods, reference);
  for (size_t i = 0; i < all.size(); ++i) {
    const Row& row = all[i];
    nlohmann::ordered_json out = {{"method", row.method},  {"trained_parameters", row.trained},
                                  {"seeds", row.spread.n}, {"top1_mean", row.spread.mean},
                                  {"top1_std", nullptr},   {"top1_se_of_a_run", row.error},
                                  {"images", row.images}};
    if (row.spread.deviation) out["top1_std"] = *row.spread.deviation;
    if (row.method != reference && row.difference.n > 0) {
      out["difference"] = row.difference.mean;
      if (row.difference.error) out["difference_se"] = *row.difference.error;
    }
    out["sweep"] = sweep_of(i);
    rows.push_back(out);
  }
  return json_text(
      {{"reference", reference}, {"on", tested(methods) ? "test" : "val"}, {"methods", rows}},
      indent);
}

}  // namespace lspt
