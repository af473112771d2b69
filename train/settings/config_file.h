/// config.json as the settings of another run.
#pragma once

#include "train/settings/options.h"

namespace lspt {

/// Whether the flag says how a run computes or reports, and not only where it goes or what this
/// call is to do.
bool is_setting(const Flag& flag);
/// Whether it only says where data or weights lie.
bool is_place(const Flag& flag);

/// Takes the settings of --config that the command line has not, as they are: nothing in them is
/// decided anew, and what has no effect with the command line's is no mistake. With another
/// --method the file's values of what --help calls "by method" are left out. Throws Error(kUsage)
/// for a file that is not as a run writes it, with its line.
void apply_config(Options& options);

}  // namespace lspt
