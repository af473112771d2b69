#include "data/synth.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <vector>

#include "data/bird.h"
#include "engine/error.h"

namespace lspt {
namespace {

namespace fs = std::filesystem;

struct Genus {
  const char* name;
  Plumage plumage;
};

struct Trait {
  const char* name;
  void (*apply)(Plumage& bird);
};

constexpr Color kRed = {0.78f, 0.13f, 0.10f}, kOrange = {0.90f, 0.48f, 0.12f};
constexpr Color kYellow = {0.93f, 0.80f, 0.18f}, kBlue = {0.16f, 0.34f, 0.72f};
constexpr Color kGreen = {0.36f, 0.50f, 0.20f}, kWhite = {0.93f, 0.92f, 0.89f};
constexpr Color kBlack = {0.11f, 0.11f, 0.12f}, kGray = {0.50f, 0.52f, 0.55f};
constexpr Color kBrown = {0.45f, 0.32f, 0.21f}, kBuff = {0.80f, 0.70f, 0.54f};
constexpr Color kViolet = {0.42f, 0.22f, 0.52f}, kHorn = {0.30f, 0.28f, 0.27f};
constexpr Color kSlate = {0.20f, 0.27f, 0.36f};

Plumage plain(Color back, Color belly, Color wing, Color beak) {
  Plumage bird;
  bird.back = bird.crown = back;
  bird.belly = bird.breast = bird.throat = belly;
  bird.wing = bird.tail = wing;
  bird.beak = beak;
  return bird;
}

std::vector<Genus> all_genera() {
  std::vector<Genus> genera = {{"Longbeak", plain(kGray, kWhite, kGray, kHorn)},
                               {"Finch", plain(kBrown, kBuff, kBrown, kBuff)},
                               {"Warbler", plain(kGreen, kBuff, kGreen, kHorn)},
                               {"Jay", plain(kBlue, kWhite, kBlue, kBlack)},
                               {"Wren", plain(kBrown, kWhite, kBrown, kHorn)},
                               {"Thrush", plain(kHorn, kWhite, kBrown, kYellow)},
                               {"Starling", plain(kSlate, kGray, kSlate, kYellow)},
                               {"Bee_eater", plain(kGreen, kYellow, kOrange, kBlack)}};
  // beak length, depth, curve; tail length, lift; body depth; legs; crest
  constexpr float kShapes[8][8] = {{1.05f, 0.11f, 0.05f, 0.45f, 0.00f, 0.58f, 0.75f, 0.0f},
                                   {0.28f, 0.22f, 0.06f, 0.70f, 0.05f, 0.62f, 0.35f, 0.0f},
                                   {0.32f, 0.08f, 0.00f, 0.80f, 0.10f, 0.52f, 0.45f, 0.0f},
                                   {0.42f, 0.15f, 0.06f, 1.15f, 0.00f, 0.60f, 0.45f, 0.3f},
                                   {0.40f, 0.08f, 0.10f, 0.50f, 0.85f, 0.64f, 0.40f, 0.0f},
                                   {0.40f, 0.11f, 0.03f, 0.80f, 0.05f, 0.62f, 0.60f, 0.0f},
                                   {0.52f, 0.11f, 0.00f, 0.50f, 0.05f, 0.56f, 0.50f, 0.0f},
                                   {0.75f, 0.09f, 0.24f, 1.30f, 0.00f, 0.50f, 0.30f, 0.0f}};
  for (size_t i = 0; i < genera.size(); ++i) {
    Plumage& bird = genera[i].plumage;
    const float* shape = kShapes[i];
    bird.beak_length = shape[0], bird.beak_depth = shape[1], bird.beak_curve = shape[2];
    bird.tail_length = shape[3], bird.tail_lift = shape[4];
    bird.body_depth = shape[5], bird.leg_length = shape[6], bird.crest = shape[7];
  }
  return genera;
}

constexpr std::array<Trait, 15> kTraits = {
    {{"Red_crowned", [](Plumage& bird) { bird.crown = kRed; }},
     {"Yellow_breasted", [](Plumage& bird) { bird.breast = kYellow; }},
     {"Double_barred", [](Plumage& bird) { bird.wing_bars = 2; }},
     {"Masked", [](Plumage& bird) { bird.mask = true; }},
     {"Spotted", [](Plumage& bird) { bird.spots = true; }},
     {"White_crowned", [](Plumage& bird) { bird.crown = kWhite; }},
     {"Orange_breasted", [](Plumage& bird) { bird.breast = kOrange; }},
     {"Spectacled", [](Plumage& bird) { bird.eye_ring = true; }},
     {"Black_throated", [](Plumage& bird) { bird.throat = bird.breast = kBlack; }},
     {"Violet_winged", [](Plumage& bird) { bird.wing = kViolet; }},
     {"Yellow_crowned", [](Plumage& bird) { bird.crown = kYellow; }},
     {"Red_bellied", [](Plumage& bird) { bird.belly = kRed; }},
     {"White_tailed", [](Plumage& bird) { bird.tail = kWhite; }},
     {"Single_barred", [](Plumage& bird) { bird.wing_bars = 1; }},
     {"Red_throated", [](Plumage& bird) { bird.throat = kRed; }}}};

template <typename List>
void shuffle(List& list, uint64_t seed, uint64_t stream) {
  const Random random(seed, 0, stream, Purpose::synth);
  for (size_t i = list.size() - 1; i > 0; --i)
    std::swap(list[i], list[random.below(i, static_cast<uint32_t>(i + 1))]);
}

struct Species {
  std::string name;
  Plumage plumage;
};

// At least four classes share a genus, so that telling genera apart is not enough.
std::vector<Species> make_classes(int count, uint64_t seed) {
  std::vector<Genus> genera = all_genera();
  const int per_genus = std::max(4, (count + 7) / 8);
  std::vector<Species> classes;
  for (int i = 0; i < count; ++i) {
    const Genus& genus = genera[static_cast<size_t>(i / per_genus)];
    std::array<Trait, kTraits.size()> traits = kTraits;
    shuffle(traits, seed, static_cast<uint64_t>(i / per_genus));
    const Trait& trait = traits[static_cast<size_t>(i % per_genus)];
    Species one{std::string(trait.name) + "_" + genus.name, genus.plumage};
    trait.apply(one.plumage);
    classes.push_back(std::move(one));
  }
  return classes;
}

std::string numbered(const char* format, int number) {
  char text[16];
  std::snprintf(text, sizeof text, format, number);
  return text;
}

void write_file(const fs::path& path, const void* data, size_t size) {
  std::ofstream file(path, std::ios::binary);
  file.write(static_cast<const char*>(data), static_cast<std::streamsize>(size));
  file.close();
  require(file.good(), ErrorKind::kWrite, "synth: cannot write ", path.string(), ": ",
          std::strerror(errno));
}

void make_folder(const fs::path& path) {
  std::error_code error;
  fs::create_directories(path, error);
  require(!error, ErrorKind::kWrite, "synth: cannot make ", path.string(), ": ", error.message());
}

void check(const SynthOptions& o) {
  const auto within = [](const char* what, int value, int low, int high) {
    require(value >= low && value <= high, ErrorKind::kUsage, "synth: ", what, " ", value, ", ",
            low, " to ", high, " expected");
  };
  within("classes", o.classes, 2, kSynthClasses);
  within("training images per class", o.train_per_class, 1, 9999);
  within("test images per class", o.test_per_class, 0, 9999);
  within("image size", o.size, 16, 1024);
  std::error_code error;
  require(!fs::exists(o.output, error) || fs::is_empty(o.output, error), ErrorKind::kUsage,
          "synth: ", o.output, " is not empty; a new or empty folder expected");
}

}  // namespace

void synth(const SynthOptions& options, const std::function<void(int64_t, int64_t)>& progress) {
  check(options);
  const fs::path root = options.output;
  const std::vector<Species> classes = make_classes(options.classes, options.seed);
  const int per_class = options.train_per_class + options.test_per_class;
  const int total = per_class * options.classes;
  std::ostringstream class_list, images, labels, splits, boxes;
  int id = 0;
  for (int k = 0; k < options.classes; ++k) {
    const std::string& name = classes[static_cast<size_t>(k)].name;
    const std::string folder = numbered("%03d.", k + 1) + name;
    make_folder(root / "images" / folder);
    class_list << k + 1 << ' ' << folder << '\n';
    for (int i = 0; i < per_class; ++i) {
      ++id;
      const Random random(options.seed, 1, static_cast<uint64_t>(id), Purpose::synth);
      Box box;
      const Image image =
          draw_bird(classes[static_cast<size_t>(k)].plumage, options.size, random, &box);
      const std::vector<uint8_t> jpeg = encode_jpeg(image, 92);
      const std::string file = folder + "/" + name + numbered("_%04d.jpg", i + 1);
      write_file(root / "images" / file, jpeg.data(), jpeg.size());
      images << id << ' ' << file << '\n';
      labels << id << ' ' << k + 1 << '\n';
      splits << id << ' ' << (i < options.train_per_class ? 1 : 0) << '\n';
      boxes << id << ' ' << box.x << ".0 " << box.y << ".0 " << box.width << ".0 " << box.height
            << ".0\n";
      if (progress) progress(id, total);
    }
  }
  const auto write_list = [&](const char* name, const std::ostringstream& list) {
    write_file(root / name, list.str().data(), list.str().size());
  };
  write_list("classes.txt", class_list);
  write_list("image_class_labels.txt", labels);
  write_list("train_test_split.txt", splits);
  write_list("bounding_boxes.txt", boxes);
  write_list("images.txt", images);
}

}  // namespace lspt
