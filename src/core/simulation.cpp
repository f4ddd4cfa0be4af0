#include "core/simulation.h"

#include <cmath>
#include <limits>

#include <lockstep/error.h>

namespace lockstep {

namespace {

class StopObserver final : public SweepObserver {
 public:
  explicit StopObserver(std::vector<TrialEnd>& stops) : stops_(stops) {}
  void on_interval(const IntervalReport& report) override {
    for (const TrialEnd& end : report.ends) {
      if (end.state == TrialState::kStopped) stops_.push_back(end);
    }
  }

 private:
  std::vector<TrialEnd>& stops_;
};

/// Each trial's best score: its metric turned so that higher is better.
class BestScoreObserver final : public SweepObserver {
 public:
  BestScoreObserver(double sign, int64_t n_trials)
      : sign_(sign), best_(static_cast<size_t>(n_trials), -std::numeric_limits<double>::infinity()) {}
  void on_interval(const IntervalReport& report) override {
    for (const MetricReport& each : report.metrics) {
      double& best = best_[static_cast<size_t>(each.trial)];
      if (std::isfinite(each.metric) && sign_ * each.metric > best) best = sign_ * each.metric;
    }
  }
  const std::vector<double>& best() const { return best_; }

 private:
  double sign_;
  std::vector<double> best_;
};

}  // namespace

Simulation simulate_policy(const RecordedCurves& curves, Goal goal, const EarlyTermination& policy, int64_t n_slots,
                           const Backend& backend, const Context& context) {
  if (policy.kind == PolicyKind::kPbt) {
    throw InputError(policy.where, "early_termination.type",
                     "is pbt, which needs weights that are taken over and trained on, and recorded curves have none",
                     "simulate another policy, or train: lockstep run");
  }
  const double sign = goal == Goal::kMaximize ? 1 : -1;
  const Configurations nothing_to_configure(SearchSpace(), 0, curves.n_trials(), {});
  SweepSpec spec;
  spec.objective.goal = goal;
  spec.limits.max_concurrent_trials = n_slots;

  const auto run = [&](SweepObserver& observer) {
    RecordedExecutor executor(curves, backend, context);
    SweepObserver* const observers[] = {&observer};
    return run_sweep(spec, nothing_to_configure, executor, backend, context, observers);
  };
  Simulation result;
  BestScoreObserver scores(sign, curves.n_trials());
  result.without_policy = run(scores);
  spec.early_termination = policy;
  StopObserver stops(result.stops);
  result.with_policy = run(stops);

  const BestTrial& kept = result.with_policy.best;
  if (kept.trial >= 0) {
    const double best = result.without_policy.best.metric;
    result.loss = goal == Goal::kMaximize ? best - kept.metric : kept.metric - best;  // nothing lost is 0, not -0
    result.rank = 1;
    for (size_t trial = 0; trial < scores.best().size(); ++trial) {
      if (static_cast<int64_t>(trial) != kept.trial && scores.best()[trial] > sign * kept.metric) ++result.rank;
    }
  }
  return result;
}

}  // namespace lockstep
