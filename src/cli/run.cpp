#include <unistd.h>

#include <memory>

#include <lockstep/sampling.h>
#include <lockstep/sweep.h>

#include "cli/commands.h"
#include "cli/interrupt.h"
#include "cli/training.h"
#include "report/leaderboard.h"
#include "report/progress.h"
#include "report/summary.h"
#include "store/export.h"
#include "store/journal.h"
#include "store/output_directory.h"

namespace lockstep::cli {
namespace {

constexpr size_t kBestShown = 5;

struct RunOptions {
  SweepFileOptions sweep;
  std::string device = "auto";
  std::string output;
  bool overwrite = false;
  int threads = 0;
  int64_t tile = 0;
  bool quiet = false;
  bool verbose = false;
  std::string format = "text";
};

/// Writes out what a sweep that failed has in its journal. A second failure must not hide the first.
bool export_after_failure(const std::string& output) noexcept {
  try {
    export_results(load_results(output));
    return true;
  } catch (...) {
    return false;
  }
}

void run(const RunOptions& options) {
  SweepSpec spec = options.sweep.load();
  const std::string output =
      options.output.empty() ? default_output_directory(spec, std::chrono::system_clock::now()) : options.output;
  check_output_directory(output, options.overwrite);

  const bool json = options.format == "json";
  const auto note = [&](const std::string& text) {
    if (!options.quiet) std::fprintf(stderr, "%s\n", text.c_str());
  };
  std::string why;
  const Device device = choose_device(options.device, why);
  note("Device: " + device.to_string() + (why.empty() ? "" : " (" + why + ")"));
  const uint64_t seed = spec.sampling.seed ? *spec.sampling.seed : random_seed();
  if (!spec.sampling.seed) note("Seed: " + std::to_string(seed) + " (drawn; repeat with --seed " + std::to_string(seed) + ")");

  Context sampling;
  sampling.seed = seed;
  const Configurations configurations = sample(host_backend(), sampling, spec);
  Training training(spec, configurations, device, seed, options.threads, options.tile);
  auto notes = training.notes();
  if (options.verbose) {
    for (const auto& line : notes) note(line);
  }
  if (const std::string sampled = sampling_note(spec); !sampled.empty()) {
    note(sampled);
    notes.push_back(sampled);
  }

  RunInfo info;
  info.lockstep_version = LOCKSTEP_VERSION;
  info.torch_version = torch_version();
  info.device = device.to_string();
  info.seed = seed;
  info.notes = notes;
  Journal journal(output, info, options.overwrite);

  Leaderboard leaderboard;
  ProgressDisplay progress(stderr, isatty(STDERR_FILENO) != 0);
  std::vector<SweepObserver*> observers{&journal, &leaderboard};
  if (!options.quiet) observers.push_back(&progress);

  SweepResult result;
  {
    const Interrupt interrupt;
    try {
      result = run_sweep(spec, configurations, training.executor(), training.backend(), training.context(), observers,
                         &interrupt.requested());
    } catch (const std::exception& error) {
      progress.break_line();
      journal.abandon(error.what());
      if (export_after_failure(output)) note("What was trained until then is in " + output);
      throw;
    }
    journal.close();
    export_results(load_results(output));
  }

  const SweepSummary summary{spec, configurations, result, leaderboard.top(kBestShown, configurations), seed, device.to_string(), output};
  print(json ? json_text(summary_json(summary)) + "\n" : (options.quiet ? "" : "\n") + summary_text(summary));
  if (result.end == SweepEnd::kInterrupted) throw ExitRequest{static_cast<int>(ExitCode::kInterrupted)};
}

}  // namespace

void add_run(CLI::App& app) {
  auto options = std::make_shared<RunOptions>();
  auto* command = app.add_subcommand("run", "train a sweep");
  options->sweep.add_to(*command);
  command->add_option("--device", options->device, "auto, cpu, cuda or cuda:N")->capture_default_str();
  command->add_option("-o,--output", options->output, "folder for the results (default: lockstep-results/NAME-TIME)")->type_name("DIR");
  command->add_flag("--overwrite", options->overwrite, "replace the sweep that the folder holds");
  command->add_option("--threads", options->threads, "worker threads on a CPU (default: one a core)")
      ->check(CLI::Range(1, 4096));
  command->add_option("--tile", options->tile, "trials in one batched module (default: planned from memory and cache)")
      ->check(CLI::Range(1, 1 << 20));
  auto* quiet = command->add_flag("-q,--quiet", options->quiet, "no progress and no notes, the summary alone");
  command->add_flag("-v,--verbose", options->verbose, "say how the trials were grouped")->excludes(quiet);
  command->add_option("--format", options->format, "of the summary: text or json")
      ->check(CLI::IsMember({"text", "json"}))
      ->capture_default_str();
  command->footer(
      "Progress goes to standard error, the summary to standard output. Ctrl-C finishes the interval, writes the\n"
      "results and exits with 130; a second Ctrl-C ends at once.\n\n"
      "Examples:\n"
      "  lockstep run sweep.yml --seed 7\n"
      "  lockstep run sweep.yml --set trial.epochs=5 --set search_space.lr.max_value=-2\n"
      "  lockstep run sweep.yml --quiet --format json > summary.json");
  command->callback([options] { run(*options); });
}

}  // namespace lockstep::cli
