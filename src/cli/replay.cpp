#include <algorithm>
#include <cmath>
#include <memory>

#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/recorded_sweep.h"
#include "cli/sweep_run.h"
#include "cli/train_again.h"
#include "report/format.h"
#include "store/export.h"

namespace lockstep::cli {
namespace {

struct ReplayOptions {
  std::string directory;
  std::string trial;
  bool best = false;
  double tolerance = 0;
  bool has_tolerance = false;
  SweepRunOptions training;
};

struct Comparison {
  int64_t interval = 0;
  double recorded = 0;
  double replayed = 0;
  /// 0 when both are the same, NaN included; infinite when one alone is finite.
  double difference() const {
    if (recorded == replayed || (std::isnan(recorded) && std::isnan(replayed))) return 0;
    const double out = std::abs(recorded - replayed);
    return std::isfinite(out) ? out : INFINITY;
  }
};

std::string text_of(const SweepRecord& record, const TrialRecord& trial, const std::vector<Comparison>& intervals,
                    const Comparison& worst) {
  std::string out = "Trial " + std::to_string(trial.number) + (trial.reason.empty() ? "" : ", " + printable(trial.reason)) + "\n";
  std::vector<std::vector<std::string>> rows{{"interval", "recorded", "replayed", "difference"}};
  for (const Comparison& each : intervals) {
    rows.push_back({std::to_string(each.interval), format_number(each.recorded), format_number(each.replayed),
                    format_number(each.difference())});
  }
  out += format_table(rows, "  ");
  if (worst.difference() == 0) {
    return out + "Trained alone, " + printable(record.primary_metric) + " is the same at every interval, bit for bit.\n";
  }
  return out + "Trained alone, " + printable(record.primary_metric) + " differs by at most " + format_number(worst.difference()) +
         ", at interval " + std::to_string(worst.interval) + ".\n";
}

nlohmann::ordered_json number_or_null(double value) {
  return std::isfinite(value) ? nlohmann::ordered_json(value) : nlohmann::ordered_json(nullptr);
}

std::string json_of(const TrialRecord& trial, const std::vector<Comparison>& intervals, const Comparison& worst,
                    const std::vector<std::string>& notes) {
  nlohmann::ordered_json out{{"trial", trial.number}, {"equal", worst.difference() == 0}};
  out["largest_difference"] = number_or_null(worst.difference());
  out["at_interval"] = worst.interval;
  for (const Comparison& each : intervals) {
    out["intervals"].push_back({{"interval", each.interval},
                                {"recorded", number_or_null(each.recorded)},
                                {"replayed", number_or_null(each.replayed)},
                                {"difference", number_or_null(each.difference())}});
  }
  out["notes"] = notes;
  return json_text(out) + "\n";
}

void replay(const ReplayOptions& options) {
  const SweepRecord record = load_results(options.directory);
  const TrialRecord& trial = find_trial(record, options.best ? "best" : options.trial);
  if (trial.n_intervals == 0) {
    throw InputError(options.directory + ": trial " + std::to_string(trial.number) +
                     " has reported nothing so far, so there is nothing to compare with");
  }
  const std::vector<double> recorded = load_reports(options.directory).at(trial.number);
  RecordedTraining again(record, options.training);
  again.take_recorded_configurations(record);
  std::vector<std::string> notes = again.differences;
  if (!again.data_difference.empty()) notes.push_back(again.data_difference);
  for (const auto& note : notes) options.training.note("Note: " + note);

  const auto n = std::min(trial.n_intervals, static_cast<int64_t>(recorded.size()));
  const std::vector<double> replayed = train_again(record, again.training, trial, n);
  std::vector<Comparison> intervals;
  for (size_t i = 0; i < replayed.size(); ++i) {
    intervals.push_back({static_cast<int64_t>(i) + 1, recorded[i], replayed[i]});
  }
  const Comparison worst = *std::max_element(
      intervals.begin(), intervals.end(),
      [](const Comparison& a, const Comparison& b) { return a.difference() < b.difference(); });
  print(options.training.format == "json" ? json_of(trial, intervals, worst, notes)
                                          : text_of(record, trial, intervals, worst));
  if (options.has_tolerance && worst.difference() > options.tolerance) {
    throw ExitRequest{static_cast<int>(ExitCode::kDiffers)};
  }
}

}  // namespace

void add_replay(CLI::App& app) {
  auto options = std::make_shared<ReplayOptions>();
  auto* command = app.add_subcommand("replay", "train one trial of a sweep again, alone, and compare");
  command->add_option("DIR", options->directory, "folder of the sweep's results")->required();
  auto* which = command->add_option_group("which");
  which->add_option("--trial", options->trial, "the trial's number, or best")->type_name("N");
  which->add_flag("--best", options->best, "the best trial");
  which->require_option(1);
  auto* tolerance = command->add_option("--tolerance", options->tolerance, "exit with 8 when the metric differs by more")
                        ->check(CLI::NonNegativeNumber);
  options->training.device = "";
  options->training.add_training_to(*command);
  command->get_option("--device")->default_str("the one of the sweep");
  command->footer(
      "Weights, data order and dropout hang on the sweep's seed and the trial's number alone, so a trial that trained\n"
      "in a batch comes to the same metric by itself. What is not as it was recorded (sweep file, data, versions,\n"
      "processor) is said.\n\n"
      "Examples:\n"
      "  lockstep replay results --best\n"
      "  lockstep replay results --trial 17 --tolerance 0 --format json");
  command->callback([options, tolerance] {
    options->has_tolerance = tolerance->count() > 0;
    replay(*options);
  });
}

}  // namespace lockstep::cli
