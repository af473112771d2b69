// Shapes are signed distances (negative inside) in bird coordinates: x forward, y down, the body an
// ellipse of half-length 1 around the origin. A pixel's coverage is its distance in pixels,
// clipped: every edge is antialiased. Inside a part, max(d1, d2) restricts a marking to that part.
#include "data/bird.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace lspt {
namespace {

struct Vec {
  float x, y;
};
Vec operator+(Vec a, Vec b) { return {a.x + b.x, a.y + b.y}; }
Vec operator-(Vec a, Vec b) { return {a.x - b.x, a.y - b.y}; }
Vec operator*(Vec a, float s) { return {a.x * s, a.y * s}; }
float dot(Vec a, Vec b) { return a.x * b.x + a.y * b.y; }
float length(Vec a) { return std::sqrt(dot(a, a)); }
Vec rotated(Vec a, float angle) {
  const float c = std::cos(angle), s = std::sin(angle);
  return {c * a.x - s * a.y, s * a.x + c * a.y};
}

Color operator*(Color a, float s) { return {a.r * s, a.g * s, a.b * s}; }
Color mix(Color a, Color b, float t) {
  return {a.r + (b.r - a.r) * t, a.g + (b.g - a.g) * t, a.b + (b.b - a.b) * t};
}
float smooth(float t) {
  t = std::clamp(t, 0.0f, 1.0f);
  return t * t * (3 - 2 * t);
}

float circle(Vec p, Vec center, float radius) { return length(p - center) - radius; }

// First-order distance: exact on the outline, which is all that coverage needs.
float ellipse(Vec p, Vec center, Vec radii, float angle) {
  const Vec q = rotated(p - center, -angle);
  const Vec u = {q.x / radii.x, q.y / radii.y};
  const float k = length(u);
  const float slope = length({u.x / radii.x, u.y / radii.y});
  return slope > 0 ? k * (k - 1) / slope : -std::min(radii.x, radii.y);
}

// A segment whose thickness goes from ra to rb.
float capsule(Vec p, Vec a, Vec b, float ra, float rb) {
  const Vec along = b - a;
  const float t = std::clamp(dot(p - a, along) / dot(along, along), 0.0f, 1.0f);
  return length(p - a - along * t) - (ra + (rb - ra) * t);
}

// Smooth random field: a grid of values, interpolated; repeats beyond the grid.
class Noise {
 public:
  Noise(const Random& random, uint64_t first) {
    for (size_t i = 0; i < grid_.size(); ++i) grid_[i] = random.uniform(first + i);
  }
  float operator()(float x, float y) const {
    const float fx = std::floor(x), fy = std::floor(y);
    const float tx = smooth(x - fx), ty = smooth(y - fy);
    const auto at = [&](int dx, int dy) {
      const unsigned ix = static_cast<unsigned>(static_cast<int>(fx) + dx) % kSide;
      const unsigned iy = static_cast<unsigned>(static_cast<int>(fy) + dy) % kSide;
      return grid_[iy * kSide + ix];
    };
    const float top = at(0, 0) + (at(1, 0) - at(0, 0)) * tx;
    const float bottom = at(0, 1) + (at(1, 1) - at(0, 1)) * tx;
    return top + (bottom - top) * ty;
  }

 private:
  static constexpr unsigned kSide = 32;
  std::array<float, kSide * kSide> grid_;
};

// What is seen where no bird is: x and y run over 0..1 down the picture.
Color background(int kind, float x, float y, float shift, const Noise& noise) {
  const float broad = noise(5 * x + shift, 5 * y), fine = noise(13 * x, 13 * y + shift);
  if (kind == 0) {  // foliage; turned, so that the grids of the noise do not show
    const float leaf = noise(11 * x + 7 * y + shift, 11 * y - 7 * x + 64);
    const Color shade = mix({0.13f, 0.23f, 0.10f}, {0.42f, 0.55f, 0.24f},
                            0.6f * broad + 0.4f * noise(17 * x - 9 * y + 64, 9 * x + 17 * y));
    return mix(shade, {0.72f, 0.78f, 0.45f}, 0.4f * smooth(2.2f * leaf - 1.1f));
  }
  if (kind == 1) {  // sky
    const Color sky = mix({0.45f, 0.63f, 0.85f}, {0.80f, 0.87f, 0.92f}, y);
    return mix(sky, {0.96f, 0.96f, 0.95f}, 0.8f * smooth(2.5f * (0.7f * broad + 0.3f * fine) - 1));
  }
  if (kind == 2) {  // water
    const float ripple = noise(3 * x + shift, 26 * y);
    return mix({0.20f, 0.34f, 0.42f}, {0.55f, 0.68f, 0.72f}, 0.55f * ripple + 0.35f * (1 - y));
  }
  const Color field = mix({0.72f, 0.66f, 0.46f}, {0.53f, 0.50f, 0.30f}, broad);  // dry grass
  return mix(field, {0.86f, 0.82f, 0.66f}, 0.5f * smooth(2 * noise(22 * x, 4 * y + shift) - 0.9f));
}

// Paints shape over shape on one pixel.
struct Brush {
  Color color;
  float pixel;        // size of a pixel in bird coordinates
  float covered = 0;  // how much of the pixel is bird

  float coverage(float distance) const { return std::clamp(0.5f - distance / pixel, 0.0f, 1.0f); }
  void paint(float distance, Color with) {
    const float c = coverage(distance);
    color = mix(color, with, c);
    covered = std::max(covered, c);
  }
};

constexpr Vec kHead = {0.86f, -0.60f};
constexpr float kHeadRadius = 0.40f;
constexpr Color kDark = {0.08f, 0.07f, 0.07f};
constexpr Color kPale = {0.95f, 0.93f, 0.88f};

void paint_tail_and_legs(const Plumage& bird, Vec p, Brush& brush) {
  const Color leg = {0.33f, 0.24f, 0.18f};
  const float foot = bird.body_depth * 0.85f + bird.leg_length;
  brush.paint(capsule(p, {0.02f, 0.4f}, {0.10f, foot}, 0.045f, 0.035f), leg);
  brush.paint(capsule(p, {0.22f, 0.4f}, {0.28f, foot}, 0.045f, 0.035f), leg);
  for (const float x : {0.10f, 0.28f})
    brush.paint(capsule(p, {x - 0.06f, foot}, {x + 0.14f, foot}, 0.04f, 0.03f), leg);
  const Vec root = {-0.78f, 0.12f};
  const Vec tip = {-0.85f - bird.tail_length, 0.42f - bird.tail_lift};
  const float tail = capsule(p, root, tip, 0.17f, 0.13f);
  brush.paint(tail, bird.tail);
  brush.paint(std::max(tail, capsule(p, root, tip, 0.02f, 0.02f)), bird.tail * 0.6f);
}

void paint_body(const Plumage& bird, Vec p, const Noise& noise, Brush& brush) {
  const float slant = -0.28f;
  const float body = std::min(ellipse(p, {0, 0}, {1.0f, bird.body_depth}, slant),
                              capsule(p, {0.5f, -0.25f}, kHead, 0.42f, 0.34f));
  const float feather = 0.90f + 0.2f * noise(9 * p.x + 40, 14 * p.y + 40);
  const float light = feather * (1.04f - 0.22f * smooth(0.5f + p.y));
  brush.paint(body, bird.back * light);
  const float soft = 0.10f * noise(7 * p.x, 7 * p.y);  // the border of belly and breast is ragged
  const float belly = ellipse(p, {0.12f, 0.42f}, {0.95f, 0.50f}, slant) + soft;
  brush.paint(std::max(body, belly), bird.belly * light);
  const float breast = ellipse(p, {0.72f, 0.10f}, {0.42f, 0.46f}, -0.5f) + soft;
  brush.paint(std::max(body, breast), bird.breast * light);
  if (bird.spots) {
    for (int i = 0; i < 18; ++i) {
      const Vec at = {0.92f - 0.15f * static_cast<float>(i % 9),
                      0.16f + 0.2f * static_cast<float>(i / 9) + 0.05f * static_cast<float>(i % 9) +
                          (i % 2 ? 0.06f : 0)};
      brush.paint(std::max(body, circle(p, at, 0.052f)), Color{0.22f, 0.15f, 0.10f});
    }
  }
}

void paint_wing(const Plumage& bird, Vec p, const Noise& noise, Brush& brush) {
  const Vec shoulder = {0.34f, -0.12f}, tip = {-0.98f, 0.20f};
  const float wing = std::min(ellipse(p, {0.0f, -0.02f}, {0.62f, 0.33f}, -0.12f),
                              capsule(p, shoulder, tip, 0.20f, 0.05f));
  const float light = 0.88f + 0.24f * noise(16 * p.x + 9, 10 * p.y);
  brush.paint(wing - 0.03f, bird.wing * 0.62f);  // outline
  brush.paint(wing, bird.wing * light);
  for (int i = 0; i < 3; ++i) {  // flight feathers
    const float y = 0.05f + 0.08f * static_cast<float>(i);
    brush.paint(std::max(wing, capsule(p, {-0.15f, y}, {-1.0f, y + 0.14f}, 0.014f, 0.014f)),
                bird.wing * 0.55f);
  }
  for (int i = 0; i < bird.wing_bars; ++i) {
    const float x = 0.10f - 0.30f * static_cast<float>(i);
    brush.paint(std::max(wing, capsule(p, {x, -0.36f}, {x - 0.16f, 0.34f}, 0.052f, 0.052f)), kPale);
  }
}

void paint_head(const Plumage& bird, Vec p, Brush& brush) {
  const float head = circle(p, kHead, kHeadRadius);
  const Vec beak = kHead + Vec{kHeadRadius - 0.08f, 0.02f};
  const Vec tip = beak + Vec{0.08f + bird.beak_length, 0.05f + bird.beak_curve};
  const Vec bend = beak + Vec{0.04f + 0.6f * bird.beak_length, 0.02f};
  const float bill = std::min(capsule(p, beak, bend, bird.beak_depth, 0.55f * bird.beak_depth),
                              capsule(p, bend, tip, 0.55f * bird.beak_depth, 0.015f));
  brush.paint(bill, bird.beak);
  brush.paint(std::max(bill, capsule(p, beak, tip, 0.012f, 0.008f)), bird.beak * 0.5f);
  if (bird.crest > 0)
    brush.paint(capsule(p, kHead + Vec{0.02f, -0.24f}, kHead + Vec{-0.42f, -0.3f - bird.crest},
                        0.2f, 0.02f),
                bird.crown);
  brush.paint(head, bird.back);
  brush.paint(std::max(head, ellipse(p, kHead + Vec{0.12f, 0.34f}, {0.40f, 0.30f}, 0.1f)),
              bird.throat);
  brush.paint(std::max(head, ellipse(p, kHead + Vec{-0.06f, -0.32f}, {0.46f, 0.29f}, 0.12f)),
              bird.crown);
  const Vec eye = kHead + Vec{0.13f, -0.05f};
  if (bird.mask)
    brush.paint(
        std::max(head, capsule(p, eye + Vec{0.3f, 0.02f}, eye + Vec{-0.45f, 0.04f}, 0.10f, 0.07f)),
        kDark);
  if (bird.eye_ring) brush.paint(circle(p, eye, 0.135f), kPale);
  brush.paint(circle(p, eye, 0.085f), kDark);
  brush.paint(circle(p, eye + Vec{0.03f, -0.035f}, 0.028f), {1, 1, 1});
}

Color jittered(Color color, const Random& random, uint64_t first) {
  const auto channel = [&](float value, uint64_t i) {
    return std::clamp(
        value * random.uniform(first + i, 0.9f, 1.1f) + random.uniform(first, -0.03f, 0.03f), 0.0f,
        1.0f);
  };
  return {channel(color.r, 1), channel(color.g, 2), channel(color.b, 3)};
}

}  // namespace

Image draw_bird(const Plumage& plumage, int size, const Random& random, Box* box) {
  // Draws 0..99 of the stream are pose and light; the noise field takes 1000 and on.
  const Noise noise(random, 1000);
  const bool flip = random.uniform(0) < 0.5f;
  const float angle = random.uniform(1, -0.26f, 0.26f);
  const float extent = static_cast<float>(size);
  const float scale = extent * random.uniform(2, 0.17f, 0.235f);  // pixels per unit
  const Vec place = {extent * random.uniform(3, 0.44f, 0.58f),
                     extent * random.uniform(4, 0.44f, 0.56f)};
  const int scene = static_cast<int>(random.below(5, 4));
  const float gain = random.uniform(6, 0.78f, 1.18f), warmth = random.uniform(7, -0.07f, 0.07f);
  const float branch_tilt = random.uniform(8, -0.2f, 0.2f), shift = random.uniform(9, 0.0f, 30.0f);
  const float grain = random.uniform(10, 0.0f, 0.03f);
  Plumage bird = plumage;
  uint64_t draw = 20;
  for (Color* color : {&bird.back, &bird.belly, &bird.breast, &bird.crown, &bird.throat, &bird.wing,
                       &bird.tail, &bird.beak})
    *color = jittered(*color, random, draw += 4);

  Image image(size, size);
  int left = size, top = size, right = -1, bottom = -1;
  const float foot = bird.body_depth * 0.85f + bird.leg_length + 0.10f;
  for (int y = 0; y < size; ++y) {
    for (int x = 0; x < size; ++x) {
      const Vec at = {static_cast<float>(x) + 0.5f, static_cast<float>(y) + 0.5f};
      Vec p = rotated((at - place) * (1 / scale), -angle);
      if (flip) p.x = -p.x;
      Brush brush{background(scene, at.x / extent, at.y / extent, shift, noise), 1 / scale};
      const float bark = 0.7f + 0.5f * noise(3 * p.x, 16 * p.y);
      brush.paint(
          capsule(p, {-8, foot - 8 * branch_tilt}, {8, foot + 8 * branch_tilt}, 0.10f, 0.08f),
          Color{0.40f, 0.30f, 0.22f} * bark);
      brush.covered = 0;
      paint_tail_and_legs(bird, p, brush);
      paint_body(bird, p, noise, brush);
      paint_wing(bird, p, noise, brush);
      paint_head(bird, p, brush);
      if (brush.covered > 0.5f) {
        left = std::min(left, x), right = std::max(right, x);
        top = std::min(top, y), bottom = std::max(bottom, y);
      }
      const uint64_t pixel =
          static_cast<uint64_t>(y) * static_cast<uint64_t>(size) + static_cast<uint64_t>(x);
      const float level = random.uniform(4000 + pixel, -grain, grain);
      const std::array<float, 3> rgb = {brush.color.r * (gain + warmth), brush.color.g * gain,
                                        brush.color.b * (gain - warmth)};
      for (size_t c = 0; c < 3; ++c)
        image.row(y)[3 * static_cast<size_t>(x) + c] =
            static_cast<uint8_t>(std::lround(255 * std::clamp(rgb[c] + level, 0.0f, 1.0f)));
    }
  }
  if (box) *box = {left, top, right - left + 1, bottom - top + 1};
  return image;
}

}  // namespace lspt
