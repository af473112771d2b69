// The report: numbers from inside a model, pictures, and a page that is well-formed.
#include <doctest/doctest.h>

#include <regex>

#include "tests/errors.h"
#include "tests/files.h"
#include "tests/golden.h"
#include "train/output/npy.h"
#include "train/report/charts.h"
#include "train/report/files.h"
#include "train/report/markup.h"
#include "train/report/report.h"

using namespace lspt;

namespace {

std::string base64_of(const std::string& text) {
  return base64({reinterpret_cast<const uint8_t*>(text.data()), text.size()});
}

/// Where markup stops being well-formed XML, or "": every element is closed by its own name, every
/// attribute is there once and quoted, no & or < stands alone.
std::string malformed(const std::string& text) {
  static const std::regex tag(
      "<(!DOCTYPE "
      "html|\\?xml[^>]*\\?|/?[a-zA-Z][a-zA-Z0-9]*(?:\\s+[a-zA-Z][a-zA-Z0-9:-]*=\"[^\"<]*\")*\\s*/"
      "?)>"),
      entity("&(amp|lt|gt|quot|#[0-9]+);");
  std::vector<std::string> open;
  const auto alone = [](const std::string& words) {
    const std::string rest = std::regex_replace(words, entity, "");
    return rest.find('&') != std::string::npos || rest.find('<') != std::string::npos;
  };
  size_t at = 0;
  for (std::sregex_iterator it(text.begin(), text.end(), tag), end; it != end; ++it) {
    const auto begin = static_cast<size_t>(it->position());
    if (alone(text.substr(at, begin - at))) return "text: " + text.substr(at, begin - at);
    at = begin + static_cast<size_t>(it->length());
    const std::string inside = (*it)[1];
    if (inside[0] == '!' || inside[0] == '?') continue;
    const std::string name = inside.substr(0, inside.find_first_of(" \n/", 1));
    if (name[0] == '/') {
      if (open.empty() || "/" + open.back() != name) return "<" + inside + ">";
      open.pop_back();
    } else if (inside.back() != '/') {
      open.push_back(name);
    }
  }
  return open.empty() ? "" : "<" + open.back() + "> stays open";
}

RunFacts facts(const std::string& method, int64_t seed, double test, const std::string& lr = "1") {
  return {.folder = "runs/" + method + std::to_string(seed),
          .method = method,
          .model = "vit_tiny_patch16_224",
          .data = "data/birds",
          .weights = "",
          .data_sha256 = "a",
          .chosen_on = "val",
          .seed = seed,
          .settings = {{"lr", lr}, {"method", method}, {"img-size", "32"}},
          .trained = 1234567,
          .epochs = {{.epoch = 1, .train_loss = 2, .eval_loss = NAN, .images_per_second = 10},
                     {.epoch = 2, .train_loss = 1, .eval_loss = 1, .eval_top1 = 50}},
          .test_top1 = test,
          .test_images = 100};
}

Tensor rows(const std::vector<float>& values, const Shape& shape) {
  return Tensor::from(values, shape);
}

/// std::regex would recurse once a character of the sheet.
std::string without_style(std::string page) {
  const size_t begin = page.find("<style>"), end = page.find("</style>");
  return begin == std::string::npos ? page : page.erase(begin, end + 8 - begin);
}

}  // namespace

TEST_CASE("base64 is RFC 4648's") {
  CHECK(base64_of("") == "");
  CHECK(base64_of("f") == "Zg==");
  CHECK(base64_of("fo") == "Zm8=");
  CHECK(base64_of("foo") == "Zm9v");
  CHECK(base64_of("foob") == "Zm9vYg==");
  CHECK(base64_of("fooba") == "Zm9vYmE=");
  CHECK(base64_of("foobar") == "Zm9vYmFy");
  CHECK(base64_of("\xff\xfe\xfd") == "//79");
}

TEST_CASE("names of any bytes become text of a page") {
  CHECK(escaped("a<b>&\"c'") == "a&lt;b&gt;&amp;&quot;c'");
  CHECK(escaped("Häher \u4e2d \U0001F426") == "Häher \u4e2d \U0001F426");
  CHECK(escaped("x\x01y\x7f\n") == "x\uFFFDy\uFFFD\n");
  CHECK(escaped("\xff|\xc3|\xc0\x80|\xed\xa0\x80|\xf4\x90\x80\x80") ==
        "\uFFFD|\uFFFD|\uFFFD\uFFFD|\uFFFD\uFFFD\uFFFD|\uFFFD\uFFFD\uFFFD\uFFFD");
  CHECK(share(1) == "100 %");
  CHECK(share(0.99996) == "&gt; 99.9 %");
  CHECK(share(0.0001) == "&lt; 0.1 %");
  CHECK(share(0) == "0 %");
  CHECK(share(0.123) == "12.3 %");
}

TEST_CASE("a PNG that is written is read again, pixel for pixel") {
  for (const auto& [width, height] : {std::pair{1, 1}, {7, 3}, {64, 200}}) {
    Image image(width, height);
    for (size_t i = 0; i < image.pixels.size(); ++i)
      image.pixels[i] = static_cast<uint8_t>(i * i * 31 + i / 7);
    const Image back = decode_image(encode_png(image), "it");
    REQUIRE(back.width == width);
    REQUIRE(back.height == height);
    CHECK(std::equal(back.pixels.begin(), back.pixels.end(), image.pixels.begin()));
  }
  CHECK(contains(error_of([] { encode_png(Image(0, 4)); }), "encode_png"));
}

TEST_CASE("a tensor's .npy is NumPy's to the byte") {
  const TempFolder folder;
  write_npy(folder / "a.npy", rows({-1, -0.75f, -0.5f, -0.25f, 0, 0.25f}, {3, 2}));
  CHECK(read_file(folder / "a.npy") == read_file("tests/golden/npy/f32.npy"));
}

TEST_CASE("similarity of prompts is the mean cosine of rows, with and without what they share") {
  // Two prompts, the same for both images in block 0; in block 1 image by image.
  const Tensor first = rows({1, 0, 0, 2}, {2, 2}),
               second = rows({3, 0, 0, 1, 0, 1, 0, -5}, {2, 2, 2});
  const Tensor s = prompt_similarity({first, second});
  REQUIRE(s.shape() == Shape{2, 2});
  const float* at = s.data<float>();
  CHECK(at[0] == doctest::Approx(1));
  CHECK(at[3] == doctest::Approx(1));
  CHECK(at[1] == doctest::Approx((1 + 1 + 0 - 1) / 4.0));
  CHECK(at[2] == at[1]);
  const Likeness likeness = likeness_of(s);
  CHECK(likeness.neighbours == doctest::Approx(0.25));
  CHECK(likeness.all == doctest::Approx(0.25));

  // A large part that all rows share makes them alike; their own parts are opposite.
  const Tensor a = rows({101, 100, 99, 100}, {2, 2}), b = rows({99, 100, 101, 100}, {2, 2});
  CHECK(prompt_similarity({a, b}).data<float>()[1] > 0.999f);
  const Tensor own = prompt_similarity({a, b}, true);
  CHECK(own.data<float>()[0] == doctest::Approx(1));
  CHECK(own.data<float>()[1] == doctest::Approx(-1));
  CHECK(prompt_similarity({rows({1, 2}, {1, 2})}, true).data<float>()[0] == 0);
}

TEST_CASE("the similarity of every method's prompts has ones on its diagonal and is symmetric") {
  const NamedTensors backbone = golden::read("backbone"), methods = golden::read("methods");
  for (const std::string& method : method_names()) {
    CAPTURE(method);
    const Model model(golden::config(method),
                      golden::initial(backbone, methods, method + ".depth3"));
    const PromptLook look = look_at_prompts(model, golden::at(backbone, "images"));
    CHECK(static_cast<bool>(look.similarity) == (model.config().method.prompt.prompts > 0));
    CHECK(static_cast<bool>(look.gates) == (method == "lspt" || method == "lpc"));
    if (!look.similarity) continue;
    REQUIRE(look.similarity.shape() == Shape{3, 3});
    const float* s = look.similarity.data<float>();
    for (int a = 0; a < 3; ++a)
      for (int b = 0; b < 3; ++b) {
        CHECK(s[3 * a + b] == s[3 * b + a]);
        CHECK(std::abs(s[3 * a + b]) <= 1.00001f);
        if (a == b) CHECK(s[3 * a + b] == doctest::Approx(1));
      }
  }
}

TEST_CASE("gates are summed up by step and gate") {
  // One step, two rows, two units a gate; f is 0 .. 3 / 3.
  const Tensor gates = rows({0.5f, 0.5f, 0, 1 / 3.0f, -1, 1, 0.2f, 0.2f,  //
                             0.5f, 0.5f, 2 / 3.0f, 1, -1, 1, 0.4f, 0.4f},
                            {2, 8});
  const Tensor out = gate_summary({gates, gates});
  REQUIRE(out.shape() == Shape{2, 4, kGateColumns});
  const float* i = out.data<float>() + 4 * kGateColumns;  // of the second step
  CHECK(i[kMean] == doctest::Approx(0.5));
  CHECK(i[kDeviation] == doctest::Approx(0));
  const float *f = i + kGateColumns, *g = f + kGateColumns, *o = g + kGateColumns;
  CHECK(f[kMean] == doctest::Approx(0.5));
  CHECK(f[kDeviation] == doctest::Approx(std::sqrt(5.0) / 6));
  CHECK(f[kLow] == 0);
  CHECK(f[kMedian] == doctest::Approx(2 / 3.0));
  CHECK(f[kHigh] == 1);
  CHECK(g[kMean] == doctest::Approx(0));
  CHECK(g[kDeviation] == doctest::Approx(1));
  CHECK(o[kMean] == doctest::Approx(0.3));
  CHECK(o[kLow] == doctest::Approx(0.2));
  CHECK(o[kHigh] == doctest::Approx(0.4));
}

TEST_CASE("a gaze is the mean over heads, and all of it together is 1") {
  // Two heads; class, two prompts, four patches.
  const Tensor attention =
      rows({0.1f, 0.2f, 0.1f, 0.6f, 0, 0, 0, 0.3f, 0, 0, 0, 0.2f, 0.5f, 0}, {1, 2, 7});
  const Gaze gaze = gaze_of(attention, 0, 4);
  CHECK(gaze.itself == doctest::Approx(0.2));
  CHECK(gaze.prompts == doctest::Approx(0.15));
  REQUIRE(gaze.patches.size() == 4);
  CHECK(gaze.patches[0] == doctest::Approx(0.3));
  CHECK(gaze.patches[2] == doctest::Approx(0.25));
  double sum = gaze.itself + gaze.prompts;
  for (const float p : gaze.patches) sum += static_cast<double>(p);
  CHECK(sum == doctest::Approx(1));
  CHECK(contains(error_of([&] { gaze_of(attention, 0, 7); }), "7 keys, 7 of them patches"));
}

TEST_CASE("a picture is the pixels that were normalized, and light where most attention is") {
  Image image(4, 4);
  for (size_t i = 0; i < image.pixels.size(); ++i) image.pixels[i] = static_cast<uint8_t>(5 * i);
  const Tensor batch({1, 3, 4, 4});
  Normalizer(kImageNet).write(image, {}, 4, batch.data<float>());
  const Image back = picture_of(batch, 0, kImageNet);
  CHECK(std::equal(back.pixels.begin(), back.pixels.end(), image.pixels.begin()));

  const std::vector<float> weights = {0.1f, 0.4f, 0, 0.2f};
  const Image over =
      heat_over(Image(picture_of(Tensor::zeros({1, 3, 4, 4}), 0, {{0, 0, 0}, {1, 1, 1}})),
                weights.data(), 2, 64);
  const auto light = [&](int x, int y) {
    const uint8_t* p = over.row(y) + 3 * x;
    return p[0] + p[1] + p[2];
  };
  CHECK(light(48, 16) > light(16, 48) + 200);  // the largest, and none at all
  CHECK(light(48, 16) > light(48, 48) + 100);
}

TEST_CASE("images to look at are spread evenly") {
  CHECK(spread_over(10, 2) == std::vector<int64_t>{2, 7});
  CHECK(spread_over(3, 8) == std::vector<int64_t>{0, 1, 2});
  CHECK(spread_over(0, 4).empty());
}

TEST_CASE("runs are compared on the same images, and repeated over seeds alone") {
  RunFacts elsewhere = facts("lspt", 1, 60);
  elsewhere.data_sha256 = "b";
  RunFacts other = facts("lspt", 1, 60);
  other.weights_sha256 = "w";
  const std::vector<Task> tasks =
      tasks_of({facts("linear", 1, 50), facts("lspt", 1, 70), facts("lspt", 2, 72),
                facts("lspt", 1, 40, "5"), elsewhere, other});
  REQUIRE(tasks.size() == 2);
  REQUIRE(tasks[0].groups.size() == 4);
  CHECK(tasks[1].groups.size() == 1);
  CHECK(tasks[0].groups[0].name == "linear");
  CHECK(tasks[0].groups[1].name == "lspt, lr 1");
  CHECK(tasks[0].groups[2].name == "lspt, lr 5");
  CHECK(tasks[0].groups[1].tests() == std::vector<double>{70, 72});
  CHECK(*tasks[0].groups[0].test_error() == doctest::Approx(5));
  CHECK(tasks[1].groups[0].name == "lspt");
  CHECK(readable({"001.Black_footed_Albatross", "7", "2.b"}) ==
        std::vector<std::string>{"Black footed Albatross", "7", "b"});
  CHECK(readable({"1.a", "2.a"}) == std::vector<std::string>{"1.a", "2.a"});
}

TEST_CASE("the page is well-formed, whatever names it shows, and needs nothing else") {
  Report report{
      .tasks = tasks_of({facts("linear", 1, 50), facts("linear", 2, 53), facts("a<b>&\"", 1, 40)}),
      .left_out = {"runs/<x>: \xff not there"},
      .made_with = "lspt"};
  report.tasks[0].groups[1].not_inspected = "no such file & more";
  report.tasks[0].class_names = {"<i>", "&"};
  report.tasks[0].split = "test";
  Inspection inspection;
  inspection.evaluation = {.top1 = 75, .seen = 4, .images = {2, 2}, .correct = {2, 1}};
  inspection.confusion = {2, 0, 1, 1};
  const Judged wrong{
      .sample = 3, .label = 1, .predicted = 0, .probability = 0.75, .label_probability = 0.25};
  inspection.wrong = {{wrong, "a/<x>.jpg", Image(8, 8)}};
  inspection.gazes = {{"a/b.jpg", 1, Image(8, 8), Image(8, 8), 0.25, 0.5}};
  inspection.prompts.similarity = inspection.prompts.own_similarity =
      rows({1, -0.5f, -0.5f, 1}, {2, 2});
  inspection.prompts.gates = Tensor::zeros({3, 4, kGateColumns});
  report.tasks[0].groups[0].inspection = inspection;
  const std::string page = html_of(report);
  CHECK(malformed(without_style(page)) == "");
  CHECK(malformed("<a><b></a></b>") != "");  // the check can fail
  CHECK(malformed("<a>&</a>") != "");
  for (const char* there :
       {"1,234,567", "51.5", "2.1", "linear, seed 1", "75.0 %", "25.0 %", "a&lt;b&gt;&amp;&quot;",
        "no such file &amp; more", "runs/&lt;x&gt;: \uFFFD not there", "prompts 50.0 %",
        "&lt;i&gt;", "data:image/jpeg;base64,", "linear -0.50, -0.50", "prefers-color-scheme"})
    CHECK_MESSAGE(contains(page, there), there);
  for (const char* not_there : {"<script", "http://www.w3.org/2000/svg\" src", "https://", "url("})
    CHECK_MESSAGE(!contains(page, not_there), not_there);
  // Whatever a link, picture or style names is in the page.
  const std::regex source("(src|href)=\"([^\"]{0,5})");
  for (std::sregex_iterator it(page.begin(), page.end(), source), end; it != end; ++it)
    CHECK(((*it)[2] == "data:" || (*it)[2].str()[0] == '#'));

  CHECK(malformed(without_style(svg_file(gate_charts(inspection.prompts.gates)))) == "");
}

TEST_CASE("a page of runs that nothing can be seen of is a page") {
  RunFacts bare = facts("full", 1, 0);
  bare.test_top1 = std::nullopt;
  bare.trained = std::nullopt;
  bare.epochs.clear();
  bare.diverged = true;
  bare.trouble = "the loss is not finite";
  Report report{.tasks = tasks_of({bare}), .made_with = "lspt"};
  report.tasks[0].groups[0].not_inspected = "gone";
  const std::string page = html_of(report);
  CHECK(malformed(without_style(page)) == "");
  CHECK(contains(page, "the loss is not finite"));
  CHECK(contains(page, "full is not looked into: gone"));
}

TEST_CASE("attention and prompts of a run are files") {
  const TempFolder folder;
  const Tensor images = Tensor::zeros({2, 3, 8, 8});
  Tensor attention({2, 1, 6});
  fill(attention, 1 / 6.0f);
  write_attention(folder.path(), {"x/one.jpg", "two.png"}, images, kHalf, attention, 2);
  const Image sheet = load_image(folder / "000_one.png");
  CHECK(sheet.width == 3 * 160 + 2 * 6);  // photo, mean, one head
  CHECK(sheet.height == 160);
  CHECK(sheet.row(80)[3 * 80] == 128);  // 0 normalized with 0.5 and 0.5
  CHECK(std::filesystem::exists(folder / "001_two.png"));

  PromptLook look{.similarity = rows({1}, {1, 1}),
                  .own_similarity = rows({1}, {1, 1}),
                  .gates = Tensor::zeros({1, 4, kGateColumns})};
  write_prompts(folder.path(), look, "it");
  for (const char* name :
       {"similarity.npy", "own_similarity.npy", "similarity.svg", "gates.npy", "gates.svg"})
    CHECK(std::filesystem::exists(folder / name));
  look.gates = {};
  write_prompts(folder.path(), look, "it");
  CHECK_FALSE(std::filesystem::exists(folder / "gates.npy"));
}
