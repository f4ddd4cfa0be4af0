// Bayesian sampling inside a sweep: tells the sampler what trials come to, those that a policy stopped too, and hands out
// what it proposes.
#include <algorithm>
#include <cmath>
#include <deque>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

#include <lockstep/bayesian.h>

#include "bayesian/gains.h"
#include "core/failures.h"

namespace lockstep {
namespace {

/// Where slots fall free a few at a time, so large a part of all is proposed at once: each proposal costs a fit, and one
/// that waits a moment for its slot is hardly worse for it.
constexpr int64_t kSharesAhead = 8;

BayesianOptions options_of(const SweepSpec& spec, uint64_t seed) {
  return {.goal = spec.objective.goal, .seed = seed, .settings = spec.sampling.bayesian};
}

class BayesianProposer final : public Proposer {
 public:
  BayesianProposer(const SweepSpec& spec, uint64_t seed, std::span<const EarlierTrial> earlier)
      : sampler_(spec.search_space, options_of(spec, seed)),
        n_params_(spec.search_space.n_params()),
        sign_(spec.objective.goal == Goal::kMaximize ? 1 : -1) {
    for (const EarlierTrial& trial : earlier) tell(trial);
  }

  void on_start(const SweepSpec&, const Configurations& configurations) override { n_left_ = configurations.n_trials(); }

  std::vector<double> propose(int64_t n) override {
    n_slots_ = std::max(n_slots_, n);
    const auto n_queued = static_cast<int64_t>(queue_.size());
    if (n_queued < n) {
      revise_stopped();
      const int64_t ahead = std::min(n_left_ - n_queued, n_slots_ / kSharesAhead);
      const int64_t q = std::max(n - n_queued, ahead);
      const Configurations asked = sampler_.ask(q);
      for (int64_t i = 0; i < q; ++i) {
        const double* row = asked.row(asked.first_trial() + i);
        queue_.emplace_back(row, row + n_params_);
      }
    }
    std::vector<double> out;
    proposed_.clear();
    for (int64_t i = 0; i < n; ++i) {
      out.insert(out.end(), queue_.front().begin(), queue_.front().end());
      proposed_.push_back(std::move(queue_.front()));
      queue_.pop_front();
    }
    n_left_ -= n;
    return out;
  }

  void on_interval(const IntervalReport& report) override {
    for (size_t i = 0; i < report.proposals.size(); ++i) {
      const TrialConfiguration& started = report.proposals[i];
      if (started.draws != proposed_[i]) sampler_.withdraw(proposed_[i]);
      running_[started.trial].draws = started.draws;
    }
    for (const MetricReport& each : report.metrics) read_metric(each);
    for (const TrialEnd& end : report.ends) tell(end);
  }

 private:
  /// A trial that trains.
  struct Running {
    std::vector<double> draws;
    double best = -std::numeric_limits<double>::infinity();  ///< so far; larger is better
  };
  /// A trial that did not get as far as others, and what it had.
  struct Stopped {
    int64_t observation = 0;
    int64_t age = 0;
    double best = 0;
  };

  void read_metric(const MetricReport& report) {
    add_report(report.interval, report.metric, running_.at(report.trial).best);
  }

  /// Renews a trial's best by what it reported at `interval`.
  void add_report(int64_t interval, double metric, double& best) {
    const double now = std::isfinite(metric) ? std::max(best, sign_ * metric) : best;
    if (interval > 1 && std::isfinite(best)) gains_.add(interval, now - best);
    best = now;
  }

  void tell(const EarlierTrial& trial) {
    double best = -std::numeric_limits<double>::infinity();
    for (size_t i = 0; i < trial.reports.size(); ++i) add_report(static_cast<int64_t>(i) + 1, trial.reports[i], best);
    const std::optional<int64_t> observation = sampler_.tell(trial);
    const bool is_final = trial.state == TrialState::kFinished || has_failed(trial.state) || trial.reports.empty();
    if (!observation || is_final) return;
    stopped_.push_back({*observation, static_cast<int64_t>(trial.reports.size()), sign_ * trial.value.value()});
  }

  void tell(const TrialEnd& end) {
    const auto found = running_.find(end.trial);
    const double best = found->second.best;
    const bool failed = has_failed(end.state) || !std::isfinite(best);
    const int64_t observation = sampler_.tell(found->second.draws, failed ? std::nan("") : sign_ * best);
    if (!failed && end.state != TrialState::kFinished) stopped_.push_back({observation, end.interval, best});
    running_.erase(found);
  }

  /// A trial that was stopped is worth what it had, and what trials gain on average after that age: so it compares with
  /// the others as it did at equal age. What they gain is known better and better.
  void revise_stopped() {
    if (stopped_.empty()) return;
    const std::vector<double> more = gains_.after();
    for (const Stopped& each : stopped_) {
      const auto age = static_cast<size_t>(each.age);
      sampler_.revise(each.observation, sign_ * (each.best + (age < more.size() ? more[age] : 0)));
    }
  }

  BayesianSampler sampler_;
  int64_t n_params_;
  double sign_;
  int64_t n_left_ = 0;   ///< trials that have not been proposed for
  int64_t n_slots_ = 0;  ///< the most that started together
  std::deque<std::vector<double>> queue_;      ///< asked for, and not handed out yet
  std::vector<std::vector<double>> proposed_;  ///< handed out last
  std::unordered_map<int64_t, Running> running_;
  std::vector<Stopped> stopped_;
  Gains gains_;
};

}  // namespace

std::unique_ptr<Proposer> make_proposer(const SweepSpec& spec, uint64_t seed, std::span<const EarlierTrial> earlier) {
  if (spec.sampling.algorithm != SamplingAlgorithm::kBayesian) return nullptr;
  return std::make_unique<BayesianProposer>(spec, seed, earlier);
}

}  // namespace lockstep
