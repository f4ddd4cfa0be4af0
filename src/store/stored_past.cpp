#include "store/stored_past.h"

#include <limits>
#include <utility>

#include <lockstep/error.h>

#include "core/end_reasons.h"
#include "store/trial_state.h"

namespace lockstep {

StoredPast::StoredPast(const SweepRecord& record)
    : record_(record), reports_(load_reports(record.directory)), checkpoint_(Checkpoint::open(record.directory)) {
  if (record.n_slots == 0) {
    throw OutputError(record.directory + ": it was written by Lockstep " + record.lockstep_version +
                      ", which did not record what a resume needs; run the sweep again: its seed is " +
                      std::to_string(record.seed));
  }
  for (const TrialRecord& trial : record.trials) trials_[trial.number] = &trial;
  past_.n_slots = record.n_slots;
  past_.metric = [this](int64_t trial, int64_t interval) {
    const auto found = reports_.find(trial);
    if (found == reports_.end() || interval > static_cast<int64_t>(found->second.size())) {
      throw OutputError(record_.directory + ": the checkpoint knows interval " + std::to_string(interval) +
                        " of trial " + std::to_string(trial) + ", and the database does not, so they do not belong "
                        "together; remove checkpoint.bin, and the sweep is trained again from its start");
    }
    return found->second[static_cast<size_t>(interval - 1)];
  };
  past_.draws = [this](int64_t trial) {
    const auto found = trials_.find(trial);
    if (found != trials_.end()) return found->second->draws;
    throw OutputError(record_.directory + ": the checkpoint knows trial " + std::to_string(trial) +
                      ", and the database does not, so they do not belong together; remove checkpoint.bin, and the sweep "
                      "is trained again from its start");
  };
  if (!checkpoint_) return;
  past_.times = checkpoint_->header().times;
  past_.saved = checkpoint_->saved();
}

void StoredPast::on_interval(const IntervalReport& report) {
  if (!report.played_back) return;
  auto end = report.ends.begin();  // by ascending trial, as the reports are
  for (const MetricReport& metric : report.metrics) {
    const bool has_ended = end != report.ends.end() && end->trial == metric.trial;
    const TrialState now = has_ended ? (end++)->state : TrialState::kRunning;
    const auto found = trials_.find(metric.trial);
    if (found == trials_.end()) refuse(metric, now, "never started");
    // One that was cut off has no decision behind it, and one that went on has later reports.
    const TrialRecord& trial = *found->second;
    const bool was_cut = trial.state == TrialState::kAborted && !has_ended;
    const TrialState then = trial.n_intervals > metric.interval || was_cut ? TrialState::kRunning : trial.state;
    if (then != now) refuse(metric, now, state_word(then));
  }
}

void StoredPast::refuse(const MetricReport& metric, TrialState now, const std::string& then) const {
  throw OutputError(record_.directory + ": what was decided is not what would be decided now: after interval " +
                    std::to_string(metric.interval) + " trial " + std::to_string(metric.trial) + " was " + then +
                    ", and would be " + state_word(now) + "; the sweep was recorded by Lockstep " +
                    record_.lockstep_version + ": let that version go on with it, or run the sweep again");
}

SweepPast asynchronous_past(const SweepRecord& record, bool keeps_reports) {
  Reports reports = load_reports(record.directory);
  SweepPast past;
  past.n_slots = record.n_slots;
  past.elapsed_s = record.elapsed_s;
  for (const TrialRecord& trial : record.trials) {
    PastTrial& each = past.trials.emplace_back();
    each.trial = trial.number;
    each.draws = trial.draws;
    const bool goes_on = trial.state == TrialState::kRunning ||
                         (trial.state == TrialState::kAborted && is_cut_off(trial.reason));
    if (!goes_on || keeps_reports) each.reports = std::move(reports[trial.number]);
    if (goes_on) continue;
    const double last = each.reports.empty() ? std::numeric_limits<double>::quiet_NaN() : each.reports.back();
    each.end = TrialEnd{trial.number, static_cast<int64_t>(each.reports.size()), trial.state, last, 0, trial.reason};
  }
  return past;
}

}  // namespace lockstep
