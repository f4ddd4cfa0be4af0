// Configurations that are chosen while the sweep runs: when, from what, and again after a resume.
#include <cmath>
#include <cstring>
#include <map>

#include <gtest/gtest.h>

#include <lockstep/error.h>
#include <lockstep/sampling.h>

#include "core/fake_executor.h"
#include "core/message.h"

namespace lockstep {
namespace {

constexpr int64_t kTrials = 20;
constexpr int64_t kSlots = 6;
constexpr int64_t kLongest = 6;

/// A trial reports its configuration times its age, and its configuration says for how long.
class ConfiguredExecutor : public Executor {
 public:
  explicit ConfiguredExecutor(const Configurations& configurations) {
    for (int64_t trial = 0; trial < configurations.n_trials(); ++trial) draws_[trial] = configurations.draw(trial, 0);
  }
  int64_t n_intervals(int64_t trial) const override { return 2 + std::llround(4 * draws_.at(trial)); }
  void configure(std::span<const TrialConfiguration> configurations) override {
    for (const auto& [trial, draws] : configurations) {
      if (ages_.contains(trial)) throw std::runtime_error("a trial is configured that runs");
      draws_.at(trial) = draws.at(0);
    }
  }
  void start(std::span<const Placement> placements) override {
    for (const auto& [slot, trial] : placements) ages_[trial] = {slot, 0};
  }
  void train_interval(double* metrics) override {
    ++n_trained;
    for (auto& [trial, place] : ages_) metrics[place.first] = draws_.at(trial) * static_cast<double>(++place.second);
  }
  void retire(std::span<const int64_t> trials) override {
    for (const int64_t trial : trials) ages_.erase(trial);
  }
  void keep(int64_t) override {}
  std::optional<double> test_kept(int64_t) override { return std::nullopt; }
  void save(const ByteSink&) const override {}
  void restore(const ByteSource&, std::span<const Placement> placements, std::span<const Exploit>) override {
    for (const auto& [slot, trial] : placements) ages_[trial] = {slot, ages_before.at(trial)};
  }

  std::map<int64_t, int64_t> ages_before;  ///< of those that are restored
  int64_t n_trained = 0;

 private:
  std::map<int64_t, double> draws_;
  std::map<int64_t, std::pair<int64_t, int64_t>> ages_;  ///< trial -> slot, age
};

/// Proposes by all that it has been told, in order: one more or one less report, or another order, and it shows.
class ChainProposer : public Proposer {
 public:
  explicit ChainProposer(double start = 0.5) : state_(start) {}
  std::vector<double> propose(int64_t n) override {
    std::vector<double> out;
    for (int64_t i = 0; i < n; ++i) {
      state_ = std::fmod(state_ * 7.3 + 0.171, 1.0);
      out.push_back(state_);
    }
    return out;
  }
  void on_interval(const IntervalReport& report) override {
    for (const auto& each : report.proposals) seen[each.trial] = each.draws;
    for (const TrialEnd& end : report.ends) state_ = std::fmod(state_ + 0.31 * end.metric, 1.0);
  }
  std::map<int64_t, std::vector<double>> seen;

 private:
  double state_;
};

SweepSpec bayesian_spec() {
  SweepSpec spec = with_median(loop_spec(Goal::kMaximize, kSlots));
  spec.search_space.add("x", uniform(0, 1));
  spec.sampling.algorithm = SamplingAlgorithm::kBayesian;
  spec.limits.max_total_trials = kTrials;
  return spec;
}

Context host_context() {
  Context context;
  context.allocator = &host_backend().allocator();
  context.seed = 3;
  return context;
}

struct Outcome {
  Configurations configurations;
  std::vector<IntervalReport> reports;
  SweepResult result;
  std::map<int64_t, std::vector<double>> seen;
  int64_t n_trained = 0;
};

Outcome run(const SweepSpec& spec, ChainProposer proposer, const SweepPast* past = nullptr,
            const std::map<int64_t, int64_t>& ages = {}) {
  Outcome out;
  const Context context = host_context();
  out.configurations = sample(host_backend(), context, spec);
  ConfiguredExecutor executor(out.configurations);
  executor.ages_before = ages;
  RecordingObserver recorder;
  SweepObserver* const observers[] = {&recorder};
  out.result = run_sweep(spec, out.configurations, proposer, executor, host_backend(), context, observers, nullptr, past);
  out.reports = recorder.reports;
  out.seen = proposer.seen;
  out.n_trained = executor.n_trained;
  return out;
}

std::string text_of(const std::vector<IntervalReport>& reports) {
  std::string out;
  for (const IntervalReport& report : reports) {
    out += "\ntick " + std::to_string(report.tick) + ":";
    for (const auto& each : report.proposals) out += " +" + std::to_string(each.trial) + "(" + std::to_string(each.draws[0]) + ")";
    for (const auto& each : report.metrics) out += " " + std::to_string(each.trial) + "=" + std::to_string(each.metric);
    for (const auto& each : report.ends) out += "\n  " + std::to_string(each.trial) + " " + each.reason;
  }
  return out;
}

TEST(SweepProposer, ChoosesEachTrialsConfigurationAsItStarts) {
  const Outcome out = run(bayesian_spec(), ChainProposer());
  size_t n_started = 0;
  for (const IntervalReport& report : out.reports) {
    ASSERT_EQ(report.proposals.size(), report.started.size());
    for (size_t i = 0; i < report.started.size(); ++i) {
      EXPECT_EQ(report.proposals[i].trial, report.started[i]);
      EXPECT_EQ(out.configurations.draw(report.started[i], 0), report.proposals[i].draws[0]);
    }
    // What reports is what was proposed.
    for (const MetricReport& each : report.metrics) {
      EXPECT_EQ(each.metric, out.seen.at(each.trial)[0] * static_cast<double>(each.interval));
    }
    for (const TrialEnd& end : report.ends) {
      const int64_t full = 2 + std::llround(4 * out.seen.at(end.trial)[0]);
      EXPECT_LE(end.interval, full);
      EXPECT_TRUE(end.state != TrialState::kFinished || end.interval == full) << end.interval << " of " << full;
    }
    n_started += report.started.size();
  }
  EXPECT_EQ(n_started, static_cast<size_t>(kTrials));
  EXPECT_EQ(out.result.progress.trial_intervals_left, 0);
  EXPECT_GT(out.result.progress.n_stopped, 0);
  EXPECT_EQ(out.result.best_draws[0], out.configurations.draw(out.result.best.trial, 0));
}

TEST(SweepProposer, ChoosesTheSameAgainAfterAResumeFromEveryInterval) {
  const Outcome whole = run(bayesian_spec(), ChainProposer());
  for (size_t n_past = 0; n_past <= whole.reports.size(); ++n_past) {
    SweepPast past;
    past.n_slots = kSlots;
    std::map<std::pair<int64_t, int64_t>, double> metrics;
    std::map<int64_t, int64_t> ages;
    for (size_t i = 0; i < n_past; ++i) {
      past.times.push_back(whole.reports[i].time);
      for (const MetricReport& each : whole.reports[i].metrics) {
        metrics[{each.trial, each.interval}] = each.metric;
        ages[each.trial] = each.interval;
      }
    }
    past.metric = [&](int64_t trial, int64_t interval) { return metrics.at({trial, interval}); };
    past.draws = [&](int64_t trial) { return whole.seen.at(trial); };
    past.saved = [](void*, size_t) {};
    const Outcome resumed = run(bayesian_spec(), ChainProposer(), &past, ages);
    EXPECT_EQ(text_of(resumed.reports), text_of(whole.reports)) << "after " << n_past;
    EXPECT_EQ(resumed.n_trained, static_cast<int64_t>(whole.reports.size() - n_past));
    // Another machine's last bits: what was trained counts.
    if (n_past < 3) continue;
    const Outcome other = run(bayesian_spec(), ChainProposer(0.25), &past, ages);
    const std::vector<IntervalReport> before(whole.reports.begin(), whole.reports.begin() + static_cast<int64_t>(n_past));
    const std::vector<IntervalReport> again(other.reports.begin(), other.reports.begin() + static_cast<int64_t>(n_past));
    EXPECT_EQ(text_of(again), text_of(before));
  }
}

TEST(SweepProposer, IsNotForConfigurationsThatChangeOnTheirWay) {
  SweepSpec spec = bayesian_spec();
  spec.early_termination = {};
  spec.early_termination.kind = PolicyKind::kPbt;
  EXPECT_NE(message_of<InputError>([&] { run(spec, ChainProposer()); }).find("early_termination.type: pbt changes"),
            std::string::npos);
}

/// A trial alone decides how long it trains, whatever was planned.
TEST(SweepProposer, RefusesMoreIntervalsThanWerePlanned) {
  class Overlong : public ChainProposer {
    std::vector<double> propose(int64_t n) override { return std::vector<double>(static_cast<size_t>(n), 3.0); }
  };
  const SweepSpec spec = bayesian_spec();
  Configurations configurations = sample(host_backend(), host_context(), spec);
  ConfiguredExecutor executor(configurations);
  Overlong proposer;
  EXPECT_THROW(run_sweep(spec, configurations, proposer, executor, host_backend(), host_context()), TaskError);
}

TEST(SweepProposer, PlansWithTheEndsOfEveryRange) {
  SweepSpec spec = bayesian_spec();
  spec.search_space.add("n", int_range(3, 9, 2)).add("c", choice({Value(1.0), Value(2.0), Value(4.0)}));
  spec.search_space.add("lr", loguniform(-3, -1)).add("q", quniform(0.1, 0.9, 0.25)).add("z", normal(0, 1));
  const Configurations planned = sample(host_backend(), host_context(), spec);
  const std::vector<double> most(planned.row(0), planned.row(0) + 5), least(planned.row(1), planned.row(1) + 5);
  EXPECT_EQ(most, (std::vector<double>{1, 9, 2, std::exp(-1), 1.0}));
  EXPECT_EQ(least, (std::vector<double>{0, 3, 0, std::exp(-3), 0.0}));
  EXPECT_EQ(planned.n_trials(), kTrials);
}

TEST(SweepProposer, RunsATenthAtOnceUnlessToldOtherwise) {
  SweepSpec spec = bayesian_spec();
  EXPECT_EQ(concurrent_limit(spec), kSlots);
  spec.limits.max_concurrent_trials = 0;
  EXPECT_EQ(concurrent_limit(spec), kTrials / 10);
  EXPECT_NE(sampling_note(spec).find("2 trials at once at most (a tenth"), std::string::npos) << sampling_note(spec);
  EXPECT_EQ(sampling_note(spec).find("Warning"), std::string::npos);
  spec.search_space.add("y", uniform(0, 1));
  EXPECT_NE(sampling_note(spec).find("Warning: 2 hyperparameters want 40 trials"), std::string::npos);
  EXPECT_EQ(sampling_note(spec, 40).find("Warning"), std::string::npos);
  spec.sampling.algorithm = SamplingAlgorithm::kRandom;
  EXPECT_EQ(sampling_note(spec), "");
}

}  // namespace
}  // namespace lockstep
