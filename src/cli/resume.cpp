#include <memory>

#include "cli/command_sweep.h"
#include "cli/commands.h"
#include "cli/recorded_sweep.h"
#include "cli/resume_trials.h"
#include "cli/sweep_run.h"
#include "store/results.h"
#include "store/stored_past.h"

namespace lockstep::cli {
namespace {

struct ResumeOptions {
  std::string directory;
  std::string timeout;
  std::vector<std::string> trials;  ///< these alone
  SweepRunOptions training;
};

void resume(const ResumeOptions& options) {
  if (!options.trials.empty()) return resume_trials(options.directory, options.trials, options.training);
  const SweepRecord record = load_results(options.directory);
  const auto note = [&](const std::string& text) { options.training.note(text); };
  if (record.end == RecordedEnd::kCompleted) {
    note(options.directory + ": the sweep is complete, there is nothing to go on with; see `lockstep best " +
         options.directory + "`");
    return;
  }
  std::vector<Override> overrides;
  if (!options.timeout.empty()) overrides.push_back({"limits.timeout", options.timeout});
  if (record.end == RecordedEnd::kTimeout && options.timeout.empty()) {
    throw InputError({}, "limits.timeout", "has ended this sweep, and would end it again at once",
                     "give a longer one, for all of the sweep: --timeout SECONDS");
  }
  if (runs_commands(record)) return resume_commands(record, options.training, overrides);
  RecordedTraining again(record, options.training, overrides);
  note("Device: " + again.device.to_string());
  for (const auto& difference : again.differences) note("Note: " + difference);
  options.training.note_details(again.info);
  if (!again.data_difference.empty()) {
    throw DataError(options.directory + ": " + again.data_difference +
                    ", and half a sweep on other data means nothing; bring the data back, or run the sweep again");
  }
  again.info.earlier = load_earlier_trials(options.directory);
  StoredPast past(record);
  note(past.n_ticks() == 0 ? "Without a checkpoint: from the start"
                           : "From the checkpoint after interval " + std::to_string(past.n_ticks()) + " of the sweep");
  const TakenUp taken_up{past.past(), &past};
  train_sweep(again.sweep.spec, again.sweep.configurations, again.training, again.info, options.directory,
              JournalMode::kResume, options.training, &taken_up);
}

}  // namespace

void add_resume(CLI::App& app) {
  auto options = std::make_shared<ResumeOptions>();
  auto* command = app.add_subcommand("resume", "go on with a sweep that was interrupted, killed or failed");
  command->add_option("DIR", options->directory, "folder of the sweep's results")->required();
  command->add_option("--timeout", options->timeout, "instead of limits.timeout; counts what was trained before too")
      ->type_name("SECONDS");
  command->add_option("--trial", options->trials, "of a sweep that is over: this trial alone, to its end; may be repeated")
      ->type_name("N")
      ->allow_extra_args(false)
      ->excludes("--timeout");
  options->training.device = "";
  options->training.add_to(*command);
  command->get_option("--device")->default_str("the one it began on");
  command->footer(
      "The sweep goes on from its last checkpoint and ends as if nothing had happened: on the same machine with the\n"
      "same results, bit for bit. What the journal has beyond the checkpoint is trained again. The sweep is the one\n"
      "that was started, even if its file has changed since; what differs is said.\n\n"
      "With --trial, a trial that a policy or limits.trial_timeout ended trains on to its end, with its configuration.\n\n"
      "Examples:\n"
      "  lockstep resume lockstep-results/digits_mlp-20260101-120000\n"
      "  lockstep resume results --trial 17 --trial 23");
  command->callback([options] { resume(*options); });
}

}  // namespace lockstep::cli
