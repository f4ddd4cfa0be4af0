#include <memory>

#include "cli/commands.h"
#include "cli/recorded_sweep.h"
#include "cli/sweep_run.h"
#include "cli/train_again.h"
#include "report/format.h"
#include "store/checkpoint.h"

namespace lockstep::cli {
namespace {

struct ExportModelOptions {
  std::string directory;
  std::string trial = "best";
  int64_t interval = 0;
  std::string output;
  std::string file_format = "auto";
  SweepRunOptions training;
};

/// Brings the weights that the trial had after `interval` into the executor: from the checkpoint where it keeps them, or
/// else by training the trial again.
/// @param recorded the trial's metric then
void bring_weights(const SweepRecord& record, const TrialRecord& trial, int64_t interval, double recorded,
                   Training& training, const SweepRunOptions& options) {
  if (const auto checkpoint = Checkpoint::open(record.directory)) {
    const BestTrial& kept = checkpoint->header().kept;
    if (kept.trial == trial.number && kept.interval == interval) {
      training.executor().restore(checkpoint->saved(), {}, {});
      return;
    }
  }
  options.note("Training trial " + std::to_string(trial.number) + " again for " + std::to_string(interval) +
               (interval == 1 ? " interval" : " intervals") + ": its weights were not kept");
  const auto replayed = train_again(record, training, trial, interval);
  if (recorded != replayed.back()) {
    options.note("Note: " + record.primary_metric + " was " + format_number(recorded) + " and is " +
                 format_number(replayed.back()) + "; `lockstep replay` says more");
  }
}

void export_model(const ExportModelOptions& options) {
  const SweepRecord record = load_results(options.directory);
  const TrialRecord& trial = find_trial(record, options.trial);
  const int64_t interval = options.interval > 0     ? options.interval
                           : trial.best_interval > 0 ? trial.best_interval
                                                     : trial.n_intervals;
  if (interval < 1 || interval > trial.n_intervals) {
    throw InputError(options.directory + ": trial " + std::to_string(trial.number) + " has trained " +
                     std::to_string(trial.n_intervals) + " intervals, so there are no weights of interval " +
                     std::to_string(interval));
  }
  RecordedTraining again(record, options.training);
  again.take_recorded_configurations(record);
  for (const auto& difference : again.differences) options.training.note("Note: " + difference);
  if (!again.data_difference.empty()) {
    throw DataError(options.directory + ": " + again.data_difference +
                    ", so the model cannot be built as it was; bring the data back");
  }
  const double metric = load_reports(record.directory).at(trial.number).at(static_cast<size_t>(interval - 1));
  bring_weights(record, trial, interval, metric, again.training, options.training);
  for (const ExploitRecord& exploit : trial.exploits) {
    if (exploit.interval < interval) again.sweep.configurations.replace(trial.number, exploit.draws);
  }
  again.training.export_kept(again.sweep.spec, again.sweep.configurations, trial.number, options.output,
                             options.file_format, metric);
  options.training.note("Trial " + std::to_string(trial.number) + " after interval " + std::to_string(interval) +
                        ", " + record.primary_metric + " " + format_number(metric) + ": " + options.output);
}

}  // namespace

void add_export_model(CLI::App& app) {
  auto options = std::make_shared<ExportModelOptions>();
  auto* command = app.add_subcommand("export-model", "write one trial's model to a file, for LibTorch or Python");
  command->add_option("DIR", options->directory, "folder of the sweep's results")->required();
  command->add_option("--trial", options->trial, "the trial's number, or best")->type_name("N")->capture_default_str();
  command->add_option("--interval", options->interval, "as it was after this interval (default: its best one)")
      ->check(CLI::PositiveNumber);
  command->add_option("-o,--output", options->output, "file to write")->type_name("FILE")->required();
  command
      ->add_option("--format", options->file_format,
                   "libtorch, state-dict or safetensors (default: .safetensors, .pt and .pth say which, else libtorch)")
      ->check(CLI::IsMember({"auto", "libtorch", "state-dict", "safetensors"}));
  command->add_option("--device", options->training.device, "where to train it, if it must be trained again");
  command->add_flag("-q,--quiet", options->training.quiet, "no notes");
  options->training.device = "";
  command->footer(
      "The best trial's weights are in the checkpoint; those of another are trained again, and come out the same.\n"
      "  libtorch     what torch::save writes: the unmodified module reads it with torch::load, without Lockstep\n"
      "  state-dict   a dictionary that Python reads with torch.load\n"
      "  safetensors  the same for any language, with the trial's hyperparameters\n\n"
      "Examples:\n"
      "  lockstep export-model results --trial best -o best.pt\n"
      "  lockstep export-model results --trial 17 -o trial17.safetensors");
  command->callback([options] { export_model(*options); });
}

}  // namespace lockstep::cli
