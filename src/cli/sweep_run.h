#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include <lockstep/configurations.h>
#include <lockstep/device.h>
#include <lockstep/sweep_spec.h>

#include "cli/training.h"
#include "store/checkpointer.h"
#include "store/earlier_trials.h"
#include "store/journal.h"

namespace lockstep::cli {

/// What `run` and `resume` share: how to train, and what to say.
struct SweepRunOptions {
  std::string device = "auto";
  TrainingOptions executor;
  CheckpointOptions checkpoint;
  bool quiet = false;
  bool verbose = false;
  std::string format = "text";

  /// Device, threads, tile, memory, quiet, format.
  void add_training_to(CLI::App& command);
  /// These, checkpoints and --verbose.
  void add_to(CLI::App& command);
  /// To standard error, unless quiet.
  void note(const std::string& text) const;
  /// With --verbose: what is to be known of the executor and the data.
  void note_details(const RunInfo& info) const;
  /// How configurations are chosen, and what the sweep learns from earlier ones; puts both into `info`.
  /// @param n_intervals as in `match_earlier_trials`
  void note_sampling(const SweepSpec& spec, const std::vector<EarlierSweep>& earlier, std::optional<int64_t> n_intervals,
                     RunInfo& info) const;
};

/// What trains a sweep's trials, and where decisions are taken.
struct Trainer {
  Trainer(Training& training);
  Trainer(Executor& executor, const Backend& backend, const Context& context)
      : executor(executor), backend(backend), context(context) {}

  Executor& executor;
  const Backend& backend;
  Context context;
};

/// What a sweep goes on from, and who sees to it that it does.
struct TakenUp {
  const SweepPast& past;
  SweepObserver* check = nullptr;  ///< told before all others; may be null
};

/// Writes the sweep's page. The report is one way of looking at results that are safe already: without it the sweep has not
/// failed, so a failure is a warning.
void write_report_or_warn(const std::string& output) noexcept;

/// What the results say of the run that makes them.
RunInfo run_info(const SweepSpec& spec, const Configurations& configurations, Training& training, const Device& device,
                 uint64_t seed);

/// Trains a sweep into `output`, from its start or from its past, writes what is exported and prints the summary. Throws
/// what the sweep throws, after writing what it has, and ExitRequest when it was interrupted.
/// @param configurations a Bayesian sweep's are written as they are chosen
void train_sweep(const SweepSpec& spec, Configurations& configurations, const Trainer& trainer, const RunInfo& info,
                 const std::string& output, JournalMode mode, const SweepRunOptions& options,
                 const TakenUp* past = nullptr);

}  // namespace lockstep::cli
