#include "core/host_judge.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <utility>

namespace lockstep {

bool TrialHistory::is_better(double a, double b) const {
  if (!std::isfinite(a)) return false;
  if (!std::isfinite(b)) return true;
  return goal_ == Goal::kMaximize ? a > b : a < b;
}

double TrialHistory::best(const TrialCurve& trial, int64_t n) const {
  double best = std::numeric_limits<double>::quiet_NaN();
  const auto n_seen = static_cast<size_t>(std::clamp<int64_t>(n, 0, trial.interval()));
  for (size_t i = 0; i < n_seen; ++i) {
    if (is_better(trial.reports[i], best)) best = trial.reports[i];
  }
  return best;
}

std::vector<double> TrialHistory::at(int64_t interval) const {
  std::vector<double> metrics;
  if (interval < 1) return metrics;
  for (const TrialCurve& trial : trials_) {
    if (trial.interval() >= interval) metrics.push_back(trial.reports[static_cast<size_t>(interval - 1)]);
  }
  return metrics;
}

Configuration TrialHistory::configuration(int64_t trial) const {
  return trial < 0 ? Configuration() : configurations_->configuration(trial);
}

void HostPolicy::judge(const Context& context, const SweepView& sweep, const DecideOptions&, Verdict* verdicts) {
  if (!backend_ || static_cast<int64_t>(verdicts_.size()) != sweep.n_slots) {
    throw std::logic_error("a HostPolicy judges inside of a sweep alone; on a device by itself, derive from Policy");
  }
  backend_->copy_to_device(context, verdicts, verdicts_.data(), sweep.n_slots * static_cast<int64_t>(sizeof(Verdict)));
}

std::string HostPolicy::reason(int64_t trial, int64_t, const Verdict&) const {
  const auto found = reasons_.find(trial);
  return found == reasons_.end() ? "" : found->second;
}

HostJudge::HostJudge(HostPolicy& policy, const EarlyTermination& settings, const Backend& backend, Goal goal,
                     const Configurations& configurations, int64_t n_slots, int64_t n_earlier)
    : policy_(policy),
      settings_(settings),
      n_earlier_(n_earlier),
      first_trial_(configurations.first_trial()),
      history_(goal, configurations),
      rows_(static_cast<size_t>(n_slots), -1) {
  policy.backend_ = &backend;
  policy.verdicts_.assign(rows_.size(), {});
  policy.reasons_.clear();
}

TrialCurve& HostJudge::curve(int64_t row) {
  const auto place = static_cast<size_t>(n_earlier_ + row);
  if (place == history_.trials_.size()) history_.trials_.push_back({first_trial_ + row, TrialState::kRunning, {}});
  return history_.trials_.at(place);
}

void HostJudge::recall(int64_t row, std::span<const double> reports, TrialState state) {
  TrialCurve& known = curve(row);
  // Earlier sweeps' are numbered downwards from -1, wherever this sweep's ids begin.
  if (row < 0) known.trial = row;
  known.state = state;
  known.reports.assign(reports.begin(), reports.end());
}

void HostJudge::place(int64_t slot, int64_t row) {
  curve(row);
  rows_[static_cast<size_t>(slot)] = row;
}

void HostJudge::end(int64_t slot, TrialState state) {
  curve(std::exchange(rows_[static_cast<size_t>(slot)], -1)).state = state;
}

std::vector<int64_t> HostJudge::slots() const {
  std::vector<int64_t> slots;
  for (size_t slot = 0; slot < rows_.size(); ++slot) {
    if (rows_[slot] >= 0) slots.push_back(static_cast<int64_t>(slot));
  }
  return slots;
}

void HostJudge::judge(std::span<const int64_t> slots, std::span<const double> metrics,
                      std::span<const int32_t> n_intervals) {
  std::vector<std::pair<int64_t, int64_t>> asked;  // rows and slots
  for (const int64_t slot : slots) {
    const int64_t row = rows_[static_cast<size_t>(slot)];
    const double metric = metrics[static_cast<size_t>(slot)];
    TrialCurve& trial = curve(row);
    trial.reports.push_back(metric);
    if (!std::isfinite(metric)) {
      trial.state = TrialState::kDiverged;
      continue;
    }
    const int64_t n = trial.interval();
    const bool acts = n % settings_.evaluation_interval == 0 && n >= settings_.delay_evaluation;
    if (acts && n < n_intervals[static_cast<size_t>(row)]) asked.emplace_back(row, slot);
  }
  policy_.verdicts_.assign(rows_.size(), {});
  policy_.reasons_.clear();
  if (asked.empty()) return;
  std::sort(asked.begin(), asked.end());
  const TrialHistory& all = history_;
  policy_.begin(all);
  for (const auto& [row, slot] : asked) {
    const TrialCurve& trial = curve(row);
    std::optional<std::string> why = policy_.stop(trial, all);
    if (!why) continue;
    policy_.verdicts_[static_cast<size_t>(slot)].stop = 1;
    policy_.reasons_[trial.trial] = std::move(*why);
  }
}

void HostJudge::take(std::span<const Event> events) {
  for (const Event& event : events) {
    if (event.successor == event.trial) continue;
    if (event.trial >= 0) {
      TrialCurve& trial = curve(event.trial);
      switch (event.decision) {
        case Decision::kStop: trial.state = TrialState::kStopped; break;
        case Decision::kFinish: trial.state = TrialState::kFinished; break;
        case Decision::kAbort: trial.state = TrialState::kAborted; break;
        case Decision::kDiverge: trial.state = TrialState::kDiverged; break;
        case Decision::kContinue:
        case Decision::kExploit: break;
      }
    }
    rows_[static_cast<size_t>(event.slot)] = -1;
  }
  // Newcomers' rows ascend, by slots of the log.
  for (const Event& event : events) {
    if (event.successor >= 0 && event.successor != event.trial) place(event.slot, event.successor);
  }
}

}  // namespace lockstep
