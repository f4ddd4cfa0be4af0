// Population based training: its rules one by one, then against plain std:: code on random populations.
#include <map>

#include "cuda/common/philox.h"
#include "cuda/policy_test.h"

namespace lockstep::test {
namespace {

EarlyTermination pbt(double fraction = 0.25) {
  EarlyTermination policy;
  policy.kind = PolicyKind::kPbt;
  policy.quantile_fraction = fraction;
  return policy;
}

std::vector<DistributionSpec> specs() {
  using enum DistributionKind;
  return {{kLogUniform, -6, 0}, {kInt, 8, 64, 8, 8}, {kChoice, 0, 0, 0, 2}, {kUniform, 0, 0.9}};
}
constexpr int64_t kParams = 4;

class PopulationBasedTraining : public PolicyTest {
 protected:
  PopulationBasedTraining() : PolicyTest(pbt()) {}

  /// Trials in the slots of their own number that have trained `age` - 1 intervals and now report `metrics`.
  Sweep sweep_of(const std::vector<double>& metrics, int64_t age = 1) {
    const int64_t n = static_cast<int64_t>(metrics.size());
    std::vector<int64_t> slots(n);
    std::iota(slots.begin(), slots.end(), 0);
    Sweep sweep(History(n, 100), slots, kParams);
    sweep.history.n_reported.assign(n, static_cast<int32_t>(age - 1));
    sweep.metrics = metrics;
    give_configurations(sweep);
    return sweep;
  }
  void give_configurations(Sweep& sweep) {
    sweep.specs = specs();
    host_backend().sample_random(host_context(3), sweep.specs.data(), kParams, 0, sweep.history.n_trials,
                                 sweep.draws.data());
    for (size_t slot = 0; slot < sweep.slot_trial.size(); ++slot) {
      if (sweep.slot_trial[slot] < 0) continue;
      for (int64_t p = 0; p < sweep.n_params; ++p) {
        sweep.slot_draws[slot * sweep.n_params + p] = sweep.draws[sweep.slot_trial[slot] * sweep.n_params + p];
      }
    }
  }
  Sweep decide(const Sweep& sweep, Goal goal = Goal::kMaximize, int64_t abort_below = 0) {
    return decide_on(*backend_, context_, goal, policy_, sweep, abort_below);
  }
  static std::vector<double> row(const std::vector<double>& draws, int64_t i) {
    return {draws.begin() + i * kParams, draws.begin() + (i + 1) * kParams};
  }
  /// c: goes on as it is, x: takes over, f: finished, d: diverged, a: aborted.
  static std::string letters(const Sweep& sweep) {
    std::string text;
    for (const Event& event : sweep.events) text += event.trial < 0 ? '-' : "csfdax"[static_cast<int>(event.decision)];
    return text;
  }
};
LOCKSTEP_EVERY_BACKEND(PopulationBasedTraining);

TEST_P(PopulationBasedTraining, TheWorstTakeOverFromTheBest) {
  const Sweep before = sweep_of({5, 1, 8, 3, 4, 6, 7, 2});
  const Sweep sweep = decide(before);
  EXPECT_EQ(letters(sweep), "cxcccccx");
  for (const int64_t slot : {1, 7}) {
    const Event& event = sweep.events[slot];
    EXPECT_TRUE(event.source == 2 || event.source == 6) << event.source;
    EXPECT_EQ(event.successor, slot);
    EXPECT_EQ(event.verdict.judged, 1);
    EXPECT_EQ(event.verdict.stop, 0);
    EXPECT_EQ(event.verdict.value, before.metrics[slot]);
    EXPECT_EQ(event.verdict.threshold, 3);
    EXPECT_EQ(event.verdict.n_compared, 8);
    EXPECT_EQ(event.verdict.n_kept, 6);
    EXPECT_EQ(sweep.history.state[slot], TrialState::kRunning);
  }
  EXPECT_EQ(sweep.slot_trial, before.slot_trial);
  const Sweep minimised = decide(before, Goal::kMinimize);
  EXPECT_EQ(letters(minimised), "ccxcccxc");
  EXPECT_TRUE(minimised.events[2].source == 1 || minimised.events[2].source == 7);
}

TEST_P(PopulationBasedTraining, ConfigurationsComeFromTheSource) {
  policy_.resample_probability = 0;
  policy_.perturbation_factors = {1, 1};
  const Sweep before = sweep_of({5, 1, 8, 3, 4, 6, 7, 2});
  const Sweep sweep = decide(before);
  for (int64_t trial = 0; trial < 8; ++trial) {
    const int64_t source = sweep.events[trial].source < 0 ? trial : sweep.events[trial].source;
    auto expected = row(before.draws, source);
    if (source != trial) expected[2] = 1 - expected[2];  // the other of two choices
    EXPECT_EQ(row(sweep.draws, trial), expected) << trial;
    EXPECT_EQ(row(sweep.slot_draws, trial), expected) << trial;
  }
}

TEST_P(PopulationBasedTraining, StructuralHyperparametersStay) {
  Sweep before = sweep_of({5, 1, 8, 3, 4, 6, 7, 2});
  before.changeable = {1, 0, 0, 1};
  policy_.resample_probability = 1;
  const Sweep sweep = decide(before);
  for (const int64_t trial : {1, 7}) {
    EXPECT_EQ(sweep.draws[trial * 4 + 1], before.draws[trial * 4 + 1]);
    EXPECT_EQ(sweep.draws[trial * 4 + 2], before.draws[trial * 4 + 2]);
    EXPECT_NE(sweep.draws[trial * 4], before.draws[trial * 4]);
    EXPECT_NE(sweep.draws[trial * 4 + 3], before.draws[trial * 4 + 3]);
  }
}

TEST_P(PopulationBasedTraining, OnlyOneCohortAtOneAgeIsCompared) {
  Sweep before = sweep_of({1, 2, 3, 4, 8, 7, 6, 5});
  before.cohort = {0, 0, 0, 0, 1, 1, 1, 1};
  Sweep sweep = decide(before);
  EXPECT_EQ(letters(sweep), "xccccccx");
  EXPECT_EQ(sweep.events[0].source, 3);
  EXPECT_EQ(sweep.events[7].source, 4);
  before.cohort.clear();
  before.history.n_reported = {0, 0, 0, 0, 4, 4, 4, 4};
  sweep = decide(before);
  EXPECT_EQ(letters(sweep), "xccccccx");
  EXPECT_EQ(sweep.events[7].source, 4);
}

TEST_P(PopulationBasedTraining, TooFewAreLeftAlone) {
  EXPECT_EQ(letters(decide(sweep_of({1, 2, 3}))), "ccc");
  policy_ = pbt(0.5);
  EXPECT_EQ(letters(decide(sweep_of({1}))), "c");
  EXPECT_EQ(letters(decide(sweep_of({1, 2}))), "xc");
  EXPECT_EQ(letters(decide(sweep_of({1, 2, 3}))), "xcc");
}

TEST_P(PopulationBasedTraining, TiesGoToTheLowerId) {
  policy_ = pbt(0.5);
  EXPECT_EQ(letters(decide(sweep_of({5, 5, 5, 5}))), "ccxx");
  Sweep crossed = sweep_of({5, 5, 5, 5});
  crossed.slot_trial = {3, 2, 1, 0};
  EXPECT_EQ(letters(decide(crossed)), "xxcc");
}

TEST_P(PopulationBasedTraining, DivergedTrialsAreNoMembers) {
  policy_ = pbt(0.5);
  EXPECT_EQ(letters(decide(sweep_of({std::nan(""), 2, kInf, 1}))), "dcdx");
  EXPECT_EQ(letters(decide(sweep_of({std::nan(""), 2, kInf}))), "dcd");
}

TEST_P(PopulationBasedTraining, ATrialAtItsLastIntervalFinishes) {
  policy_ = pbt(0.5);
  Sweep before = sweep_of({1, 2, 3, 4});
  before.n_intervals[0] = before.n_intervals[2] = before.n_intervals[3] = 1;
  const Sweep sweep = decide(before);
  EXPECT_EQ(letters(sweep), "fxff");
  EXPECT_TRUE(sweep.events[1].source == 2 || sweep.events[1].source == 3);
  EXPECT_EQ(row(sweep.draws, 0), row(before.draws, 0));
}

TEST_P(PopulationBasedTraining, AnAbortedTrialKeepsItsConfiguration) {
  const Sweep before = sweep_of({5, 1, 8, 3, 4, 6, 7, 2});
  const Sweep sweep = decide(before, Goal::kMaximize, 2);
  EXPECT_EQ(letters(sweep), "aacccccx");
  EXPECT_EQ(row(sweep.draws, 1), row(before.draws, 1));
}

TEST_P(PopulationBasedTraining, ActsAtMultiplesOfItsIntervalFromTheDelayOn) {
  policy_.evaluation_interval = 2;
  policy_.delay_evaluation = 3;
  for (int64_t age = 1; age <= 7; ++age) {
    EXPECT_EQ(letters(decide(sweep_of({1, 2, 3, 4}, age))), age == 4 || age == 6 ? "xccc" : "cccc") << age;
  }
}

TEST_P(PopulationBasedTraining, DrawsHangOnSeedTrialAndAgeAlone) {
  policy_.resample_probability = 0.5;
  const Sweep before = sweep_of({5, 1, 8, 3, 4, 6, 7, 2});
  const Sweep sweep = decide(before);
  EXPECT_TRUE(same_bits(decide(before).draws, sweep.draws));
  // Other slots, and the same ids as other rows.
  Sweep moved = before;
  moved.slot_trial = {7, 6, 5, 4, 3, 2, 1, 0};
  moved.metrics = {2, 7, 6, 4, 3, 8, 1, 5};
  EXPECT_TRUE(same_bits(decide(moved).draws, sweep.draws));
  Sweep others = before;
  others.first_trial = 1'000'000;
  EXPECT_FALSE(same_bits(decide(others).draws, sweep.draws));
  Sweep older = before;
  older.history.n_reported.assign(8, 1);
  EXPECT_FALSE(same_bits(decide(older).draws, sweep.draws));
  context_.seed = 8;
  EXPECT_FALSE(same_bits(decide(before).draws, sweep.draws));
}

TEST_P(PopulationBasedTraining, EverySourceIsAsLikely) {
  policy_ = pbt(0.5);
  const int64_t n = pick(4000, 400);
  std::vector<double> metrics(n);
  for (int64_t i = 0; i < n; ++i) metrics[i] = static_cast<double>(i % 2 ? n - i : -i);
  Sweep before = sweep_of(metrics);
  before.cohort.resize(n);
  for (int64_t i = 0; i < n; ++i) before.cohort[i] = static_cast<int32_t>(i / 8);  // half of 8 take over from the others
  std::map<int64_t, int64_t> counts;
  const Sweep after = decide(before);
  for (const Event& event : after.events) {
    if (event.decision == Decision::kExploit) ++counts[event.source % 8];
  }
  ASSERT_EQ(counts.size(), 4u);
  double chi_square = 0;
  for (const auto& [place, count] : counts) {
    const double expected = static_cast<double>(n) / 8;
    chi_square += (static_cast<double>(count) - expected) * (static_cast<double>(count) - expected) / expected;
  }
  EXPECT_LT(chi_square, 16.3);  // 3 degrees of freedom: one in a thousand
}

TEST_P(PopulationBasedTraining, RefusesWrongSettings) {
  for (const double fraction : {0.0, -0.25, 0.75, std::nan("")}) {
    policy_ = pbt(fraction);
    EXPECT_THROW(decide(sweep_of({1, 2, 3, 4})), DeviceError);
  }
  policy_ = pbt();
  policy_.evaluation_interval = 0;
  EXPECT_THROW(decide(sweep_of({1, 2, 3, 4})), DeviceError);
  policy_ = pbt();
  Sweep without = sweep_of({1, 2, 3, 4});
  without.specs.clear();
  EXPECT_THROW(decide(without), DeviceError);
}

TEST_P(PopulationBasedTraining, EqualsThePlainRuleOnRandomPopulations) {
  Random random(6);
  const int64_t n_sweeps = pick(4000, 60);
  std::map<Decision, int64_t> counts;
  for (int64_t s = 0; s < n_sweeps; ++s) {
    const Goal goal = below(random, 2) ? Goal::kMaximize : Goal::kMinimize;
    const int64_t n = 1 + below(random, 40);
    const int64_t n_values = std::vector<int64_t>{1, 4, 1'000'000}[below(random, 3)];
    const int64_t n_cohorts = 1 + below(random, 3), n_ages = 1 + below(random, 3);
    policy_ = pbt(std::vector<double>{0.05, 0.2, 0.25, 1.0 / 3, 0.5}[below(random, 5)]);
    policy_.evaluation_interval = 1 + below(random, 2);
    policy_.delay_evaluation = below(random, 3);
    policy_.resample_probability = std::vector<double>{0, 0.25, 1}[below(random, 3)];
    std::vector<int64_t> slots;
    for (int64_t trial = 0; trial < n; ++trial) slots.push_back(below(random, 6) ? trial : -1);
    std::shuffle(slots.begin(), slots.end(), random);
    Sweep before(History(n, 16), slots, kParams);
    before.first_trial = below(random, 1000);
    give_configurations(before);
    for (int64_t trial = 0; trial < n; ++trial) {
      before.history.n_reported[trial] = static_cast<int32_t>(below(random, n_ages));
      before.cohort.push_back(static_cast<int32_t>(below(random, n_cohorts)));
      before.n_intervals[trial] = static_cast<int32_t>(before.history.n_reported[trial] + 1 + below(random, 5));
    }
    for (size_t slot = 0; slot < slots.size(); ++slot) {
      if (slots[slot] < 0) continue;
      before.metrics[slot] = static_cast<double>(below(random, n_values)) - static_cast<double>(n_values) / 2;
      if (below(random, 25) == 0) before.metrics[slot] = std::vector<double>{std::nan(""), kInf, -kInf}[below(random, 3)];
    }

    std::map<std::pair<int64_t, int64_t>, std::vector<std::pair<double, int64_t>>> populations;
    for (size_t slot = 0; slot < slots.size(); ++slot) {
      const int64_t trial = slots[slot];
      if (trial < 0 || !std::isfinite(before.metrics[slot])) continue;
      populations[{before.cohort[trial], before.history.n_reported[trial] + 1}].emplace_back(
          score_of_metric(goal, before.metrics[slot]), trial);
    }
    for (auto& [key, ranked] : populations) sort_by_rank(ranked);
    const Sweep after = decide(before, goal);
    const Sweep on_host = decide_on(host_backend(), host_context(context_.seed), goal, policy_, before);
    ASSERT_TRUE(same_bits(after.draws, on_host.draws)) << s;
    ASSERT_TRUE(same_bits(after.slot_draws, on_host.slot_draws)) << s;
    for (size_t slot = 0; slot < slots.size(); ++slot) {
      const int64_t trial = slots[slot];
      if (trial < 0) continue;
      const auto where = [&] { return "sweep " + std::to_string(s) + ", slot " + std::to_string(slot); };
      const Event& event = after.events[slot];
      const int64_t age = before.history.n_reported[trial] + 1;
      Decision expected = Decision::kContinue;
      int64_t source = -1;
      if (!std::isfinite(before.metrics[slot])) {
        expected = Decision::kDiverge;
      } else if (age >= before.n_intervals[trial]) {
        expected = Decision::kFinish;
      } else if (acts_at(policy_, age)) {
        const auto& ranked = populations[{before.cohort[trial], age}];
        const auto k = static_cast<int64_t>(static_cast<double>(ranked.size()) * policy_.quantile_fraction);
        const std::pair own(score_of_metric(goal, before.metrics[slot]), trial);
        const auto place = std::find(ranked.begin(), ranked.end(), own) - ranked.begin();
        ASSERT_EQ(event.verdict.judged, k > 0) << where();
        if (k > 0) {
          const int64_t n_kept = static_cast<int64_t>(ranked.size()) - k;
          ASSERT_EQ(event.verdict.threshold, (goal == Goal::kMaximize ? 1 : -1) * ranked[n_kept - 1].first) << where();
          ASSERT_EQ(event.verdict.n_compared, static_cast<int32_t>(ranked.size())) << where();
          ASSERT_EQ(event.verdict.n_kept, n_kept) << where();
          if (place >= n_kept) {
            expected = Decision::kExploit;
            const auto words = random_words(context_.seed, RandomPurpose::kExploit, before.first_trial + trial,
                                            static_cast<uint32_t>(age), 0);
            source = ranked[bounded_integer(words.bits(), k)].second;
          }
        }
      }
      ASSERT_EQ(event.decision, expected) << where();
      ASSERT_EQ(event.source, source) << where();
      ASSERT_EQ(event.decision, on_host.events[slot].decision) << where();
      if (expected != Decision::kExploit) {
        ASSERT_EQ(row(after.draws, trial), row(before.draws, trial)) << where();
      }
      ++counts[expected];
    }
  }
  for (const Decision decision :
       {Decision::kContinue, Decision::kExploit, Decision::kFinish, Decision::kDiverge}) {
    EXPECT_GT(counts[decision], n_sweeps / 8) << static_cast<int>(decision);
  }
}

}  // namespace
}  // namespace lockstep::test
