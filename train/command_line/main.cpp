// lspt: the one place that turns an error into a message and an exit code.
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <new>

#include "engine/error.h"
#include "train/commands/commands.h"

namespace {

int run(const lspt::Invocation& invocation) {
  switch (invocation.command->bit) {
    case lspt::kTrain:
      return lspt::run_train(invocation.options);
    case lspt::kPretrain:
      return lspt::run_pretrain(invocation.options);
    case lspt::kSweep:
      return lspt::run_sweep(invocation.options);
    case lspt::kRecipes:
      return lspt::run_recipes(invocation.options);
    case lspt::kRun:  // no command of its own
      break;
    case lspt::kEval:
      return lspt::run_eval(invocation.options);
    case lspt::kPredict:
      return lspt::run_predict(invocation.options);
    case lspt::kInfo:
      return lspt::run_info(invocation.options);
    case lspt::kConvert:
      return lspt::run_convert(invocation.options);
    case lspt::kExport:
      return lspt::run_export(invocation.options);
    case lspt::kTable:
      return lspt::run_table(invocation.options);
    case lspt::kBench:
      return lspt::run_bench(invocation.options);
    case lspt::kSynth:
      return lspt::run_synth(invocation.options);
    case lspt::kCheck:
      return lspt::run_check(invocation.options);
    case lspt::kFeatures:
      return lspt::run_features(invocation.options);
    case lspt::kHelp:
      return lspt::run_help(invocation.options);
    case lspt::kCompletion:
      return lspt::run_completion(invocation.options);
    case lspt::kReport:
      return lspt::run_report(invocation.options);
    case lspt::kAttention:
      return lspt::run_attention(invocation.options);
    case lspt::kPrompts:
      return lspt::run_prompts(invocation.options);
    case lspt::kMan:
      return lspt::run_man(invocation.options);
  }
  return 1;
}

/// How long libgomp's threads spin before they sleep, unless the user says: milliseconds are
/// libgomp's own choice, which takes the processor from loader threads (steps became ten times
/// slower, a small ViT on 2 cores). It reads its settings before main, hence the second start.
/// While the machine is busy they sleep at once (engine/waiting.h).
void choose_waiting(char** argv) {
  if (std::getenv("GOMP_SPINCOUNT") || std::getenv("OMP_WAIT_POLICY")) return;
  setenv("GOMP_SPINCOUNT", "30000", 1);
  setenv("LSPT_WAITING", "auto", 1);
  execv("/proc/self/exe", argv);  // if that is impossible, on without it
}

/// What was printed and did not arrive, on a full disk for instance, is no success.
int after_printing(int code) {
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return code;
  std::fprintf(stderr, "error: standard output cannot be written: %s\n", std::strerror(errno));
  return code == 0 ? static_cast<int>(lspt::ErrorKind::kWrite) : code;
}

}  // namespace

int main(int argc, char** argv) {
  choose_waiting(argv);
  prctl(PR_SET_NAME, "lspt");  // not "exe", as what /proc/self/exe starts is called
  // A file size limit shall be an error of write(), as a full disk is, not the end of the process.
  signal(SIGXFSZ, SIG_IGN);
  try {
    const lspt::Invocation invocation = lspt::parse_command_line(argc, argv);
    if (!invocation.command) {
      std::fputs(invocation.text.c_str(), stdout);
      return after_printing(0);
    }
    return after_printing(run(invocation));
  } catch (const lspt::Error& error) {
    std::fprintf(stderr, "error: %s\n", error.what());
    return static_cast<int>(error.kind());
  } catch (const std::bad_alloc&) {
    std::fputs("error: out of memory; try a smaller --batch-size\n", stderr);
    return static_cast<int>(lspt::ErrorKind::kMemory);
  } catch (const std::filesystem::filesystem_error& error) {
    std::fprintf(stderr, "error: %s\n", error.what());
    return static_cast<int>(lspt::ErrorKind::kData);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "error: %s (a bug in lspt)\n", error.what());
    return 1;
  }
}
