#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <lockstep/configurations.h>
#include <lockstep/sweep_spec.h>

#include "cli/sweep_run.h"
#include "store/earlier_trials.h"
#include "store/journal.h"
#include "store/results.h"

namespace lockstep::cli {

/// Runs a sweep whose trials are runs of a program, as `train_sweep` does.
void run_commands(const SweepSpec& spec, Configurations& configurations, uint64_t seed, const std::string& output,
                  JournalMode mode, const std::vector<EarlierSweep>& earlier, const SweepRunOptions& options);

/// Goes on with one.
void resume_commands(const SweepRecord& record, const SweepRunOptions& options, const std::vector<Override>& overrides);

/// Has some trials of one that is complete go on by hand, whatever ended them, without a policy: with the reports that they
/// have, in their folders.
void resume_command_trials(const SweepRecord& record, const std::vector<int64_t>& trials, const SweepRunOptions& options);

}  // namespace lockstep::cli
