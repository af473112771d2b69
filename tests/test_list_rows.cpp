// List files as people write them.
#include <doctest/doctest.h>

#include "data/datasets/list_rows.h"
#include "tests/data_layouts.h"

namespace lspt {
namespace {

struct Read {
  Names rows;  // "path|label"
  std::string note;
};

Read read(const std::string& text, const std::string& column = "") {
  Read out;
  for (const ListRow& row : rows_of_list(lines_of(text, "a/train.csv"), column, out.note))
    out.rows.push_back(row.path + "|" + row.label);
  return out;
}

std::string error_in(const std::string& text, const std::string& column = "") {
  return error_of([&] { read(text, column); });
}

TEST_CASE("a list all of whose images are missing says why, where that is certain") {
  const auto error = [](const std::string& list, const std::vector<std::string>& files) {
    const TempFolder folder;
    for (const std::string& file : files) folder.write("set/" + file, "-");
    folder.write("set/train.txt", list);
    return error_of([&] { open_dataset({folder / "set"}); });
  };
  CHECK(contains(error("a, 0\nb, 1\nc, 0\n", {}),
                 "3 listed images are missing: all 3 paths end in ',': is it comma-separated?"));
  CHECK(contains(error("0 a\n1 b\n", {"a", "b"}), "all 2 paths are numbers"));
  CHECK(contains(error("set/a.jpg 0\nset/b.jpg 1\n", {"a.jpg", "b.jpg"}), "are found from /"));
  CHECK(contains(error("a.jpg 0\nb.jpg 1\n", {"x/c.jpg", "y/a.jpg", "y/b.jpg"}), "set/y: give"));
  CHECK(contains(error("old/all/a.jpg 0\nold/all/b.jpg 1\n", {"all/a.jpg", "all/b.jpg"}),
                 "are found without 'old/' at their beginnings"));
  CHECK(contains(error("a 0\nb 1\n", {"a.jpg", "b.jpg"}), "are found with .jpg at their ends"));
  CHECK(contains(error("x\\a.jpg 0\nx\\b.jpg 1\n", {"x/a.jpg", "x/b.jpg"}),
                 "are found with / in the place of \\"));
  // Not all of them, or not for one reason.
  CHECK(contains(error("a 0\nb 1\n", {"a.jpg"}), "2 listed images are missing:\n"));
  CHECK(contains(error("a.jpg 0\nb.jpg 1\n", {"a.jpg"}), "1 listed image is missing:\n"));
}

}  // namespace

TEST_CASE("columns may be separated by blanks, tabs or commas, paths may hold blanks") {
  CHECK(read("a.jpg 0\nb/my bird.JPG 1\n").rows == Names{"a.jpg|0", "b/my bird.JPG|1"});
  CHECK(read("a.jpg\tgrey jay\nmy, bird.png\twren\n").rows ==
        Names{"a.jpg|grey jay", "my, bird.png|wren"});
  CHECK(read("a.jpg,0\nb c.jpg, 1\r\n").rows == Names{"a.jpg|0", "b c.jpg|1"});
  CHECK(read("\"a, \"\"b\"\".jpg\",\"grey jay\"\nc.jpg,wren\n").rows ==
        Names{"a, \"b\".jpg|grey jay", "c.jpg|wren"});
  CHECK(read("\"my bird\" 0\n\"b\" 1\n").rows == Names{"my bird|0", "b|1"});
  CHECK(read("a.jpg 1\nb c.jpg\t0\n").rows == Names{"a.jpg|1", "b c.jpg|0"});
  CHECK(read("no_ending 3\nof any kind 4\n").rows == Names{"no_ending|3", "of any kind|4"});
  CHECK(read("x.jpg y.jpg 4\n").rows == Names{"x.jpg y.jpg|4"});
}

TEST_CASE("a header is no image; the path may be in any column, and labels in several") {
  CHECK(read("path,label\na.jpg,0\n").rows == Names{"a.jpg|0"});
  const std::string table = "id,file,species,family\n1,a.jpg,jay,corvid\n2,b.jpg,wren,wren\n";
  CHECK(read(table).rows == Names{"a.jpg|1", "b.jpg|2"});
  CHECK(read(table).note.find("of 3 label columns the one named id is taken") != std::string::npos);
  CHECK(read(table, "family").rows == Names{"a.jpg|corvid", "b.jpg|wren"});
  CHECK(read(table, "2").rows == Names{"a.jpg|jay", "b.jpg|wren"});
  CHECK(read("id,file,Label\n1,a.jpg,jay\n").rows == Names{"a.jpg|jay"});
  const Read two = read("a.jpg 17 3\nb c.jpg 2 0\n");
  CHECK(two.rows == Names{"a.jpg|17", "b c.jpg|2"});
  CHECK(two.note.find("numbered 1") != std::string::npos);
  CHECK(read("a.jpg 17 3\nb.jpg 2 0\n", "2").rows == Names{"a.jpg|3", "b.jpg|0"});
}

TEST_CASE("a line that is none, or a column that there is not, is named") {
  CHECK(contains(error_in("a.jpg 1\nb.jpg\n"),
                 "a/train.csv:2: found `b.jpg`, `path label` expected"));
  CHECK(contains(error_in("a.jpg,1\nb.jpg,1,2\n"), "train.csv:2: 3 columns, 2 expected"));
  CHECK(contains(error_in("a.jpg,\nb.jpg,1\n"),
                 "train.csv:1: found `a.jpg,`, `path label` expected"));
  CHECK(contains(error_in("\"a.jpg,1\n"), "a quote that does not end"));
  CHECK(contains(error_in("a.jpg 1\n", "2"), "has 1 label columns"));
  CHECK(contains(error_in("a.jpg 1\n", "kind"), "no header"));
  CHECK(contains(error_in("p,l\na.jpg,1\n", "kind"), "no column of that name"));
}

TEST_CASE("train.csv is a list, and a label column is refused where there are none") {
  const TempFolder folder;
  touch(folder, {"jay/a b.jpg", "wren/c.jpg"});
  folder.write("train.csv",
               "image,kind,family\n\"jay/a b.jpg\",jay,corvid\nwren/c.jpg,wren,wren\n");
  DatasetOptions options{folder.path()};
  options.label_column = "family";
  const Dataset data = open_dataset(options);
  CHECK(data.layout == "list");
  CHECK(data.class_names == Names{"corvid", "wren"});
  CHECK(data.note.find("family is taken") != std::string::npos);
  std::filesystem::remove(folder / "train.csv");
  CHECK(contains(error_of([&] { open_dataset(options); }), "layout is folder, which has none"));
}

}  // namespace lspt
