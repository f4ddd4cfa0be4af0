#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include <lockstep/configurations.h>
#include <lockstep/device.h>
#include <lockstep/sweep_spec.h>

#include "cli/training.h"
#include "store/checkpointer.h"
#include "store/journal.h"
#include "store/stored_past.h"

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
};

/// What the results say of the run that makes them.
RunInfo run_info(const SweepSpec& spec, const Configurations& configurations, Training& training, const Device& device,
                 uint64_t seed);

/// Trains a sweep into `output`, from its start or from its past, writes what is exported and prints the summary. Throws
/// what the sweep throws, after writing what it has, and ExitRequest when it was interrupted.
/// @param configurations a Bayesian sweep's are written as they are chosen
void train_sweep(const SweepSpec& spec, Configurations& configurations, Training& training, const RunInfo& info,
                 const std::string& output, JournalMode mode, const SweepRunOptions& options,
                 StoredPast* past = nullptr);

}  // namespace lockstep::cli
