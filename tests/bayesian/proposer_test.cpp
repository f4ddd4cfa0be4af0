// Bayesian sampling inside the loop: over a fake executor whose trials report what a function says of their configuration.

#include <lockstep/bayesian.h>

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <random>
#include <set>

#include <lockstep/error.h>
#include <lockstep/sampling.h>
#include <lockstep/study.h>
#include <lockstep/warm_start.h>

#include "bayesian/gains.h"

namespace lockstep {
namespace {

constexpr int64_t kIntervals = 8;

/// A trial comes nearer to its level each interval; the level is best at (0.3, 0.7) and NaN where x > 0.9.
class RisingExecutor : public Executor {
 public:
  explicit RisingExecutor(const Configurations& configurations) {
    for (int64_t trial = 0; trial < configurations.n_trials(); ++trial) {
      draws_[trial] = {configurations.row(trial), configurations.row(trial) + 2};
    }
  }
  static double level(const std::vector<double>& draws) {
    if (draws[0] > 0.9) return std::nan("");
    return 1 - std::hypot(draws[0] - 0.3, draws[1] - 0.7);
  }
  int64_t n_intervals(int64_t) const override { return kIntervals; }
  void configure(std::span<const TrialConfiguration> configurations) override {
    for (const auto& [trial, draws] : configurations) draws_.at(trial) = draws;
  }
  void start(std::span<const Placement> placements) override {
    for (const auto& [slot, trial] : placements) running_[trial] = {slot, 0};
  }
  void train_interval(double* metrics) override {
    for (auto& [trial, place] : running_) {
      metrics[place.first] = level(draws_.at(trial)) - std::ldexp(1.0, -static_cast<int>(++place.second));
    }
  }
  void retire(std::span<const int64_t> trials) override {
    for (const int64_t trial : trials) running_.erase(trial);
  }
  void keep(int64_t) override {}
  std::optional<double> test_kept(int64_t) override { return std::nullopt; }

 private:
  std::map<int64_t, std::vector<double>> draws_;
  std::map<int64_t, std::pair<int64_t, int64_t>> running_;
};

SweepSpec rising_spec(PolicyKind policy = PolicyKind::kNone) {
  SweepSpec spec;
  spec.search_space.add("x", uniform(0, 1)).add("y", uniform(0, 1));
  spec.sampling.algorithm = SamplingAlgorithm::kBayesian;
  spec.objective.primary_metric = "metric";
  spec.limits.max_total_trials = 80;
  spec.limits.max_concurrent_trials = 16;
  spec.early_termination.kind = policy;
  if (policy == PolicyKind::kBandit) spec.early_termination.slack_amount = 0.1;
  spec.early_termination.truncation_percentage = 50;
  spec.early_termination.reduction_factor = 2;
  return spec;
}

struct Outcome {
  SweepResult result;
  Configurations configurations;
};

Outcome run(const SweepSpec& spec, uint64_t seed = 5) {
  Outcome out;
  Context context;
  context.allocator = &host_backend().allocator();
  context.seed = seed;
  out.configurations = sample(host_backend(), context, spec);
  RisingExecutor executor(out.configurations);
  if (const auto proposer = make_proposer(spec, seed)) {
    out.result = run_sweep(spec, out.configurations, *proposer, executor, host_backend(), context);
  } else {
    out.result = run_sweep(spec, out.configurations, executor, host_backend(), context);
  }
  return out;
}

/// How far the best level is from the best there is.
double regret(const Outcome& of) { return 1 - RisingExecutor::level(of.result.best_draws); }

class BayesianSweep : public ::testing::TestWithParam<PolicyKind> {};

TEST_P(BayesianSweep, FindsMoreThanRandomSamplingUnderEveryPolicy) {
  SweepSpec random = rising_spec(GetParam());
  random.sampling.algorithm = SamplingAlgorithm::kRandom;
  double ours = 0, theirs = 0;
  for (const uint64_t seed : {5, 6, 7}) {
    const Outcome bayesian = run(rising_spec(GetParam()), seed);
    EXPECT_EQ(bayesian.result.end, SweepEnd::kCompleted);
    EXPECT_EQ(bayesian.result.progress.n_waiting, 0);
    std::set<std::vector<double>> different;
    for (int64_t trial = 0; trial < 80; ++trial) {
      different.insert({bayesian.configurations.row(trial), bayesian.configurations.row(trial) + 2});
    }
    EXPECT_EQ(different.size(), 80u);
    ours += regret(bayesian);
    theirs += regret(run(random, seed));
  }
  EXPECT_LT(ours, 0.2 * theirs);
}

INSTANTIATE_TEST_SUITE_P(Policies, BayesianSweep,
                         ::testing::Values(PolicyKind::kNone, PolicyKind::kMedianStopping, PolicyKind::kBandit,
                                           PolicyKind::kTruncationSelection, PolicyKind::kSuccessiveHalving,
                                           PolicyKind::kHyperband, PolicyKind::kAsha));

TEST(BayesianSweep, IsTheSameAgain) {
  const Outcome a = run(rising_spec(PolicyKind::kMedianStopping)), b = run(rising_spec(PolicyKind::kMedianStopping));
  EXPECT_EQ(a.configurations.draws(), b.configurations.draws());
}

TEST(BayesianSweep, Minimises) {
  SweepSpec spec = rising_spec(PolicyKind::kMedianStopping);
  spec.objective.goal = Goal::kMinimize;
  const Outcome out = run(spec);
  // The corner that is farthest from (0.3, 0.7), within what does not fail.
  EXPECT_LT(RisingExecutor::level(out.result.best_draws), 1 - std::hypot(0.6, 0.7) + 0.02);
}

TEST(BayesianSweep, IsForBayesianSamplingAlone) {
  SweepSpec spec = rising_spec();
  spec.sampling.algorithm = SamplingAlgorithm::kSobol;
  EXPECT_EQ(make_proposer(spec, 1), nullptr);
}

TEST(BayesianSweep, TakesWhatWasChosenBeforeAResume) {
  const SweepSpec spec = rising_spec();
  const auto proposer = make_proposer(spec, 3);
  proposer->on_start(spec, sample(host_backend(), Context(), spec));
  const std::vector<double> proposed = proposer->propose(2);
  IntervalReport report;
  report.started = {0, 1};
  report.proposals = {{0, {0.1, 0.1}}, {1, {0.2, 0.2}}};
  report.metrics = {{0, 1, 0.5}, {1, 1, 0.6}};
  report.ends = {{0, 1, TrialState::kFinished, 0.5, 0, ""}, {1, 1, TrialState::kDiverged, NAN, 0, ""}};
  ASSERT_NE(proposed[0], 0.1);
  proposer->on_interval(report);
  EXPECT_EQ(proposer->propose(2).size(), 4u);
}

/// Trials of an earlier sweep over the same function, at points of a lattice, which end at `n_intervals`.
std::vector<EarlierTrial> lattice(int64_t n, int64_t n_intervals, TrialState state) {
  std::vector<EarlierTrial> out;
  for (int64_t i = 0; i < n * n; ++i) {
    EarlierTrial trial;
    trial.draws = {(static_cast<double>(i / n) + 0.5) / static_cast<double>(n), (static_cast<double>(i % n) + 0.5) / static_cast<double>(n)};
    const double level = RisingExecutor::level(trial.draws);
    trial.state = std::isnan(level) ? TrialState::kDiverged : state;
    for (int64_t age = 1; age <= n_intervals; ++age) trial.reports.push_back(level - std::ldexp(1.0, -static_cast<int>(age)));
    if (!std::isnan(level)) trial.value = trial.reports.back();
    out.push_back(std::move(trial));
  }
  return out;
}

/// Of the first batch: how far the levels are from the best, on average.
double first_regret(const std::vector<EarlierTrial>& earlier, int64_t q = 16) {
  const SweepSpec spec = rising_spec();
  const auto proposer = make_proposer(spec, 3, earlier);
  proposer->on_start(spec, sample(host_backend(), Context(), spec));
  const std::vector<double> draws = proposer->propose(q);
  double sum = 0;
  for (size_t i = 0; i < draws.size(); i += 2) {
    const double level = RisingExecutor::level({draws[i], draws[i + 1]});
    sum += std::isnan(level) ? 1 : 1 - level;
  }
  return sum / static_cast<double>(q);
}

TEST(WarmStart, ProposesNearTheBestFromTheFirstAskOn) {
  const double cold = first_regret({});
  EXPECT_GT(cold, 0.25);
  EXPECT_LT(first_regret(lattice(7, kIntervals, TrialState::kFinished)), 0.3 * cold);
  EXPECT_LT(first_regret(lattice(7, kIntervals, TrialState::kFinished), 3), 0.3 * cold);
}

TEST(WarmStart, CountsTrialsThatEndedEarlyAsOfTheirAge) {
  // Those near the best were stopped, or cut off, after two intervals, where they were a quarter below their level.
  for (const TrialState state : {TrialState::kStopped, TrialState::kAborted, TrialState::kRunning}) {
    std::vector<EarlierTrial> earlier = lattice(7, kIntervals, TrialState::kFinished);
    const std::vector<EarlierTrial> young = lattice(7, 2, state);
    for (size_t i = 0; i < earlier.size(); ++i) {
      if (RisingExecutor::level(earlier[i].draws) > 0.8) earlier[i] = young[i];
    }
    EXPECT_LT(first_regret(earlier), 0.1) << static_cast<int>(state);
    // Taken for what they reached they hide the best.
    for (EarlierTrial& trial : earlier) {
      if (trial.state == state) trial.state = TrialState::kFinished;
    }
    EXPECT_GT(first_regret(earlier), 0.12);
  }
}

TEST(WarmStart, LeavesOutWhatSaysNothing) {
  EarlierTrial outside;
  outside.reports = {0.1, 0.2};
  outside.value = 0.2;
  EarlierTrial silent;
  silent.draws = {0.5, 0.5};
  silent.state = TrialState::kAborted;
  EXPECT_EQ(first_regret({outside, silent}), first_regret({}));
  BayesianSampler sampler(rising_spec().search_space, {});
  EXPECT_EQ(sampler.tell(outside), std::nullopt);
  EXPECT_EQ(sampler.tell(silent), std::nullopt);
  silent.state = TrialState::kDiverged;
  EXPECT_EQ(sampler.tell(silent), 0);
  silent.draws = {0.5};
  EXPECT_THROW(sampler.tell(silent), InputError);
}

// Two observations of one function, the one as an earlier sweep's.
TEST(WarmStart, LooksLessAroundWhereValuesAreNoisy) {
  double earlier = 0, own = 0;
  for (const uint64_t seed : {1, 2, 3, 4}) {
    BayesianOptions options;
    options.seed = seed;
    BayesianSampler warm(rising_spec().search_space, options), cold(rising_spec().search_space, options);
    std::mt19937_64 random(seed);
    std::normal_distribution<double> noise(0, 0.1);
    std::uniform_real_distribution<double> uniform(0, 1);
    for (int i = 0; i < 100; ++i) {
      const std::vector<double> draws = {0.9 * uniform(random), uniform(random)};
      const double value = RisingExecutor::level(draws) + noise(random);
      warm.tell({draws, {}, value, TrialState::kFinished});
      cold.tell(draws, value);
    }
    const auto regret = [](const Configurations& batch) {
      double sum = 0;
      for (int64_t i = batch.first_trial(); i < batch.first_trial() + 16; ++i) {
        sum += std::hypot(batch.draw(i, 0) - 0.3, batch.draw(i, 1) - 0.7);
      }
      return sum;
    };
    earlier += regret(warm.ask(16));
    own += regret(cold.ask(16));
  }
  EXPECT_LT(earlier, 0.85 * own) << earlier << " " << own;
}

TEST(WarmStart, MayProposeTheBestOfTheEarlierSweepAgainOnce) {
  SearchSpace space;
  space.add("x", int_range(0, 9)).add("y", int_range(0, 9));
  BayesianSampler sampler(space, {});
  for (double x = 0; x < 10; ++x) {
    for (double y = 0; y < 10; ++y) {
      sampler.tell({{x, y}, {}, -std::hypot(x - 3, y - 6), TrialState::kFinished});
    }
  }
  std::multiset<std::vector<double>> asked;
  for (int round = 0; round < 3; ++round) {
    const Configurations batch = sampler.ask(8);
    for (int64_t trial = batch.first_trial(); trial < batch.first_trial() + 8; ++trial) {
      asked.insert({batch.row(trial), batch.row(trial) + 2});
      sampler.tell({batch.row(trial), 2}, -std::hypot(batch.draw(trial, 0) - 3, batch.draw(trial, 1) - 6));
    }
  }
  EXPECT_EQ(asked.count({3, 6}), 1u);
}

TEST(BayesianStudy, ComesNearTheBestInALoopOfTheCallersAndBeginsThereTheNextTime) {
  SweepSpec spec = rising_spec(PolicyKind::kMedianStopping);
  spec.limits.max_total_trials = 48;
  SweepHistory history;
  double best = 0;
  {
    Study study(spec, {.proposer = make_proposer(spec, 7), .observers = {&history}});
    // Four at a time, which is what a vectorised simulator would ask for.
    for (std::vector<Trial> batch = study.ask(4); !batch.empty(); batch = study.ask(4)) {
      for (const Trial& trial : batch) {
        const double level = RisingExecutor::level({trial.number("x"), trial.number("y")});
        for (int step = 1; step <= kIntervals; ++step) {
          if (study.report(trial.id(), level - std::ldexp(1.0, -step))) break;
        }
        study.finish(trial.id());
      }
    }
    best = study.best()->metric;
    EXPECT_GT(best, 0.93);
    EXPECT_GT(study.progress().n_stopped + study.progress().n_diverged, 5);
  }
  const WarmStart known = history.warm_start(spec);
  Study next(spec, {.proposer = make_proposer(spec, 8, known.trials), .earlier = known.trials});
  double first = 0;
  for (const Trial& trial : next.ask(4)) first = std::max(first, RisingExecutor::level({trial.number("x"), trial.number("y")}));
  EXPECT_GT(first, 0.9);
}

TEST(Gains, AddUpTheMiddleHalfOfWhatEachAgeGained) {
  Gains gains;
  EXPECT_TRUE(gains.after().empty());
  for (const double gain : {0.1, 0.2, 0.3, 1e6}) gains.add(2, gain);
  gains.add(4, 0.05);
  const std::vector<double> after = gains.after();
  ASSERT_EQ(after.size(), 5u);
  EXPECT_NEAR(after[1], 0.25 + 0.05, 1e-12);
  EXPECT_NEAR(after[2], 0.05, 1e-12);  // nobody gained from 2 to 3 that is known of
  EXPECT_NEAR(after[3], 0.05, 1e-12);
  EXPECT_EQ(after[4], 0);
}

}  // namespace
}  // namespace lockstep
