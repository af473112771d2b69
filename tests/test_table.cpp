// The table of a paper, of runs that are made up.
#include <doctest/doctest.h>

#include "tests/errors.h"
#include "train/report/table.h"

using namespace lspt;

namespace {

RunFacts run(const std::string& method, const std::string& data, int64_t seed, double top1,
             int64_t trained, const std::string& lr = "0.1") {
  RunFacts out{.folder = method,
               .method = method,
               .model = "vit_tiny_patch16_224",
               .data = data,
               .weights = ""};
  out.data_sha256 = data;
  out.seed = seed;
  out.settings = {{"lr", lr}, {"method", method}, {"weights", ""}};
  out.trained = trained;
  out.test_top1 = top1;
  return out;
}

ResultTable table() {
  return result_table(tasks_of(
      {run("lspt", "vtab-1k/dmlab", 1, 40, 55'000), run("full", "vtab-1k/dmlab", 1, 41, 5'500'000),
       run("lspt", "birds/CUB_200", 1, 80, 110'000, "0.3"),
       run("lspt", "birds/CUB_200", 2, 84, 110'000, "0.3"),
       run("full", "birds/CUB_200", 1, 70, 5'500'000), run("linear", "birds/CUB_200", 1, 60, 2'000),
       run("lspt", "vtab-1k/cifar/", 1, 60, 55'000),
       run("full", "vtab-1k/cifar/", 1, 50, 5'500'000),
       run("lspt", "vtab-1k/svhn", 1, 70, 55'000)}));
}

}  // namespace

TEST_CASE("a table has methods in their order, VTAB behind, and shares of the backbone") {
  const ResultTable t = table();
  std::vector<std::string> columns, rows;
  for (const TableColumn& column : t.columns) columns.push_back(column.name);
  for (const TableRow& row : t.rows) rows.push_back(row.name);
  CHECK(columns == std::vector<std::string>{"CUB_200", "cifar", "svhn", "dmlab"});
  CHECK(rows == std::vector<std::string>{"linear", "full", "lspt"});
  CHECK(t.columns[2].group == "natural");
  const TableCell& birds = t.rows[2].cells[0];
  CHECK(birds.runs == 2);
  CHECK(birds.mean == doctest::Approx(82));
  CHECK(birds.deviation == doctest::Approx(std::sqrt(8.0)));
  CHECK(t.rows[0].cells[1].runs == 0);
  // A ViT-Ti/16 of 224 pixels has 5,524,416 parameters.
  CHECK(t.rows[1].tuned == doctest::Approx(100 * 5'500'000 / 5'524'416.0));
  CHECK(t.rows[2].tuned == doctest::Approx(100 * (110'000 + 3 * 55'000) / 4 / 5'524'416.0));
}

TEST_CASE("the table's text marks the best, means what is whole, and counts wins over full") {
  const std::string text = text_of(table());
  CHECK(contains(text, "82.00 +- 2.83**"));
  CHECK(contains(text, "70.00* "));
  std::istringstream lines(text);
  std::string line, last;
  std::vector<std::vector<std::string>> words;
  while (std::getline(lines, line)) {
    std::istringstream parts(line);
    words.emplace_back();
    for (std::string word; parts >> word;) words.back().push_back(word);
  }
  REQUIRE(words.size() == 4);
  const auto tail = [](const std::vector<std::string>& all) {
    return std::vector<std::string>(all.end() - 3, all.end());
  };
  CHECK(tail(words[0]) == std::vector<std::string>{"natural", "mean", "wins"});
  CHECK(tail(words[1]) == std::vector<std::string>{"-", "-", "0"});
  CHECK(tail(words[2]) == std::vector<std::string>{"-", "-", "-"});
  CHECK(tail(words[3]) == std::vector<std::string>{"65.00**", "63.00**", "2"});
}

TEST_CASE("the table as CSV has a row a cell, as LaTeX what a paper prints") {
  const std::string csv = csv_of(table());
  CHECK(contains(csv, "\"lspt\",1.9912,CUB_200,,2,82.0000,2.8284\n"));
  CHECK(std::count(csv.begin(), csv.end(), '\n') == 9);
  const std::string latex = latex_of(table());
  CHECK(
      contains(latex, "\\begin{tabular}{lrrrrrrrr}\n\\toprule\nmethod & tuned \\% & CUB\\_200 & "));
  CHECK(contains(latex, "\\textbf{82.00 $\\pm$ 2.83} & "));
  CHECK(contains(latex, "\\underline{70.00} & "));
}
