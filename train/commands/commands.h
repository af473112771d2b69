/// The subcommands. Each prints its results to standard output and returns the exit code.
#pragma once

#include "train/settings/options.h"

namespace lspt {

int run_train(Options options);
int run_pretrain(Options options);
int run_sweep(Options options);
int run_recipes(const Options& options);
int run_eval(const Options& options);
int run_predict(const Options& options);
int run_info(const Options& options);
int run_convert(const Options& options);
int run_export(const Options& options);
int run_table(const Options& options);
int run_bench(const Options& options);
int bench_loader(const Options& options);  ///< run_bench's --method loader
int run_synth(const Options& options);
int run_check(const Options& options);
int run_features(const Options& options);
int run_report(const Options& options);
int run_attention(const Options& options);
int run_prompts(const Options& options);
int run_help(const Options& options);
int run_completion(const Options& options);
int run_man(const Options& options);

}  // namespace lspt
