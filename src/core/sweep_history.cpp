#include <cmath>
#include <limits>

#include <lockstep/warm_start.h>

#include "core/prior_sweep.h"

namespace lockstep {

void SweepHistory::on_start(const SweepSpec& spec, const Configurations& configurations) {
  name_ = spec.display_name.empty() ? "the earlier sweep" : spec.display_name;
  objective_ = spec.objective;
  space_ = configurations.space();
  settings_ = spec.trial;
  configurations_ = &configurations;
  has_ended_ = false;
  trials_.clear();
  changed_.clear();
}

void SweepHistory::on_interval(const IntervalReport& report) {
  for (const int64_t id : report.started) trials_[id] = {.id = id, .configuration = configurations_->configuration(id)};
  for (const MetricReport& each : report.metrics) {
    Trial& trial = trials_.at(each.trial);
    trial.reports.push_back(each.metric);
    const double sign = objective_.goal == Goal::kMaximize ? 1 : -1;
    if (!std::isfinite(each.metric) || (trial.best && sign * each.metric <= sign * *trial.best)) continue;
    trial.best = each.metric;
    const auto changed = changed_.find(each.trial);
    if (changed == changed_.end()) continue;
    trial.configuration = space_.decode(changed->second.draws);
    trial.n_exploits_before_best = changed->second.n_exploits;
  }
  for (const TrialExploit& exploit : report.exploits) {
    Changed& changed = changed_[exploit.trial];
    changed.draws = exploit.draws;
    ++changed.n_exploits;
  }
  for (const TrialEnd& end : report.ends) trials_.at(end.trial).end = end;
}

void SweepHistory::on_end(const SweepResult&) {
  has_ended_ = true;
  configurations_ = nullptr;
}

WarmStart SweepHistory::warm_start(const SweepSpec& spec, std::optional<int64_t> n_intervals) const {
  std::vector<std::vector<Value>> values;
  values.reserve(trials_.size());
  PriorSweep sweep{.name = name_, .option = "warm start", .space = space_};
  sweep.settings = settings_;
  sweep.objective = objective_;
  sweep.has_ended = has_ended_;
  for (const auto& [id, trial] : trials_) {
    values.emplace_back();
    for (const auto& [name, value] : trial.configuration.values()) values.back().push_back(value);
    PriorTrial prior{.number = id, .values = values.back(), .reports = trial.reports, .value = trial.best};
    for (double& each : prior.reports) {
      if (!std::isfinite(each)) each = std::numeric_limits<double>::quiet_NaN();
    }
    prior.state = trial.end ? trial.end->state : TrialState::kRunning;
    prior.n_exploits_before_best = trial.n_exploits_before_best;
    sweep.trials.push_back(std::move(prior));
  }
  check_objective(sweep, spec.objective);
  return learn_from({&sweep, 1}, spec, n_intervals);
}

}  // namespace lockstep
