#include "cli/command_sweep.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <optional>

#include "cli/recorded_sweep.h"
#include "command/command_executor.h"
#include "core/brackets.h"
#include "report/format.h"
#include "store/stored_past.h"

namespace lockstep::cli {
namespace {

/// Where this program is, for those that trials run.
std::string program_folder() {
  std::error_code error;
  const auto path = std::filesystem::read_symlink("/proc/self/exe", error);
  return error ? "" : path.parent_path().string();
}

CommandOptions command_options(const SweepSpec& spec, const std::string& output) {
  CommandOptions out;
  out.directory = output;
  out.n_at_once = spec.limits.max_concurrent_trials;
  out.gpus = visible_gpus();
  out.program_folder = program_folder();
  out.warn = [](const std::string& text) { std::fprintf(stderr, "lockstep: warning: %s\n", text.c_str()); };
  return out;
}

RunInfo command_info(const SweepSpec& spec, const Configurations& configurations, const CommandExecutor& executor,
                     uint64_t seed) {
  RunInfo info;
  info.lockstep_version = LOCKSTEP_VERSION;
  info.device = "this machine";
  info.seed = seed;
  info.n_slots = sweep_size(spec, configurations, executor).n_slots;
  info.notes = executor.notes();
  return info;
}

}  // namespace

void run_commands(const SweepSpec& spec, Configurations& configurations, uint64_t seed, const std::string& output,
                  JournalMode mode, const std::vector<EarlierSweep>& earlier, const SweepRunOptions& options) {
  CommandExecutor executor(spec, configurations, command_options(spec, output));
  RunInfo info = command_info(spec, configurations, executor, seed);
  options.note("Programs at once: " + std::to_string(info.n_slots));
  options.note_details(info);
  for (const std::string& ignored : spec.ignored) info.notes.push_back(ignored);
  options.note_sampling(spec, earlier, std::nullopt, info);
  Context context;
  context.seed = seed;
  train_sweep(spec, configurations, {executor, host_backend(), context}, info, output, mode, options);
}

namespace {

/// Goes on with the trials of `past` that have no end, and starts those that wait.
void go_on(const SweepRecord& record, const SweepSpec& spec, Configurations& configurations, const SweepPast& past,
           CommandOptions command, const SweepRunOptions& options) {
  command.is_resumed = true;
  for (const PastTrial& trial : past.trials) configurations.replace(trial.trial, trial.draws);
  CommandExecutor executor(spec, configurations, std::move(command));
  RunInfo info = command_info(spec, configurations, executor, record.seed);
  info.earlier = load_earlier_trials(record.directory);
  options.note_details(info);
  Context context;
  context.seed = record.seed;
  const TakenUp taken_up{past};
  train_sweep(spec, configurations, {executor, host_backend(), context}, info, record.directory, JournalMode::kResume,
              options, &taken_up);
}

}  // namespace

void resume_commands(const SweepRecord& record, const SweepRunOptions& options, const std::vector<Override>& overrides) {
  RecordedSweep sweep(record, overrides);
  const bool keeps_reports = sweep.spec.command->resume != ResumeBy::kRestart;
  const SweepPast past = asynchronous_past(record, keeps_reports);
  CommandOptions command = command_options(sweep.spec, record.directory);
  int64_t n_ended = 0;
  for (const PastTrial& trial : past.trials) {
    n_ended += trial.end ? 1 : 0;
    if (!trial.end && keeps_reports) command.going_on[trial.trial].n_reports = static_cast<int64_t>(trial.reports.size());
  }
  const int64_t n_cut = static_cast<int64_t>(past.trials.size()) - n_ended;
  options.note(format_count(n_ended, "trial") + " had ended; " + format_count(n_cut) + " cut off, which " +
               (keeps_reports ? "go on from their outputs" : "begin anew"));
  go_on(record, sweep.spec, sweep.configurations, past, std::move(command), options);
}

void resume_command_trials(const SweepRecord& record, const std::vector<int64_t>& trials, const SweepRunOptions& options) {
  RecordedSweep sweep(record);
  sweep.spec.early_termination = {};
  sweep.spec.sampling.algorithm = SamplingAlgorithm::kRandom;  // nothing is left to be chosen
  SweepPast past = asynchronous_past(record, true);
  CommandOptions command = command_options(sweep.spec, record.directory);
  for (PastTrial& trial : past.trials) {
    if (std::find(trials.begin(), trials.end(), trial.trial) == trials.end()) continue;
    command.going_on[trial.trial] = {static_cast<int64_t>(trial.reports.size()), trial.end->reason};
    trial.end.reset();
  }
  // Those that never started stay away.
  const SearchSpace& space = sweep.configurations.space();
  const auto n_started = static_cast<int64_t>(past.trials.size());
  std::vector<double> draws = sweep.configurations.draws();
  draws.resize(static_cast<size_t>(n_started * space.n_params()));
  Configurations started(space, 0, n_started, std::move(draws));
  go_on(record, sweep.spec, started, past, std::move(command), options);
}

}  // namespace lockstep::cli
