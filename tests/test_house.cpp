// The arrows of the house point one way: engine <- ops <- models <- train, engine <- data <- train.
#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <regex>
#include <set>
#include <string>

namespace fs = std::filesystem;

namespace {

std::string text_of(const fs::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

TEST_CASE("folders include only what lies below them") {
  const std::map<std::string, std::set<std::string>> allowed = {
      {"engine", {"engine"}},
      {"ops", {"engine", "ops"}},
      {"models", {"engine", "ops", "models"}},
      {"data", {"engine", "data"}},
      {"train", {"engine", "ops", "models", "data", "train"}}};
  int includes = 0;
  for (const auto& [folder, below] : allowed) {
    for (const auto& entry : fs::recursive_directory_iterator(folder)) {
      if (!entry.is_regular_file()) continue;
      std::ifstream file(entry.path());
      for (std::string line; std::getline(file, line);) {
        if (!line.starts_with("#include \"")) continue;
        const std::string name = line.substr(10, line.find('/') - 10);
        INFO(entry.path().string(), ": ", line);
        CHECK(below.count(name) == 1);
        ++includes;
      }
    }
  }
  CHECK(includes > 100);  // the test looks at something
}

TEST_CASE("below train/, nothing knows of commands and the command line") {
  int rooms = 0;
  for (const auto& entry : fs::recursive_directory_iterator("train")) {
    if (entry.is_directory()) ++rooms;
    const std::string room = entry.path().parent_path().string();
    if (!entry.is_regular_file() || room == "train/commands" || room == "train/command_line")
      continue;
    std::ifstream file(entry.path());
    for (std::string line; std::getline(file, line);) {
      INFO(entry.path().string(), ": ", line);
      for (const char* above : {"#include \"train/commands/", "#include \"train/command_line/"})
        CHECK_FALSE(line.starts_with(above));
    }
  }
  CHECK(rooms >= 6);
}

TEST_CASE("behind the door nobody knows of flags: settings are typed") {
  // The rooms in front of it; of what they have only this is for all.
  const std::set<std::string> rooms = {"train/settings", "train/sweep", "train/commands",
                                       "train/command_line"};
  const std::set<std::string> open = {"#include \"train/settings/train_settings.h\"",
                                      "#include \"train/settings/words.h\""};
  int behind = 0, typed = 0;
  for (const auto& entry : fs::recursive_directory_iterator("train")) {
    if (!entry.is_regular_file() || rooms.contains(entry.path().parent_path().string())) continue;
    ++behind;
    std::ifstream file(entry.path());
    for (std::string line; std::getline(file, line);) {
      INFO(entry.path().string(), ": ", line);
      if (line.starts_with("#include \"train/settings/")) CHECK(open.contains(line));
      typed += open.contains(line);
    }
  }
  CHECK(behind > 50);
  CHECK(typed > 5);
  for (const std::string header : {"train_settings.h", "words.h"}) {
    std::ifstream file("train/settings/" + header);
    for (std::string line; std::getline(file, line);)
      CHECK_FALSE(line.starts_with("#include \"train/settings/"));
  }
}

TEST_CASE("a room of data, models and train has at most fifteen source files") {
  std::map<std::string, int> files;
  for (const char* floor : {"data", "models", "train"})
    for (const auto& entry : fs::recursive_directory_iterator(floor))
      if (const auto ending = entry.path().extension(); ending == ".cpp" || ending == ".cu")
        ++files[entry.path().parent_path().string()];
  CHECK(files.size() > 8);
  for (const auto& [room, count] : files) {
    INFO(room, ": ", count);
    CHECK(count <= 15);
  }
}

TEST_CASE("kernel files, which are compiled as one, keep their own names in a namespace each") {
  const std::string makefile = text_of("Makefile");
  const size_t calls = makefile.find("\nLIBRARY_CALLS := ");
  REQUIRE(calls != std::string::npos);
  const std::string alone = makefile.substr(calls, makefile.find('\n', calls + 1) - calls);
  std::set<std::string> namespaces;
  for (const char* folder : {"engine", "ops", "data", "train"}) {
    for (const auto& entry : fs::recursive_directory_iterator(folder)) {
      const std::string path = entry.path().string();
      if (!path.ends_with(".cu") || alone.find(path) != std::string::npos) continue;
      const std::string text = text_of(path), name = entry.path().stem().string() + "_cu";
      const size_t begin = text.find("\nnamespace " + name + " {\n");
      const size_t end = text.find("\n}  // namespace " + name + "\n");
      INFO(path);
      CHECK(namespaces.insert(name).second);
      CHECK(text.find("namespace {") == std::string::npos);
      for (size_t at = 0; (at = text.find("__global__", at)) != std::string::npos; ++at)
        CHECK((begin < at && at < end && end != std::string::npos));
    }
  }
  CHECK(namespaces.size() > 10);
}

TEST_CASE("only train/ prints or exits") {
  for (const char* folder : {"engine", "ops", "models", "data"}) {
    for (const auto& entry : fs::recursive_directory_iterator(folder)) {
      if (!entry.is_regular_file()) continue;
      std::ifstream file(entry.path());
      for (std::string line; std::getline(file, line);) {
        INFO(entry.path().string(), ": ", line);
        for (const char* word : {"std::cout", "std::cerr", "printf(std", " puts(", "exit("})
          CHECK(line.find(word) == std::string::npos);
      }
    }
  }
}

TEST_CASE("every line that \"A step, followed\" points to holds the words beside it") {
  const std::string text = text_of("train/a_step.md");
  const std::regex link("\\[[^\\]]*:([0-9]+)\\]\\(\\.\\./([^#)]+)#L([0-9]+)\\): `([^`]+)`");
  int links = 0;
  for (std::sregex_iterator at(text.begin(), text.end(), link), end; at != end; ++at, ++links) {
    const std::string path = (*at)[2], words = (*at)[4];
    std::ifstream file(path);
    int number = 0, there = 0;
    for (std::string line; std::getline(file, line);)
      if (++number; line.find(words) != std::string::npos && there == 0) there = number;
    INFO(path, ": `", words, "` is in line ", there);
    CHECK(std::to_string(there) == (*at)[1]);
    CHECK(std::to_string(there) == (*at)[3]);
  }
  CHECK(links == 12);
}
