/// Recipes: the settings of published runs, as TOML. train/recipes/*/*.toml are inside the program,
/// `gapt/cub_mae` being train/recipes/gapt/cub_mae.toml; users write files of their own.
///
///   # What it is, in one line
///   method = "gapt"      # a key is a flag of lspt train without its dashes, with a value as on
///   lr = 0.1             # the command line: words in quotes, numbers bare
///   [sweep]              # what lspt sweep tries where --sweep is not given: a list a flag,
///   lr = [0.1, 1.0]
///   seeds = [1, 2, 3]    # and its seeds, where --seeds is not given
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "train/settings/options.h"

namespace lspt {

/// A flag and the values that a sweep tries, as set_value takes them.
struct Axis {
  const Flag* flag;
  std::vector<std::string> values;
};

struct Recipe {
  std::vector<std::pair<const Flag*, std::string>> settings;
  std::vector<Axis> sweep;
  std::string seeds;  ///< as --seeds takes them; "" if the recipe has none
};

/// Throws Error(kUsage) with `source`:line for what is no TOML, a key that is no flag (with the
/// nearest spelling), and a value of the wrong type or out of range.
Recipe parse_recipe(const std::string& text, const std::string& source);

struct EmbeddedRecipe {
  const char* name;
  const char* text;
};
/// Sorted by name. Written by the Makefile.
const std::vector<EmbeddedRecipe>& embedded_recipes();

/// The text of an embedded recipe, or of a file if the name ends in .toml. Throws Error(kUsage).
std::string recipe_text(const std::string& name);

/// The recipe that --recipe names, none if it was not given. Its settings are set and count as
/// given, except those that the command line has; nor are those swept over.
Recipe apply_recipe(Options& options);

/// What a run is called that has no other name: "gapt-cub_mae" of its recipe, else METHOD-MODEL.
std::string run_name(const Options& options);

/// Of --lr and --lr-base, which say the same thing, the other one; "" for all other flags.
std::string rival_of(const std::string& flag);
/// Whether the flag, or what says the same thing, was given.
bool has_or_rival(const Options& options, const Flag& flag);

/// Whether a sweep may try several values of the flag: it must be one of the method, not of data,
/// backbone, machine or seed.
bool may_sweep(const Flag& flag);
/// From "lr=0.1,0.3". Throws Error(kUsage).
Axis parse_axis(const std::string& text);

}  // namespace lspt
