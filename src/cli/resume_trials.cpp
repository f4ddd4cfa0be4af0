#include "cli/resume_trials.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <map>

#include <nlohmann/json.hpp>

#include "cli/command_sweep.h"
#include "cli/commands.h"
#include "cli/interrupt.h"
#include "cli/recorded_sweep.h"
#include "cli/train_again.h"
#include "core/end_reasons.h"
#include "report/format.h"
#include "report/report_page.h"
#include "store/export.h"
#include "store/output_directory.h"
#include "store/resumed_trials.h"

namespace lockstep::cli {
namespace {

using Clock = std::chrono::steady_clock;

bool is_better(Goal goal, double a, double b) { return goal == Goal::kMaximize ? a > b : a < b; }

/// The sweep must be over: until then its own decisions are to come.
void check_is_over(const SweepRecord& record) {
  if (record.end == RecordedEnd::kCompleted) return;
  throw InputError(record.directory + ": the sweep is not over (" + end_word(record.end) + "), so its trials still go on with it; " +
                   (record.end == RecordedEnd::kTimeout ? "`lockstep resume " + record.directory + " --timeout SECONDS`"
                                                        : "`lockstep resume " + record.directory + "`") +
                   " first, without --trial");
}

/// The trials that are meant; each must have been ended before its time.
std::map<int64_t, const TrialRecord*> find_trials(const SweepRecord& record, const std::vector<std::string>& texts) {
  std::map<int64_t, const TrialRecord*> trials;
  for (const std::string& text : texts) {
    const TrialRecord& trial = find_trial(record, text);
    const std::string which = record.directory + ": trial " + std::to_string(trial.number);
    if (trial.state == TrialState::kFinished) {
      throw InputError(which + " has trained to its end (" + trial.reason + "), so there is nothing to go on with");
    }
    if (trial.state == TrialState::kDiverged) {
      throw InputError(which + " has " + trial.reason + ", and would do so again; run a sweep with other hyperparameters");
    }
    trials[trial.number] = &trial;
  }
  return trials;
}

/// Trains the trials, watches that they are those that they were, and keeps the weights where one becomes the best.
class TrialsOn {
 public:
  TrialsOn(const SweepRecord& record, const std::map<int64_t, const TrialRecord*>& trials, Training& training)
      : record_(record), trials_(trials), training_(training), recorded_(load_reports(record.directory)) {
    if (const TrialRecord* best = record.best()) {
      best_ = {best->number, best->best_interval, *best->value};
      has_best_ = true;
    }
    for (const auto& [number, trial] : trials) n_intervals_[number] = training.executor().n_intervals(number);
  }

  ResumedTrials train(const std::atomic<bool>& stop_requested) {
    const auto begin = Clock::now();
    train_again(record_, training_, n_intervals_, [&](int64_t interval, const std::map<int64_t, double>& reports) {
      if (stop_requested) throw ExitRequest{static_cast<int>(ExitCode::kInterrupted)};
      return take(interval, reports);
    });
    result_.elapsed_s = std::chrono::duration<double>(Clock::now() - begin).count();
    if (result_.is_new_best) result_.test_value = training_.executor().test_kept(best_.trial);
    for (const auto& [number, trial] : trials_) add(*trial, reports_.at(number));
    return result_;
  }

 private:
  std::vector<int64_t> take(int64_t interval, const std::map<int64_t, double>& reports) {
    std::vector<int64_t> diverged;
    for (const auto& [number, report] : reports) {
      reports_[number].push_back(report);
      if (interval <= trials_.at(number)->n_intervals) {
        check(number, interval, report);
      } else if (!std::isfinite(report)) {
        diverged.push_back(number);
      } else if (!has_best_ || is_better(record_.goal, report, best_.metric) ||
                 (report == best_.metric && number < best_.trial)) {
        best_ = {number, interval, report};
        has_best_ = result_.is_new_best = true;
        training_.executor().keep(number);
      }
    }
    return diverged;
  }

  void check(int64_t number, int64_t interval, double report) const {
    const double recorded = recorded_.at(number).at(static_cast<size_t>(interval - 1));
    if (recorded == report || (std::isnan(recorded) && std::isnan(report))) return;
    throw Error(ExitCode::kDiffers,
                record_.directory + ": trained again, trial " + std::to_string(number) + " has " + record_.primary_metric + " " +
                    Value(report).to_json() + " at interval " + std::to_string(interval) + ", and had " +
                    Value(recorded).to_json() + ", so what follows would not be the same trial; nothing was recorded; `lockstep " +
                    "replay " + record_.directory + " --trial " + std::to_string(number) + "` says more");
  }

  void add(const TrialRecord& before, const std::vector<double>& reports) {
    const auto n = static_cast<int64_t>(reports.size());
    const int64_t n_full = n_intervals_.at(before.number);
    ResumedTrial trial{before.number, reports, TrialState::kFinished, ""};
    if (!std::isfinite(reports.back())) trial.state = TrialState::kDiverged;
    trial.reason = "resumed by hand after interval " + std::to_string(before.n_intervals) + " (" + before.reason + "): " +
                   (trial.state == TrialState::kFinished ? "trained all " + std::to_string(n) + " intervals"
                                                         : divergence_reason(n, reports.back()));
    result_.trial_intervals += n - before.n_intervals;
    // As for any trial: what no policy ended counts as long as it trained.
    const int64_t full_before = before.state == TrialState::kStopped ? n_full : before.n_intervals;
    result_.trial_intervals_full += (trial.state == TrialState::kFinished ? n_full : n) - full_before;
    result_.trials.push_back(std::move(trial));
  }

  const SweepRecord& record_;
  const std::map<int64_t, const TrialRecord*>& trials_;
  Training& training_;
  const Reports recorded_;
  std::map<int64_t, int64_t> n_intervals_;
  std::map<int64_t, std::vector<double>> reports_;
  BestTrial best_;
  bool has_best_ = false;
  ResumedTrials result_;
};

std::string text_of(const SweepRecord& before, const SweepRecord& after, const std::map<int64_t, const TrialRecord*>& trials) {
  std::vector<std::vector<std::string>> rows{{"trial", "intervals", "best " + printable(before.primary_metric), "at interval", "end"}};
  const auto value = [](const TrialRecord& trial) { return trial.value ? format_number(*trial.value) : std::string("none"); };
  for (const auto& [number, was] : trials) {
    const TrialRecord& is = find_trial(after, std::to_string(number));
    rows.push_back({std::to_string(number), std::to_string(was->n_intervals) + " -> " + std::to_string(is.n_intervals),
                    value(*was) + " -> " + value(is), std::to_string(is.best_interval),
                    is.state == TrialState::kFinished ? "finished" : "diverged"});
  }
  std::string out = format_table(rows, "");
  if (const TrialRecord* best = after.best()) {
    out += "Best of the sweep: trial " + std::to_string(best->number) + ", " + printable(after.primary_metric) + " " +
           format_number(*best->value) + " at interval " + std::to_string(best->best_interval) + "\n";
  }
  return out;
}

std::string json_of(const SweepRecord& after, const std::map<int64_t, const TrialRecord*>& trials) {
  nlohmann::ordered_json out = nlohmann::ordered_json::array();
  for (const auto& [number, was] : trials) {
    const TrialRecord& is = find_trial(after, std::to_string(number));
    nlohmann::ordered_json trial{{"trial", number}, {"resumed_after", was->n_intervals}, {"intervals", is.n_intervals}};
    trial["value"] = is.value ? nlohmann::ordered_json(*is.value) : nlohmann::ordered_json(nullptr);
    trial["best_interval"] = is.best_interval;
    trial["reason"] = is.reason;
    out.push_back(std::move(trial));
  }
  return json_text(nlohmann::ordered_json{{"resumed", out}, {"best", after.best() ? after.best()->number : -1}}) + "\n";
}

}  // namespace

void resume_trials(const std::string& directory, const std::vector<std::string>& texts, const SweepRunOptions& options) {
  const SweepRecord record = load_results(directory);
  check_is_over(record);
  const auto trials = find_trials(record, texts);
  if (runs_commands(record)) {
    std::vector<int64_t> numbers;
    for (const auto& [number, trial] : trials) numbers.push_back(number);
    return resume_command_trials(record, numbers, options);
  }
  const DirectoryLock lock(directory);
  RecordedTraining again(record, options);
  again.take_recorded_configurations(record);
  for (const auto& difference : again.differences) options.note("Note: " + difference);
  if (!again.data_difference.empty()) {
    throw DataError(directory + ": " + again.data_difference + ", so the trial cannot be trained again; bring the data back");
  }
  options.note("Training " + format_count(static_cast<int64_t>(trials.size())) + (trials.size() == 1 ? " trial" : " trials") +
               " again from the start: the weights of a trial that was ended are not kept");
  TrialsOn training(record, trials, again.training);
  ResumedTrials resumed;
  {
    const Interrupt interrupt;
    resumed = training.train(interrupt.requested());
  }
  write_resumed_trials(record, again.info, resumed, UtcTime(std::chrono::system_clock::now()));
  const SweepRecord after = load_results(directory);
  export_results(after);
  write_report_or_warn(directory);
  print(options.format == "json" ? json_of(after, trials) : text_of(record, after, trials));
}

}  // namespace lockstep::cli
