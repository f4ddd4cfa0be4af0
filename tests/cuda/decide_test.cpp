// The decision pass over slots: endings, refill, gang start, and the memory it takes.
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <memory>
#include <random>

#include <lockstep/policy.h>

#include "cuda/sweep_data.h"

namespace lockstep::test {
namespace {

const EarlyTermination kNoPolicy;

class Decide : public BackendTest {
 protected:
  Sweep decide(const Sweep& sweep, const EarlyTermination& policy = kNoPolicy, int64_t abort_below = 0,
               const BracketPlan* brackets = nullptr) {
    return decide_on(*backend_, context_, Goal::kMaximize, policy, sweep, abort_below, brackets);
  }
};
LOCKSTEP_EVERY_BACKEND(Decide);

/// `n_trials` that wait before `n_slots` empty slots; each trains `n_intervals`.
Sweep waiting(int64_t n_trials, int64_t n_slots, int32_t n_intervals = 4, int64_t n_params = 0) {
  Sweep sweep(History(n_trials, n_intervals), std::vector<int64_t>(n_slots, -1), n_params);
  sweep.history.state.assign(n_trials, TrialState::kWaiting);
  sweep.n_intervals.assign(n_trials, n_intervals);
  sweep.next_trial = {0};
  return sweep;
}

std::string decisions_of(const Sweep& sweep) {
  std::string letters;
  for (const Event& event : sweep.events) letters += event.trial < 0 ? '-' : "csfdax"[static_cast<int>(event.decision)];
  return letters;
}

std::vector<int64_t> successors_of(const Sweep& sweep) {
  std::vector<int64_t> rows;
  for (const Event& event : sweep.events) rows.push_back(event.successor);
  return rows;
}

TEST_P(Decide, FillsEmptySlotsWithTheFirstTrials) {
  Sweep before = waiting(5, 3, 4, 2);
  std::iota(before.draws.begin(), before.draws.end(), 10);
  const Sweep sweep = decide(before);
  EXPECT_EQ(sweep.slot_trial, (std::vector<int64_t>{0, 1, 2}));
  EXPECT_EQ(sweep.next_trial[0], 3);
  EXPECT_EQ(sweep.slot_draws, (std::vector<double>{10, 11, 12, 13, 14, 15}));
  EXPECT_EQ(decisions_of(sweep), "---");
  EXPECT_EQ(successors_of(sweep), (std::vector<int64_t>{0, 1, 2}));
  EXPECT_EQ(sweep.history.state,
            (std::vector<TrialState>{TrialState::kRunning, TrialState::kRunning, TrialState::kRunning,
                                     TrialState::kWaiting, TrialState::kWaiting}));
}

TEST_P(Decide, LeavesSlotsEmptyWhenNobodyWaits) {
  const Sweep sweep = decide(waiting(2, 4));
  EXPECT_EQ(sweep.slot_trial, (std::vector<int64_t>{0, 1, -1, -1}));
  EXPECT_EQ(successors_of(sweep), (std::vector<int64_t>{0, 1, -1, -1}));
  EXPECT_EQ(sweep.next_trial[0], 2);
}

TEST_P(Decide, GivesFreedSlotsInOrderToWaitingTrialsInOrder) {
  Sweep sweep = decide(waiting(9, 4, 3, 1));
  // Trial 1 diverges, trial 3 is at its end.
  sweep.n_intervals[3] = 1;
  std::iota(sweep.draws.begin(), sweep.draws.end(), 0);
  sweep.metrics = {0.1, std::nan(""), 0.3, 0.4};
  sweep = decide(sweep);
  EXPECT_EQ(decisions_of(sweep), "cdcf");
  EXPECT_EQ(sweep.slot_trial, (std::vector<int64_t>{0, 4, 2, 5}));
  EXPECT_EQ(successors_of(sweep), (std::vector<int64_t>{0, 4, 2, 5}));
  EXPECT_EQ(sweep.slot_draws[1], 4);
  EXPECT_EQ(sweep.slot_draws[3], 5);
  EXPECT_EQ(sweep.next_trial[0], 6);
  EXPECT_EQ(sweep.history.state[1], TrialState::kDiverged);
  EXPECT_EQ(sweep.history.state[3], TrialState::kFinished);
  EXPECT_EQ(sweep.events[3].trial, 3);
  EXPECT_EQ(sweep.events[3].metric, 0.4);
  // Read, and gone: a slot that nobody reports to must not repeat itself.
  for (const double metric : sweep.metrics) EXPECT_TRUE(std::isnan(metric));
}

TEST_P(Decide, DivergesRatherThanFinishesAtTheLastInterval) {
  Sweep sweep = decide(waiting(2, 2, 1));
  sweep.metrics = {kInf, 0.5};
  EXPECT_EQ(decisions_of(decide(sweep)), "df");
}

TEST_P(Decide, DoesNotJudgeATrialAtItsEnd) {
  EarlyTermination policy;
  policy.kind = PolicyKind::kMedianStopping;
  Sweep sweep = decide(waiting(3, 3, 2));
  sweep.n_intervals[0] = 1;
  sweep.metrics = {0.1, 0.2, 0.9};
  sweep = decide(sweep, policy);
  EXPECT_EQ(decisions_of(sweep), "fcc");  // and counts: 0.2 is the median of three
  EXPECT_EQ(sweep.events[0].verdict.judged, 0);
  EXPECT_EQ(sweep.events[1].verdict.threshold, 0.2);
}

TEST_P(Decide, EndsRowsBelowTheGivenOne) {
  Sweep sweep = decide(waiting(6, 4));
  sweep.n_intervals[0] = 1;
  sweep.metrics = {0.1, 0.2, 0.3, std::nan("")};
  sweep = decide(sweep, kNoPolicy, 2);
  EXPECT_EQ(decisions_of(sweep), "facd");  // what is at its end by itself stays what it is
  EXPECT_EQ(sweep.slot_trial, (std::vector<int64_t>{4, 5, 2, -1}));
  EXPECT_EQ(sweep.history.state[1], TrialState::kAborted);
}

TEST_P(Decide, LooksAtTheListedSlotsAlone) {
  Sweep sweep = decide(waiting(4, 4));
  sweep.slot_trial = {-1, 1, -1, 3};
  sweep.reported[0] = 42;  // nobody writes here
  sweep.metrics = {std::nan(""), 0.2, std::nan(""), std::nan("")};
  const DeviceSweep device(*backend_, context_, sweep);
  const DeviceArray<int64_t> occupied(*backend_, context_, {1, 3});
  const int64_t age = 1;
  DecideOptions options;
  options.policy = &kNoPolicy;
  options.ages = &age;
  options.n_ages = 1;
  options.is_queue_empty = true;
  options.occupied = occupied.data();
  options.n_occupied = 2;
  backend_->decide(context_, device.view(), options);
  const Sweep after = device.to_host();
  EXPECT_EQ(after.reported[0], 42);
  EXPECT_EQ(after.reported[1], 0.2);
  ASSERT_EQ(device.log().size(), 1u);  // trial 1 simply goes on
  EXPECT_EQ(after.events[3].trial, 3);
  EXPECT_EQ(after.events[3].decision, Decision::kDiverge);
  EXPECT_EQ(after.slot_trial, (std::vector<int64_t>{-1, 1, -1, -1}));
  EXPECT_EQ(after.history.n_reported, (std::vector<int32_t>{0, 1, 0, 1}));
}

TEST_P(Decide, LogsThoseThatDoNotSimplyGoOnByAscendingSlot) {
  for (const int64_t n_slots : std::vector<int64_t>{7, 8, 33, 257, pick(5000, 1025)}) {
    Sweep before = decide(waiting(n_slots + 3, n_slots));
    for (int64_t slot = 0; slot < n_slots; ++slot) {
      before.metrics[slot] = slot % 5 == 1 ? std::nan("") : static_cast<double>(slot * 37 % 101);
      if (slot % 11 == 3) before.n_intervals[before.slot_trial[slot]] = 1;
    }
    EarlyTermination policy;
    policy.kind = PolicyKind::kTruncationSelection;
    policy.truncation_percentage = 30;
    const Sweep all = decide(before, policy);
    const DeviceSweep device(*backend_, context_, before);
    const int64_t age = 1;
    DecideOptions options;
    options.policy = &policy;
    options.ages = &age;
    options.n_ages = 1;
    backend_->decide(context_, device.view(), options);
    const std::vector<Event> log = device.log();
    size_t next = 0;
    for (int64_t slot = 0; slot < n_slots; ++slot) {
      const Event& event = all.events[slot];
      ASSERT_TRUE(same_bits<double>({all.reported[slot]}, {event.metric})) << slot;
      if (event.successor == event.trial) continue;
      ASSERT_LT(next, log.size());
      ASSERT_EQ(log[next].slot, slot) << n_slots << " slots";
      ASSERT_EQ(log[next].trial, event.trial);
      ASSERT_EQ(log[next].decision, event.decision);
      ASSERT_EQ(log[next].successor, event.successor);
      ASSERT_EQ(log[next].verdict.threshold, event.verdict.threshold);
      ++next;
    }
    ASSERT_EQ(next, log.size());
    ASSERT_GT(next, 1u);
    ASSERT_LT(next, static_cast<size_t>(n_slots));
    ASSERT_TRUE(same_bits(device.to_host().reported, all.reported));
  }
}

// A host works through neighbours as columns, and through others one by one.
TEST_P(Decide, DecidesNeighboursLikeScatteredTrials) {
  for (const Goal goal : {Goal::kMaximize, Goal::kMinimize}) {
    for (const PolicyKind kind : {PolicyKind::kNone, PolicyKind::kMedianStopping, PolicyKind::kBandit,
                                  PolicyKind::kTruncationSelection, PolicyKind::kAsha, PolicyKind::kPbt}) {
      EarlyTermination policy;
      policy.kind = kind;
      policy.slack_factor = 0.5;
      policy.truncation_percentage = 10;
      const int64_t n = pick(700, 300);
      std::mt19937_64 random(3);
      std::vector<int64_t> order(n);
      std::iota(order.begin(), order.end(), 0);
      Sweep in_order(History(n, 4), order);
      std::shuffle(order.begin(), order.end(), random);
      Sweep scattered(History(n, 4), order);
      int64_t n_ended = 0;
      for (int64_t interval = 1; interval <= 4; ++interval) {
        for (int64_t trial = 0; trial < n; ++trial) {
          const auto draw = static_cast<double>(random() % 400);
          in_order.metrics[trial] = draw < 2 ? std::nan("") : draw / 100 + (trial >= n / 2 ? 1 : 0);
          in_order.n_intervals[trial] = trial % 97 == 5 ? 3 : 1 << 20;
        }
        scattered.n_intervals = in_order.n_intervals;
        for (int64_t slot = 0; slot < n; ++slot) scattered.metrics[slot] = in_order.metrics[order[slot]];
        in_order = decide_on(*backend_, context_, goal, policy, in_order, interval == 4 ? 100 : 0);
        scattered = decide_on(*backend_, context_, goal, policy, scattered, interval == 4 ? 100 : 0);
        for (int64_t slot = 0; slot < n; ++slot) {
          const Event& event = scattered.events[slot];
          const Event& expected = in_order.events[order[slot]];
          ASSERT_EQ(event.trial, expected.trial) << static_cast<int>(kind) << ", interval " << interval;
          ASSERT_EQ(event.decision, expected.decision);
          ASSERT_EQ(event.source, expected.source);
          ASSERT_TRUE(same_bits<double>({event.metric, event.verdict.value, event.verdict.threshold, event.verdict.best},
                                        {expected.metric, expected.verdict.value, expected.verdict.threshold,
                                         expected.verdict.best}));
          n_ended += event.trial >= 0 && event.successor < 0 ? 1 : 0;
        }
        for (const auto matrix : {&History::score, &History::best_score, &History::mean_score, &History::last_best,
                                  &History::last_mean}) {
          ASSERT_TRUE(same_bits(scattered.history.*matrix, in_order.history.*matrix));
        }
        ASSERT_EQ(scattered.history.n_reported, in_order.history.n_reported);
        ASSERT_EQ(scattered.history.state, in_order.history.state);
      }
      EXPECT_GT(n_ended, 10);
      EXPECT_LT(n_ended, n);
    }
    if (GetParam() != DeviceKind::kCpu) break;
  }
}

TEST_P(Decide, PolicyStopsBeforeALimitDoes) {
  EarlyTermination policy;
  policy.kind = PolicyKind::kMedianStopping;
  Sweep sweep = decide(waiting(3, 3));
  sweep.metrics = {0.1, 0.5, 0.9};
  EXPECT_EQ(decisions_of(decide(sweep, policy, 3)), "saa");
}

TEST_P(Decide, TakesSweepsWithoutTrialsOrSlots) {
  EarlyTermination median;
  median.kind = PolicyKind::kMedianStopping;
  EXPECT_TRUE(decide(waiting(0, 0)).events.empty());
  EXPECT_TRUE(decide(waiting(3, 0), median).events.empty());
  EXPECT_EQ(decide(waiting(1, 1), median).slot_trial, (std::vector<int64_t>{0}));
}

// Sizes around warps and blocks; each slot's trial ends where a pattern says.
TEST_P(Decide, RefillsLikeAPlainLoop) {
  for (const int64_t n_slots : std::vector<int64_t>{1, 31, 32, 33, 255, 257, pick(100'000, 1025)}) {
    for (const int64_t n_waiting : {int64_t{0}, int64_t{1}, n_slots / 3, 2 * n_slots}) {
      const int64_t n_trials = n_slots + n_waiting;
      Sweep sweep = decide(waiting(n_trials, n_slots));
      std::vector<int64_t> expected(n_slots);
      int64_t next = n_slots;
      for (int64_t slot = 0; slot < n_slots; ++slot) {
        const bool ends = slot * slot % 7 < 3;
        sweep.metrics[slot] = ends ? std::nan("") : 0.5;
        expected[slot] = !ends ? slot : next < n_trials ? next++ : -1;
      }
      sweep = decide(sweep);
      ASSERT_EQ(sweep.slot_trial, expected) << n_slots << " slots, " << n_waiting << " waiting";
      ASSERT_EQ(successors_of(sweep), expected);
      ASSERT_EQ(sweep.next_trial[0], next);
    }
  }
}

/// Brackets of 4 and of 2 in turn.
BracketPlan four_and_two(int64_t n_trials) {
  BracketPlan plan;
  plan.n_trials = n_trials;
  plan.reduction_factor = 2;
  plan.n_kinds = 2;
  plan.size[0] = 4;
  plan.size[1] = 2;
  return plan;
}

TEST_P(Decide, StartsABracketWhenAllOfItFits) {
  const BracketPlan plan = four_and_two(15);  // 4 2 4 2 3
  Sweep sweep = decide(waiting(15, 9), kNoPolicy, 0, &plan);
  EXPECT_EQ(sweep.next_trial[0], 6);  // the third would not fit into the 3 slots that are left
  EXPECT_EQ(sweep.slot_trial, (std::vector<int64_t>{0, 1, 2, 3, 4, 5, -1, -1, -1}));
  sweep.metrics = {std::nan(""), 1, 1, 1, 1, 1, std::nan(""), std::nan(""), std::nan("")};
  sweep = decide(sweep, kNoPolicy, 0, &plan);
  EXPECT_EQ(sweep.slot_trial, (std::vector<int64_t>{6, 1, 2, 3, 4, 5, 7, 8, 9}));
  EXPECT_EQ(sweep.next_trial[0], 10);
  sweep.metrics = std::vector<double>(9, std::nan(""));
  sweep = decide(sweep, kNoPolicy, 0, &plan);
  EXPECT_EQ(sweep.next_trial[0], 15);  // 2, and the last, which the sweep cuts to 3
  EXPECT_EQ(sweep.slot_trial, (std::vector<int64_t>{10, 11, 12, 13, 14, -1, -1, -1, -1}));
}

TEST_P(Decide, GangStartTakesWholeBracketsOfManyCycles) {
  for (const int64_t n_trials : {5, 6, 7, 23, 100}) {
    const BracketPlan plan = four_and_two(n_trials);
    std::vector<int64_t> ends{0};
    for (int64_t i = 0; ends.back() < n_trials; ++i) {
      ends.push_back(std::min(n_trials, ends.back() + plan.size[i % plan.n_kinds]));
    }
    for (int64_t n_slots = 4; n_slots <= 40; ++n_slots) {
      Sweep sweep = waiting(n_trials, n_slots);
      for (int64_t next = 0; next < n_trials; next = sweep.next_trial[0]) {
        // As many whole brackets as fit into slots that are all free.
        const int64_t expected = *(std::upper_bound(ends.begin(), ends.end(), next + n_slots) - 1);
        sweep.metrics.assign(n_slots, std::nan(""));
        sweep = decide(sweep, kNoPolicy, 0, &plan);
        ASSERT_EQ(sweep.next_trial[0], expected) << n_trials << " trials, " << n_slots << " slots, after " << next;
      }
    }
    if (GetParam() != DeviceKind::kCpu) break;
  }
}

/// Stops whoever's last score is below a half. Its own copies stand for kernels, and are in the order of the stream.
class BelowHalf : public Policy {
 public:
  explicit BelowHalf(const Backend& backend) : backend_(backend) {}
  void judge(const Context& context, const SweepView& sweep, const DecideOptions&, Verdict* verdicts) override {
    const auto n_slots = static_cast<size_t>(sweep.n_slots), n_trials = static_cast<size_t>(sweep.history.n_trials);
    std::vector<int64_t> slot_trial(n_slots);
    std::vector<double> last_best(n_trials);
    std::vector<Verdict> all(n_slots);
    backend_.copy_to_host(context, slot_trial.data(), sweep.slot_trial, static_cast<int64_t>(n_slots * sizeof(int64_t)));
    backend_.copy_to_host(context, last_best.data(), sweep.history.last_best, static_cast<int64_t>(n_trials * sizeof(double)));
    backend_.copy_to_host(context, all.data(), verdicts, static_cast<int64_t>(n_slots * sizeof(Verdict)));
    for (size_t slot = 0; slot < n_slots; ++slot) {
      EXPECT_EQ(all[slot].stop + all[slot].judged, 0);
      const double best = slot_trial[slot] < 0 ? 1 : last_best[static_cast<size_t>(slot_trial[slot])];
      all[slot].stop = best < 0.5 ? 1 : 0;
      all[slot].judged = 1;
      all[slot].value = best;
      all[slot].threshold = 0.5;
    }
    backend_.copy_to_device(context, verdicts, all.data(), static_cast<int64_t>(n_slots * sizeof(Verdict)));
    backend_.synchronize(context);
  }

 private:
  const Backend& backend_;
};

TEST_P(Decide, TakesTheVerdictsOfAPolicyOfAProgramsOwn) {
  EarlyTermination policy;
  policy.kind = PolicyKind::kOwn;
  policy.own = std::make_shared<BelowHalf>(*backend_);
  policy.evaluation_interval = 2;
  Sweep sweep = decide(waiting(9, 4), policy);
  sweep.n_intervals[3] = 2;
  sweep.metrics = {0.1, 0.6, 0.2, 0.3};
  sweep = decide(sweep, policy);
  EXPECT_EQ(decisions_of(sweep), "cccc");  // it does not act at interval 1
  sweep.metrics = {0.2, 0.1, std::nan(""), 0.1};
  sweep = decide(sweep, policy);
  EXPECT_EQ(decisions_of(sweep), "scdf");
  EXPECT_EQ(sweep.events[0].verdict.value, 0.2);
  EXPECT_EQ(sweep.events[0].verdict.threshold, 0.5);
  EXPECT_EQ(sweep.events[1].verdict.value, 0.6);
  EXPECT_EQ(sweep.slot_trial, (std::vector<int64_t>{4, 1, 5, 6}));
}

}  // namespace
}  // namespace lockstep::test
