// MAT-files against what SciPy reads from them.
#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>

#include "data/mat/mat.h"
#include "tests/data_fixtures.h"
#include "tests/mutate.h"

namespace lspt {
namespace {

using Kind = MatValue::Kind;
const std::string kMats = "tests/golden/mat/";

void check_same(const MatValue& value, const nlohmann::json& expected, const std::string& where) {
  INFO(where);
  const std::map<std::string, Kind> kinds = {{"numbers", Kind::numbers},
                                             {"text", Kind::text},
                                             {"cells", Kind::cells},
                                             {"structure", Kind::structure},
                                             {"other", Kind::other}};
  REQUIRE(value.kind == kinds.at(expected["kind"]));
  if (value.kind == Kind::other) return;
  CHECK(value.dims == expected["dims"].get<std::vector<int64_t>>());
  if (value.kind == Kind::text)
    CHECK(value.rows == expected["rows"].get<std::vector<std::string>>());
  if (value.kind == Kind::structure)
    CHECK(value.fields == expected["fields"].get<std::vector<std::string>>());
  if (value.kind == Kind::numbers) {
    REQUIRE(value.numbers.size() == expected["values"].size());
    for (size_t i = 0; i < value.numbers.size(); ++i) {
      const double wanted = std::strtod(expected["values"][i].get<std::string>().c_str(), nullptr);
      CHECK((std::isnan(wanted) ? std::isnan(value.numbers[i])
                                : std::memcmp(&wanted, &value.numbers[i], sizeof wanted) == 0));
    }
  }
  if (value.kind != Kind::cells && value.kind != Kind::structure) return;
  REQUIRE(value.values.size() == expected["values"].size());
  for (size_t i = 0; i < value.values.size(); ++i)
    check_same(value.values[i], expected["values"][i], where + "(" + std::to_string(i) + ")");
}

TEST_CASE("MAT-files give the values that SciPy reads, bit for bit") {
  for (const std::string name : {"scipy_plain", "scipy_zlib", "hand_plain", "hand_zlib"}) {
    const MatFile file = read_mat(kMats + name + ".mat");
    const auto expected = nlohmann::json::parse(read_file(kMats + name + ".json"));
    CHECK(file.variables.size() == expected.size());
    for (const auto& [key, value] : expected.items()) {
      REQUIRE(file.variables.count(key) == 1);
      check_same(file.variables.at(key), value, name + ": " + key);
    }
  }
}

TEST_CASE("other versions, a missing variable and one of another kind are named") {
  const std::string plain = read_file(kMats + "scipy_plain.mat");
  const auto error_with = [&](std::string bytes, size_t at, const std::string& change) {
    bytes.replace(at, change.size(), change);
    return error_of([&] { parse_mat(bytes, "x.mat"); });
  };
  CHECK(contains(error_of([] { read_mat(kMats + "version4.mat"); }), "3: read " + kMats));
  CHECK(contains(error_of([] { read_mat(kMats + "version4.mat"); }), "a MAT-file of version 4"));
  CHECK(contains(error_with(plain, 0, "MATLAB 7.3"), "x.mat: a MAT-file of version 7.3 (HDF5)"));
  CHECK(contains(error_with(plain, 0, "\x89HDF\r\n\x1a\n"), "version 7.3"));
  CHECK(contains(error_with(plain, 126, "MI"), "a big-endian MAT-file"));
  CHECK(contains(error_with(plain, 126, "XX"), "no MAT-file"));
  CHECK(contains(error_with(plain, 125, "\3"), "an unknown version"));
  CHECK(contains(error_of([] { parse_mat("MATLAB 5.0", "x.mat"); }), "shorter than a header"));
  const MatFile file = parse_mat(read_file(kMats + "hand_zlib.mat"), "x.mat");
  CHECK(file.get("annotations", Kind::structure).count() == 2);
  CHECK(text_of(file.get("latin", Kind::text), "latin") == "bird");
  CHECK(
      contains(error_of([&] { file.get("labels", Kind::numbers); }), "no variable labels; it has"));
  CHECK(contains(error_of([&] { file.get("latin", Kind::cells); }),
                 "variable latin is text, a cell array expected"));
}

// A MAT-file with one element of the given tag type, as it stands.
std::string file_of(uint32_t type, const std::string& data) {
  std::string bytes = std::string("MATLAB 5.0 MAT-file") + std::string(105, ' ') + '\0' + "\1IM";
  for (const uint32_t word : {type, static_cast<uint32_t>(data.size())})
    bytes.append(reinterpret_cast<const char*>(&word), 4);
  return bytes + data;
}

std::string zlib_of(const std::string& data) {
  uLongf size = compressBound(data.size());
  std::string packed(size, '\0');
  REQUIRE(compress(reinterpret_cast<Bytef*>(packed.data()), &size,
                   reinterpret_cast<const Bytef*>(data.data()), data.size()) == Z_OK);
  packed.resize(size);
  return packed;
}

TEST_CASE("limits of MAT-files hold before memory is taken") {
  const auto error_with = [](const std::string& bytes) {
    return error_of([&] { parse_mat(bytes, "x.mat"); });
  };
  const std::string bomb = file_of(15, zlib_of(std::string(size_t{300} << 20, '\0')));
  CHECK(bomb.size() < 400'000);
  CHECK(contains(error_with(bomb), "byte 128: inflates to more than 256 MiB"));
  CHECK(contains(error_with(file_of(15, zlib_of("short").substr(0, 8))), "zlib stream is cut"));
  CHECK(contains(error_with(file_of(15, "nothing of zlib")), "zlib stream is damaged"));

  const auto words = [](std::initializer_list<uint32_t> list) {
    std::string bytes;
    for (const uint32_t word : list) bytes.append(reinterpret_cast<const char*>(&word), 4);
    return bytes;
  };
  const std::string doubles = words({6, 8, 6, 0});
  CHECK(contains(error_with(file_of(14, doubles + words({5, 8, 1u << 20, 1u << 20}))),
                 "an array of 1.09951e+12 elements"));
  CHECK(contains(error_with(file_of(14, doubles + words({5, 36, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0}))),
                 "36 bytes of dimensions"));
  CHECK(contains(error_with(file_of(14, doubles + words({5, 8, 1, 0x80000000}))),
                 "a dimension of -"));
  CHECK(contains(error_with(file_of(14, doubles + words({5, 8, 1, 3, 1, 0, 9, 8, 0, 0}))),
                 "8 bytes, 3 numbers of 8 expected"));
  const uint32_t big = 1u << 30;  // none of them, but no product of the others either
  CHECK(
      parse_mat(file_of(14, doubles + words({5, 16, big, big, big, 0, 1 | 1 << 16, 'x'})), "x.mat")
          .get("x", Kind::numbers)
          .numbers.empty());
  std::string nested;
  for (int depth = 0; depth < 12; ++depth) {
    nested = words({6, 8, 1, 0, 5, 8, 1, 1, 1, 0}) + nested;
    nested = (depth < 11 ? words({14, static_cast<uint32_t>(nested.size())}) : "") + nested;
  }
  CHECK(contains(error_with(file_of(14, nested)), "arrays in arrays, deeper than 8"));
  const std::string one = read_file(kMats + "flowers_imagelabels.mat");
  CHECK(contains(error_with(one + one.substr(128)), "variable labels a second time"));
}

TEST_CASE("damaged MAT-files give an error or harmless values") {
  int errors = 0;
  for (const std::string name : {"scipy_plain", "scipy_zlib", "hand_plain", "hand_zlib"})
    for_each_mutation(read_file(kMats + name + ".mat"), 4, 10'000, [&](const std::string& bytes) {
      try {
        parse_mat(bytes, name);
      } catch (const Error& error) {
        CHECK(error.kind() == ErrorKind::kData);
        ++errors;
      }
    });
  CHECK(errors > 10'000);
}

}  // namespace
}  // namespace lspt
