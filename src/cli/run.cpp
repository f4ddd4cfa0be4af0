#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <lockstep/sampling.h>

#include "cli/command_sweep.h"
#include "cli/commands.h"
#include "cli/sweep_run.h"
#include "store/earlier_trials.h"
#include "store/output_directory.h"

namespace lockstep::cli {
namespace {

struct RunOptions {
  SweepFileOptions sweep;
  SweepRunOptions training;
  std::string output;
  bool overwrite = false;
  std::vector<std::string> warm_start;
};

/// How many intervals each trial trains; nothing where that depends on its configuration.
std::optional<int64_t> common_n_intervals(const Configurations& configurations, const Executor& executor) {
  std::optional<int64_t> out;
  for (int64_t row = 0; row < configurations.n_trials(); ++row) {
    const int64_t n = executor.n_intervals(configurations.first_trial() + row);
    if (out && *out != n) return std::nullopt;
    out = n;
  }
  return out;
}

void run(const RunOptions& options) {
  SweepSpec spec = options.sweep.load();
  // What a program is given by a path from the file must be found by a resume elsewhere.
  if (spec.command) spec.file = std::filesystem::absolute(spec.file).lexically_normal().string();
  const std::string output =
      options.output.empty() ? default_output_directory(spec, std::chrono::system_clock::now()) : options.output;
  check_output_directory(output, options.overwrite);
  const std::vector<EarlierSweep> earlier = load_earlier_sweeps(options.warm_start, spec);

  const auto note = [&](const std::string& text) { options.training.note(text); };
  for (const std::string& sentence : spec.ignored) note(sentence);
  std::string why;
  Device device;
  if (!spec.command) {
    device = choose_device(options.training.device, why);
    note("Device: " + device.to_string() + (why.empty() ? "" : " (" + why + ")"));
  }
  const uint64_t seed = spec.sampling.seed ? *spec.sampling.seed : random_seed();
  const std::string seed_text = std::to_string(seed);
  if (!spec.sampling.seed) note("Seed: " + seed_text + " (drawn; repeat with --seed " + seed_text + ")");

  Context sampling;
  sampling.seed = seed;
  Configurations configurations = sample(host_backend(), sampling, spec);
  const JournalMode mode = options.overwrite ? JournalMode::kOverwrite : JournalMode::kNew;
  if (spec.command) return run_commands(spec, configurations, seed, output, mode, earlier, options.training);
  Training training(spec, configurations, device, seed, options.training.executor);
  RunInfo info = run_info(spec, configurations, training, device, seed);
  options.training.note_details(info);
  options.training.note_sampling(spec, earlier, common_n_intervals(configurations, training.executor()), info);
  train_sweep(spec, configurations, training, info, output, mode, options.training);
}

}  // namespace

void add_run(CLI::App& app) {
  auto options = std::make_shared<RunOptions>();
  auto* command = app.add_subcommand("run", "train a sweep");
  options->sweep.add_to(*command);
  command
      ->add_option("-o,--output", options->output, "folder for the results (default: lockstep-results/NAME-TIME)")
      ->type_name("DIR");
  command->add_flag("--overwrite", options->overwrite, "replace the sweep that the folder holds");
  command
      ->add_option("--warm-start", options->warm_start,
                   "folders of earlier sweeps, imported ones too: Bayesian sampling begins with their trials as observations, "
                   "and early termination compares with their curves")
      ->type_name("DIR...");
  options->training.add_to(*command);
  command->footer(
      "Progress goes to standard error, the summary to standard output. Ctrl-C finishes the interval, writes the\n"
      "results and exits with 130; a second Ctrl-C ends at once. `lockstep resume` goes on where it was.\n\n"
      "Examples:\n"
      "  lockstep run sweep.yml --seed 7\n"
      "  lockstep run sweep.yml --set trial.epochs=5 --set search_space.lr.max_value=-2\n"
      "  lockstep run sweep.yml --warm-start results-of-monday results-of-tuesday\n"
      "  lockstep run sweep.yml --quiet --format json > summary.json");
  command->callback([options] { run(*options); });
}

}  // namespace lockstep::cli
