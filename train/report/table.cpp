#include "train/report/table.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <numeric>

#include "models/vit.h"
#include "train/metrics.h"
#include "train/output/console.h"

namespace lspt {
namespace {

/// VTAB-1k's tasks (Zhai et al. 2019, arXiv:1910.04867), by the names of their folders.
const std::map<std::string, std::string>& vtab_groups() {
  static const std::map<std::string, std::string> groups = [] {
    std::map<std::string, std::string> out;
    const auto add = [&](const char* group, std::initializer_list<const char*> tasks) {
      for (const char* task : tasks) out[task] = group;
    };
    add("natural",
        {"caltech101", "cifar", "dtd", "oxford_flowers102", "oxford_iiit_pet", "svhn", "sun397"});
    add("specialized", {"patch_camelyon", "eurosat", "resisc45", "diabetic_retinopathy"});
    add("structured", {"clevr_count", "clevr_dist", "dmlab", "kitti", "dsprites_loc",
                       "dsprites_ori", "smallnorb_azi", "smallnorb_ele"});
    return out;
  }();
  return groups;
}

double backbone_parameters(const RunFacts& run) {
  const auto size = run.settings.find("img-size");
  const int img_size = size == run.settings.end() ? 0 : std::stoi(size->second);
  double sum = 0;
  for (const auto& [name, shape] : backbone_shapes(vit_config(run.model, img_size)))
    sum += static_cast<double>(shape.numel());
  return sum;
}

TableCell cell_of(const RunGroup& group) {
  const Spread spread = spread_of(group.tests());
  return {.runs = spread.n,
          .mean = spread.mean,
          .deviation = spread.deviation.value_or(0),
          .trained = static_cast<double>(group.runs[0].trained.value_or(0))};
}

/// What is printed behind the data sets.
struct Summary {
  std::string name;
  std::vector<std::optional<double>> values;  // a row each
  bool count = false;                         // a number of data sets
};

std::optional<double> mean_of(const TableRow& row, const std::vector<size_t>& columns) {
  double sum = 0;
  for (const size_t c : columns) {
    if (row.cells[c].runs == 0) return std::nullopt;
    sum += row.cells[c].mean;
  }
  return sum / static_cast<double>(columns.size());
}

std::vector<Summary> summaries_of(const ResultTable& t) {
  std::vector<Summary> out;
  const auto add = [&](const std::string& name, const std::vector<size_t>& columns) {
    if (columns.size() < 2) return;
    out.push_back({name, {}});
    for (const TableRow& row : t.rows) out.back().values.push_back(mean_of(row, columns));
  };
  for (const std::string group : {"natural", "specialized", "structured"}) {
    std::vector<size_t> columns;
    for (size_t c = 0; c < t.columns.size(); ++c)
      if (t.columns[c].group == group) columns.push_back(c);
    add(group, columns);
  }
  if (out.size() > 1) {  // as most papers have VTAB's mean
    Summary mean{"groups", {}};
    for (size_t r = 0; r < t.rows.size(); ++r) {
      std::optional<double> sum = 0.0;
      for (const Summary& group : out)
        sum = sum && group.values[r] ? std::optional(*sum + *group.values[r]) : std::nullopt;
      mean.values.push_back(sum ? std::optional(*sum / static_cast<double>(out.size()))
                                : std::nullopt);
    }
    out.push_back(mean);
  }
  std::vector<size_t> all(t.columns.size());
  std::iota(all.begin(), all.end(), 0);
  add("mean", all);
  const auto full = std::find_if(t.rows.begin(), t.rows.end(),
                                 [](const TableRow& row) { return row.name == "full"; });
  if (full == t.rows.end()) return out;
  out.push_back({"wins", {}, true});
  for (const TableRow& row : t.rows) {
    double wins = 0;
    for (size_t c = 0; c < all.size(); ++c)
      wins += row.cells[c].runs > 0 && full->cells[c].runs > 0 &&
              row.cells[c].mean > full->cells[c].mean;
    out.back().values.push_back(&row == &*full ? std::nullopt : std::optional(wins));
  }
  return out;
}

/// 1 for the highest of a column, 2 for the second, else 0; equals share a place.
std::vector<int> places_of(const std::vector<std::optional<double>>& values) {
  std::vector<int> out;
  for (const auto& value : values) {
    const auto above = std::count_if(values.begin(), values.end(), [&](const auto& other) {
      return value && other && *other > *value;
    });
    out.push_back(value && above < 2 && values.size() > 2 ? static_cast<int>(above) + 1 : 0);
  }
  return out;
}

/// Every entry as text, `mark` making a place visible.
template <typename Cell, typename Mark>
std::vector<std::vector<std::string>> entries_of(const ResultTable& t, const Cell& text,
                                                 const Mark& mark) {
  std::vector<std::vector<std::string>> lines(t.rows.size() + 1);
  lines[0] = {"method", "tuned %"};
  for (size_t r = 0; r < t.rows.size(); ++r)
    lines[r + 1] = {t.rows[r].name, format("%.2f", t.rows[r].tuned)};
  for (size_t c = 0; c < t.columns.size(); ++c) {
    lines[0].push_back(t.columns[c].name);
    std::vector<std::optional<double>> means;
    for (const TableRow& row : t.rows)
      means.push_back(row.cells[c].runs > 0 ? std::optional(row.cells[c].mean) : std::nullopt);
    const std::vector<int> places = places_of(means);
    for (size_t r = 0; r < t.rows.size(); ++r)
      lines[r + 1].push_back(means[r] ? mark(text(t.rows[r].cells[c]), places[r]) : "-");
  }
  for (const Summary& summary : summaries_of(t)) {
    lines[0].push_back(summary.name);
    const std::vector<int> places = places_of(summary.values);
    for (size_t r = 0; r < t.rows.size(); ++r) {
      const auto& value = summary.values[r];
      lines[r + 1].push_back(!value          ? "-"
                             : summary.count ? format("%.0f", *value)
                                             : mark(format("%.2f", *value), places[r]));
    }
  }
  return lines;
}

std::string joined(const std::vector<std::vector<std::string>>& lines, const char* between,
                   const char* end) {
  std::string out;
  for (const auto& line : lines) {
    for (size_t i = 0; i < line.size(); ++i) out += (i ? between : "") + line[i];
    out += end;
  }
  return out;
}

std::string latex_name(std::string text) {
  for (size_t at = 0; (at = text.find('_', at)) != std::string::npos; at += 2)
    text.insert(at, "\\");
  return text;
}

}  // namespace

ResultTable result_table(const std::vector<Task>& tasks) {
  ResultTable out;
  std::vector<std::pair<TableColumn, const Task*>> columns;
  for (const Task& task : tasks) {
    std::filesystem::path path(task.data);
    if (path.filename().empty()) path = path.parent_path();
    const auto group = vtab_groups().find(path.filename().string());
    columns.push_back(
        {{path.filename().string(), group == vtab_groups().end() ? "" : group->second}, &task});
  }
  std::stable_sort(columns.begin(), columns.end(), [](const auto& a, const auto& b) {
    return a.first.group < b.first.group;  // natural, specialized, structured
  });
  for (size_t c = 0; c < columns.size(); ++c) {
    out.columns.push_back(columns[c].first);
    for (const RunGroup& group : columns[c].second->groups) {
      if (group.tests().empty()) continue;
      auto row = std::find_if(out.rows.begin(), out.rows.end(),
                              [&](const TableRow& r) { return r.name == group.name; });
      if (row == out.rows.end()) {
        out.rows.push_back({group.name, std::vector<TableCell>(columns.size())});
        row = out.rows.end() - 1;
      }
      row->cells[c] = cell_of(group);
      row->cells[c].trained *= 100 / backbone_parameters(group.runs[0]);
    }
  }
  for (TableRow& row : out.rows) {
    double columns_of_row = 0;
    for (const TableCell& cell : row.cells)
      if (cell.runs > 0) row.tuned += cell.trained, ++columns_of_row;
    row.tuned /= columns_of_row;
  }
  const auto place = [](const TableRow& row) {
    const auto& names = method_names();
    const std::string method = row.name.substr(0, row.name.find(','));
    return std::find(names.begin(), names.end(), method) - names.begin();
  };
  std::stable_sort(out.rows.begin(), out.rows.end(),
                   [&](const TableRow& a, const TableRow& b) { return place(a) < place(b); });
  return out;
}

std::string text_of(const ResultTable& table) {
  const auto cell = [](const TableCell& c) {
    return c.runs > 1 ? format("%.2f +- %.2f", c.mean, c.deviation) : format("%.2f", c.mean);
  };
  const auto mark = [](const std::string& text, int place) {
    return text + (place == 1 ? "**" : place == 2 ? "* " : "  ");
  };
  return aligned(entries_of(table, cell, mark));
}

std::string csv_of(const ResultTable& table) {
  std::string out = "method,tuned_percent,data,group,seeds,top1_mean,top1_std\n";
  for (const TableRow& row : table.rows)
    for (size_t c = 0; c < table.columns.size(); ++c)
      if (const TableCell& cell = row.cells[c]; cell.runs > 0)
        out += quoted(row.name) + "," + format("%.4f", cell.trained) + "," + table.columns[c].name +
               "," + table.columns[c].group + "," + std::to_string(cell.runs) + "," +
               format("%.4f", cell.mean) + "," +
               (cell.runs > 1 ? format("%.4f", cell.deviation) : "") + "\n";
  return out;
}

std::string latex_of(const ResultTable& table) {
  const auto cell = [](const TableCell& c) {
    return c.runs > 1 ? format("%.2f $\\pm$ %.2f", c.mean, c.deviation) : format("%.2f", c.mean);
  };
  const auto mark = [](const std::string& text, int place) {
    return place == 1 ? "\\textbf{" + text + "}" : place == 2 ? "\\underline{" + text + "}" : text;
  };
  auto lines = entries_of(table, cell, mark);
  for (std::string& name : lines[0]) name = latex_name(name);
  lines[0][1] = "tuned \\%";
  for (auto& line : lines) line[0] = latex_name(line[0]);
  const std::vector<std::vector<std::string>> head(lines.begin(), lines.begin() + 1),
      body(lines.begin() + 1, lines.end());
  return "\\begin{tabular}{l" + std::string(lines[0].size() - 1, 'r') + "}\n\\toprule\n" +
         joined(head, " & ", " \\\\\n") + "\\midrule\n" + joined(body, " & ", " \\\\\n") +
         "\\bottomrule\n\\end{tabular}\n";
}

}  // namespace lspt
