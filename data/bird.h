/// A procedural bird: what it looks like, and a picture of it.
#pragma once

#include "data/images/image.h"
#include "engine/random.h"

namespace lspt {

struct Color {
  float r = 0, g = 0, b = 0;  ///< 0..1
};

/// What distinguishes kinds of birds. Lengths are in body half-lengths.
struct Plumage {
  Color back, belly, breast, crown, throat, wing, tail, beak;
  float beak_length = 0.45f;
  float beak_depth = 0.16f;
  float beak_curve = 0;  ///< how far the tip hangs down
  float tail_length = 0.9f;
  float tail_lift = 0;  ///< how far the tail is cocked up
  float body_depth = 0.6f;
  float leg_length = 0.5f;
  float crest = 0;  ///< height of the tuft on the head
  int wing_bars = 0;
  bool spots = false;     ///< on breast and belly
  bool eye_ring = false;  ///< pale
  bool mask = false;      ///< dark stripe through the eye
};

struct Box {
  int x = 0, y = 0, width = 0, height = 0;
};

/// A size x size picture. `random` decides pose (mirroring, tilt, scale, place), light, background
/// and individual colour. `box`, if given, becomes the bird's bounding box in pixels.
Image draw_bird(const Plumage& plumage, int size, const Random& random, Box* box);

}  // namespace lspt
