#include <doctest/doctest.h>

#include "models/weights/containers/pickle.h"
#include "models/weights/containers/safetensors.h"
#include "models/weights/describe.h"
#include "tests/mutate.h"
#include "tests/weights_fixture.h"

using namespace lspt;
using namespace lspt::testing;

namespace {

const std::string kGolden = "tests/golden/weights/";

/// Opens a file of these bytes and loads every tensor; what went wrong, or "".
std::string trouble(const TempFolder& folder, const std::string& bytes) {
  write_file(folder / "w", bytes);
  return error_of([&] {
    const WeightFile file = WeightFile::open(folder / "w");
    for (const StoredTensor& tensor : file.tensors()) file.load(tensor);
    describe(folder / "w");
  });
}

std::string pickle_trouble(const std::string& bytes) {
  return error_of([&] { Pickle::parse(bytes, "test"); });
}

std::string header(const std::string& json, const std::string& data = "") {
  return little_endian(uint64_t{json.size()}) + json + data;
}

std::string tensor(const std::string& fields) { return "{\"a\":{" + fields + "}}"; }

const std::string kFour(4, '\0');

/// A pickled state dict {"a": a float tensor} whose storage "0" claims `count` elements.
std::string state_dict(int count, int offset, int size, int stride) {
  const auto number = [](int value) { return "J" + little_endian(int32_t{value}); };
  const auto text = [](const std::string& value) {
    return "X" + little_endian(static_cast<uint32_t>(value.size())) + value;
  };
  return "\x80\x02}" + text("a") + "ctorch._utils\n_rebuild_tensor_v2\n((" + text("storage") +
         "ctorch\nFloatStorage\n" + text("0") + text("cpu") + number(count) + "tQ" +
         number(offset) + number(size) + "\x85" + number(stride) + "\x85\x89}tRs.";
}

std::string checkpoint(const std::string& pickle) {
  return make_zip({{"w/data.pkl", pickle}, {"w/data/0", std::string(16, '\1')}});
}

}  // namespace

TEST_CASE("a pickle that asks to run something is refused, and nothing runs") {
  const TempFolder folder;
  const std::string command = "touch " + (folder / "ran");
  const std::string calls[] = {"cos\nsystem\n(S'" + command + "'\ntR.",
                               "cposix\nsystem\n(S'" + command + "'\ntR.",
                               "(S'" + command + "'\nios\nsystem\n.",
                               std::string("\x80\x04\x8c\x02os\x8c\x06system\x93\x8c") +
                                   static_cast<char>(command.size()) + command + "\x85R."};
  for (const std::string& pickle : calls)
    CHECK(contains(trouble(folder, checkpoint(pickle)), "system; refused"));
  CHECK_FALSE(std::filesystem::exists(folder / "ran"));
  CHECK(contains(pickle_trouble("cos\nsystem\n."), "this file asks to run os.system; refused"));
  for (const char* global : {"cbuiltins\neval\n.", "c__builtin__\nexec\n.", "csubprocess\nPopen\n.",
                             "csys\nexit\n.", "cos.path\njoin\n.", "cnt\nsystem\n."})
    CHECK(contains(pickle_trouble(global), "; refused"));
  CHECK(pickle_trouble("cargparse\nNamespace\n)\x81}b.") == "");
  CHECK(pickle_trouble("cbuiltins\nset\n.") == "");
}

TEST_CASE("broken and hostile pickles are refused") {
  const std::pair<std::string, const char*> cases[] = {
      {"", "ends at byte 0"},
      {"N", "ends at byte 1"},
      {".", "stack underflow"},
      {"R.", "stack underflow"},
      {"(R.", "stack underflow"},
      {"t.", "no MARK"},
      {"(0.", "stack underflow"},
      {"NNR.", "arguments that are no tuple"},
      {"}(Nu.", "a key without a value"},
      {"N(NNu.", "takes none"},
      {"h\x05.", "memo slot 5 is empty"},
      {std::string("N") + "r\xff\xff\xff\xff.", "memo slot 4294967295"},
      {"X\xff\xff\xff\x7fxx.", "2147483647 bytes from byte 5 expected"},
      {"\x8a\xff.", "255 bytes"},
      {"\x80\x09.", "unknown pickle protocol"},
      {"\x82\x01.", "opcode 130"},
      {"NN\x93.", "a global without a name"},
      {"N" + std::string(1'000'000, '\x85') + ".", "nested deeper than 1000"},
      {std::string(1'000'001, 'N') + ".", "more than 1000000 values"}};
  for (const auto& [bytes, message] : cases) {
    CAPTURE(message);
    CHECK(contains(pickle_trouble(bytes), message));
  }
  CHECK(pickle_trouble("]q" + std::string(1, '\0') + "h" + std::string(1, '\0') + "a.") == "");
}

TEST_CASE("tensors that reach outside their storage are refused") {
  const TempFolder folder;
  CHECK(trouble(folder, checkpoint(state_dict(4, 0, 4, 1))) == "");
  CHECK(trouble(folder, checkpoint(state_dict(4, 1, 2, 2))) == "");
  CHECK(trouble(folder, checkpoint(state_dict(4, 9, 0, 9))) == "");
  const int outside[][3] = {{1, 4, 1},
                            {4, 1, 1},
                            {0, 3, 2},
                            {0, 5, 0},
                            {0, 2'000'000'000, 1},
                            {2'000'000'000, 2'000'000'000, 2'000'000'000}};
  for (const auto& [offset, size, stride] : outside)
    CHECK(contains(trouble(folder, checkpoint(state_dict(4, offset, size, stride))),
                   "tensor a reaches outside its storage of 4 elements"));
  CHECK(contains(trouble(folder, checkpoint(state_dict(5, 0, 4, 1))), "16 bytes, 5 elements"));
  CHECK(contains(trouble(folder, checkpoint(state_dict(4, 0, -1, 1))), "negative"));
  CHECK(contains(trouble(folder, checkpoint(state_dict(4, 0, 4, -1))), "negative"));
  CHECK(contains(trouble(folder, checkpoint(state_dict(4, -1, 4, 1))), "do not fit together"));
}

TEST_CASE("files that are no weights are named for what they are") {
  const TempFolder folder;
  std::string tar(600, '\0');
  tar.replace(257, 5, "ustar");
  const std::pair<std::string, const char*> cases[] = {
      {"", "empty (0 bytes); download it again"},
      {"P", "none of PyTorch, safetensors and NumPy (1 bytes)"},
      {"<!DOCTYPE html><html>", "this is an HTML page, not weights; download it again"},
      {"\xef\xbb\xbf\r\n <html>", "this is an HTML page"},
      {"version https://git-lfs.github.com/spec/v1\n", "a git-lfs pointer"},
      {"\x93NUMPY", "a single NumPy array"},
      {tar, "a tar archive without storages"},
      {"\x80\x04N.", "a bare pickle"},
      {make_zip({{"a.npy", std::string(10, 'x')}}), "a.npy: no NumPy array"},
      {make_zip({{"a/b", "x"}}), "no PyTorch checkpoint"},
      {make_zip({{"a/data.pkl", "N."}, {"a/code/x.py", ""}}), "a TorchScript program"},
      {make_zip({{"a/data.pkl", "N."}, {"a/byteorder", "big"}}), "a big-endian machine"},
      {make_zip({{"a/data.pkl", "N."}}), "no state dict"},
      {make_zip({{"a/data.pkl", "ctimm\nViT\n)\x81."}}), "a pickled module"}};
  for (const auto& [bytes, message] : cases) {
    CAPTURE(message);
    const std::string found = trouble(folder, bytes);
    CHECK(contains(found, "4: read " + (folder / "w") + ": "));
    CHECK(contains(found, message));
  }
}

TEST_CASE("zip archives whose directory lies are refused") {
  const TempFolder folder;
  const std::string pickle = state_dict(4, 0, 4, 1);
  const auto lie = [&](size_t at, const std::string& bytes) {
    return trouble(folder, make_zip({{"w/data.pkl", pickle}, {"w/data/0", std::string(16, '\1')}},
                                    [&](std::string& entry) {
                                      if (entry.ends_with("/0"))
                                        entry.replace(at, bytes.size(), bytes);
                                    }));
  };
  CHECK(lie(0, "PK") == "");
  CHECK(contains(lie(8, "\x01"), "is encrypted"));
  CHECK(contains(lie(10, "\x08"), "says otherwise"));
  CHECK(contains(lie(10, "\x09"), "is compressed by method 9"));
  CHECK(contains(lie(16, "\x55\x55"), "w/data/0 is damaged (its CRC is wrong)"));
  CHECK(contains(lie(20, "\x0f"), "is compressed"));
  CHECK(contains(lie(20, "\x0f\0\0\0\x0f"), "is compressed"));
  CHECK(contains(lie(20, std::string("\x0f\0\0\0\x0f", 5)), "says otherwise"));
  CHECK(contains(lie(42, std::string("\0\0", 2)), "says otherwise"));
  CHECK(contains(lie(42, "\xff\xff"), "starts at byte"));
  CHECK(contains(lie(53, "1"), "says otherwise"));
  const std::string good = checkpoint(pickle);
  CHECK(trouble(folder, good) == "");
  CHECK(contains(trouble(folder, "PK\x03\x04" + good), "4: read "));
  CHECK(contains(trouble(folder, good + "x"), "truncated"));
  const std::string twice = make_zip({{"w/data.pkl", pickle}, {"w/data.pkl", pickle}});
  CHECK(contains(trouble(folder, twice), "w/data.pkl twice"));
}

TEST_CASE("zip64 records are read, and refused where they lie") {
  const TempFolder folder;
  const auto archive = [&](uint64_t size, int64_t shift) {
    const std::string extra = little_endian(uint16_t{1}) + little_endian(uint16_t{16}) +
                              little_endian(size) + little_endian(size);
    const std::string plain =
        make_zip({{"w/data.pkl", state_dict(4, 0, 4, 1)}, {"w/data/0", std::string(16, '\1')}},
                 [&](std::string& entry) {
                   if (!entry.ends_with("/0")) return;
                   entry.replace(20, 8, std::string(8, '\xff'));
                   entry.replace(30, 2, little_endian(static_cast<uint16_t>(extra.size())));
                   entry += extra;
                 });
    const std::string body = plain.substr(0, plain.size() - 22);
    uint32_t ends[2];  // size and offset of the directory
    plain.copy(reinterpret_cast<char*>(ends), 8, plain.size() - 10);
    return body + "PK\x06\x06" + little_endian(uint64_t{44}) + std::string(12, '\0') +
           little_endian(uint64_t{2}) + little_endian(uint64_t{2}) +
           little_endian(uint64_t{ends[0]}) + little_endian(uint64_t{ends[1]}) + "PK\x06\x07" +
           std::string(4, '\0') + little_endian(body.size() + static_cast<uint64_t>(shift)) +
           little_endian(uint32_t{1}) + "PK\x05\x06" + std::string(4, '\0') +
           std::string(12, '\xff') + std::string(2, '\0');
  };
  CHECK(trouble(folder, archive(16, 0)) == "");
  CHECK(contains(trouble(folder, archive(17, 0)), "says otherwise"));
  CHECK(contains(trouble(folder, archive(uint64_t{1} << 63, 0)), "says otherwise"));
  CHECK(contains(trouble(folder, archive(16, 1)), "no zip64 end record"));
  CHECK(contains(trouble(folder, archive(16, -1)), "no zip64 end record"));
  CHECK(contains(trouble(folder, archive(16, int64_t{1} << 62)), "behind its own locator"));
}

TEST_CASE("safetensors whose header lies are refused") {
  const TempFolder folder;
  const std::string f32 = R"("dtype":"F32","shape":[1],)";
  CHECK(trouble(folder, header(tensor(f32 + R"("data_offsets":[0,4])"), kFour)) == "");
  CHECK(trouble(folder, header("{}  ")) == "");
  const std::pair<std::string, const char*> cases[] = {
      {header(tensor(f32 + R"("data_offsets":[0,8])"), kFour), "ends at byte 8 of 4: truncated"},
      {header(tensor(f32 + R"("data_offsets":[4,8])"), kFour), "begins at byte 4"},
      {header(tensor(f32 + R"("data_offsets":[4,0])"), kFour), "no pair [begin, end]"},
      {header(tensor(f32 + R"("data_offsets":[0])"), kFour), "no pair [begin, end]"},
      {header(tensor(f32 + R"("data_offsets":[-1,4])"), kFour), "a negative number"},
      {header(tensor(f32 + R"("data_offsets":[0,2.5])"), kFour), "no integer"},
      {header(tensor(f32 + R"("data_offsets":[0,18446744073709551616])"), kFour), "too large"},
      {header(tensor(f32 + R"("data_offsets":[0,4])"), kFour + "x"), "1 bytes behind"},
      {header(tensor(f32 + R"("data_offsets":[0,4],"x":1)"), kFour), "a number where none"},
      {header(tensor(f32 + R"("data_offsets":[0,4],"shape":[1])"), kFour), "\"shape\" twice"},
      {header(tensor(R"("dtype":"F32","data_offsets":[0,4])"), kFour), "needs dtype, shape"},
      {header(tensor(R"("dtype":"F32","shape":[2],"data_offsets":[0,4])"), kFour), "its shape"},
      {header(tensor(R"("dtype":"F4","shape":[1],"data_offsets":[0,4])"), kFour), "of dtype F4"},
      {header(tensor(R"("dtype":"F32","shape":[4611686018427387905],"data_offsets":[0,4])"), kFour),
       "not what its shape"},
      {header(tensor(R"("dtype":"F32","shape":[1,1,1,1,1,1,1],"data_offsets":[0,4])"), kFour),
       "7 dimensions"},
      {header(tensor(R"("dtype":"F32","shape":[[1]],"data_offsets":[0,4])"), kFour), "an array"},
      {header(tensor(f32 + R"("data_offsets":[0,4]},"a":{)"), kFour), "the key \"a\" twice"},
      {header(R"({"__metadata__":{"a":1}})"), "a number where none"},
      {header(R"({"__metadata__":{"a":{}}})"), "an object where none"},
      {header(R"({"a":null})"), "null"},
      {header(R"({"a":1})"), "a number where none"},
      {header("{} x"), "not JSON"},
      {header("{\"\xff\":{}}"), "not JSON"},
      {header("{" + std::string(100'000, '[')), "not JSON"},
      {header("{\"a\":" + std::string(100'000, '[')), "an array where none"},
      {little_endian(uint64_t{1} << 63) + "{}", "at most 16777216"},
      {little_endian(uint64_t{100}) + "{}", "truncated"},
      {little_endian(uint64_t{0}) + "{}", "does not begin with {"}};
  for (const auto& [bytes, message] : cases) {
    CAPTURE(message);
    const std::string found = trouble(folder, bytes);
    CHECK_MESSAGE(contains(found, message), found);
    CHECK(contains(found, "4: read " + (folder / "w")));
  }
}

TEST_CASE("every truncation and 10,000 changed bytes of each format: an error or harmless") {
  for (const char* name :
       {"traps.pth", "timm.safetensors", "rare.pth", "legacy_traps.pth", "legacy_traps4.pth",
        "legacy_views.pth", "legacy_tar.pth", "arrays.npz", "google_opt.npz"}) {
    CAPTURE(name);
    const std::string good = read_file(kGolden + name);
    const auto found = [](const std::string& bytes) {
      return error_of([&] {
        const WeightFile file = WeightFile::of(MappedFile::of(bytes, "w"));
        for (const StoredTensor& tensor : file.tensors()) file.load(tensor);
        describe(file);
      });
    };
    CHECK(found(good) == "");
    // A tar archive ends in zeros that nothing needs.
    const size_t needed =
        name == std::string("legacy_tar.pth") ? good.find_last_not_of('\0') + 1 : good.size();
    size_t at = 0, unnoticed = 0, other = 0;
    for_each_mutation(good, 1, 10'000, [&](const std::string& bytes) {
      const std::string error = found(bytes);
      unnoticed += at++ < needed && error.empty();
      other += !error.empty() && !error.starts_with("4: ");
    });
    CHECK(at == good.size() + 10'000);
    CHECK(unnoticed == 0);
    CHECK(other == 0);
  }
}
