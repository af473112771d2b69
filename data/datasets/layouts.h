/// The readers behind open_dataset, and what they share.
#pragma once

#include <filesystem>
#include <initializer_list>
#include <string_view>

#include "data/dataset.h"

namespace lspt {

namespace fs = std::filesystem;

/// Collects the listed files that are missing.
struct MissingFiles {
  std::vector<MissingFile> files = {};
  bool looks = true;  ///< else no file is looked at
  /// The sample, and whether it is there.
  Sample sample(const fs::path& path, int label, const std::string& where);
};

/// Why the listed files are missing, if it is one reason for all that can be told with certainty:
/// commas read as parts of paths; or of all `listed` files, from where they are found. Else "".
std::string cause_of(const std::vector<MissingFile>& missing, size_t listed, const fs::path& root);

/// What a reader reads, and where it says which listed files are missing.
struct Source {
  fs::path root;
  const DatasetOptions& options;
  MissingFiles& missing;
};

struct Layout {
  const char* name;
  const char* needs;  ///< for people
  bool (*found)(const fs::path& root);
  Dataset (*open)(const Source& source);
  bool lists;  ///< whether options may name its list files
};
/// In the order in which they are tried.
const std::vector<Layout>& layouts();

struct Place {
  const Layout* layout;
  fs::path root;
};
/// The layout that is asked for, or else found, and where: in the folder itself or in the only one
/// of its folders that has any. Throws Error(kUsage) for an unknown layout and for lists of one
/// that has none; Error(kData) with what each layout needs if there is none, and for several below.
Place find_layout(const DatasetOptions& options);

Dataset open_cub(const Source& source);  ///< NABirds too
Dataset open_flowers(const Source& source);
Dataset open_dogs(const Source& source);
Dataset open_cars(const Source& source);
Dataset open_vtab(const Source& source);
Dataset open_vpt_json(const Source& source);
Dataset open_list(const Source& source);
Dataset open_folder(const Source& source);
Dataset open_images(const Source& source);
/// Whether a folder in root, or in its train/, holds an image, and none is named as other layouts'
/// are. Where no folder at the top holds one, those below are looked at too.
bool is_folder_per_class(const fs::path& root);

/// A line of a text file.
struct Line {
  std::string file;
  int number = 0;
  std::string text;
  std::string where() const { return file + ":" + std::to_string(number); }
};

/// The lines that are not blank, without byte-order mark, carriage returns and blanks at the ends.
/// Throws Error(kData) if the file cannot be read or holds a NUL byte.
std::vector<Line> read_lines(const fs::path& file);
std::vector<Line> lines_of(const std::string& text, const std::string& file);

/// Without the blanks at both ends; what is in memory stays the caller's.
std::string_view trimmed(std::string_view text);

/// Splits at the first run of blanks. Throws Error(kData) "`expected` expected" if there is none.
std::pair<std::string, std::string> split_first(const Line& line, std::string_view expected);

/// The whole of `text` as a decimal integer, else false.
bool parse_integer(std::string_view text, int64_t& value);

/// root / relative. Throws Error(kData) if that leaves the root.
fs::path inside(const fs::path& root, const std::string& relative, const std::string& where);

/// Whether root / name is there.
bool has(const fs::path& root, const char* name);
/// root / the first name that is there, or root / the first name.
fs::path first_of(const fs::path& root, std::initializer_list<const char*> names);

/// Sorted names of the folders, or else of the plain files, in a folder; hidden ones are left out.
std::vector<std::string> entries_of(const fs::path& folder, bool folders);

/// Adds a sentence to a note.
void add_note(Dataset& data, const std::string& sentence);

/// The text files of CUB's form as their lines.
struct CubLines {
  std::vector<Line> images, labels, splits, classes;
};
Dataset parse_cub(const CubLines& files, const fs::path& images, MissingFiles& missing);

/// A line of `path label`; `part` is the member of Dataset to which it belongs.
struct ListEntry {
  fs::path path;
  std::string label, where;
  std::vector<Sample> Dataset::*part;
};
/// The lines as entries; `column` as in list_rows.h. Returns what is to be noted about them.
std::string append_entries(const fs::path& root, const std::vector<Line>& lines,
                           std::vector<Sample> Dataset::*part, std::vector<ListEntry>& entries,
                           const std::string& column = "");
/// NAME.txt, .csv or .tsv, whichever there is.
fs::path list_named(const fs::path& root, const std::string& name);
/// Labels are integers in 0 .. K-1, or names. `class_names` is empty if only the entries say what
/// classes there are, else `named_by` says in messages where they come from.
Dataset label_entries(const std::vector<ListEntry>& entries, std::vector<std::string> class_names,
                      const std::string& named_by, MissingFiles& missing);

/// The lines of root/classes.txt, if it is there.
std::vector<std::string> names_in_classes_txt(const fs::path& root);

/// The entries of a JSON split, {"path": class id, ...}, in the file's order. Throws Error(kData)
/// for anything else and for a path that comes twice.
std::vector<std::pair<std::string, int64_t>> parse_json_split(std::string_view text,
                                                              const std::string& file);

}  // namespace lspt
