/// The three parts of the table of flags, and what their entries share.
#pragma once

#include "train/settings/options.h"

namespace lspt {

/// What goes in: data and model.
std::vector<Flag> input_flags();
/// Sizes and switches of the methods.
std::vector<Flag> method_flags();
/// How it is run: optimization, machine, output, sweeps.
std::vector<Flag> run_flags();

namespace table {

inline constexpr unsigned kLook = kReport | kAttention | kPrompts;
inline constexpr unsigned kModels = kTrain | kEval | kPredict | kBench | kFeatures | kLook;
inline constexpr unsigned kTrainOnly = kTrain & ~kRun, kSweepOnly = kSweep & ~kRun;
inline constexpr const char *kData = "Data", *kModel = "Model", *kOptim = "Optimization",
                            *kMachine = "Machine", *kOut = "Output", *kMeasure = "Measurement",
                            *kSweeps = "Sweep";
inline constexpr double kBig = 1e38;
inline constexpr double kHuge = 9007199254740992.0;  // 2^53: every integer below is a double

}  // namespace table
}  // namespace lspt
