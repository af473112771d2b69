/// A paper's table of finished runs: methods by data sets.
#pragma once

#include <string>
#include <vector>

#include "train/report/report.h"

namespace lspt {

/// Top-1 of one method on one data set, over its seeds.
struct TableCell {
  int64_t runs = 0;  ///< 0: nothing is known
  double mean = 0, deviation = 0, trained = 0;
};
struct TableColumn {
  std::string name, group;  ///< group: natural, specialized or structured if it is VTAB's, else ""
};
struct TableRow {
  std::string name;
  std::vector<TableCell> cells = {};  ///< a column each
  double tuned = 0;                   ///< percent of the backbone's parameters, mean over the cells
};
struct ResultTable {
  std::vector<TableColumn> columns = {};
  std::vector<TableRow> rows = {};
};

/// Rows in the order of --help, columns as the tasks come, VTAB's behind the others and by their
/// groups. A method that a task has in several settings makes a row of each.
ResultTable result_table(const std::vector<Task>& tasks);

/// Columns behind the data sets': each VTAB group's mean, the mean of these, that over all, and,
/// where a row is `full`, on how many data sets a method's mean is higher. A mean is of rows that
/// have every cell. In text the best of a column has two stars and the second one, in LaTeX they
/// are bold and underlined.
std::string text_of(const ResultTable& table);
std::string csv_of(const ResultTable& table);
std::string latex_of(const ResultTable& table);

}  // namespace lspt
