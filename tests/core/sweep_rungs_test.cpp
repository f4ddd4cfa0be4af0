// Successive halving, Hyperband and ASHA inside the loop, beside a plain reference of whole sweeps.
#include <cmath>
#include <limits>
#include <numeric>
#include <random>

#include <gtest/gtest.h>

#include "core/fake_executor.h"
#include "core/message.h"

namespace lockstep {
namespace {

SweepSpec rung_spec(PolicyKind kind, int64_t slots = 0, Goal goal = Goal::kMaximize) {
  SweepSpec spec = loop_spec(goal, slots);
  spec.early_termination.kind = kind;
  return spec;
}

struct End {
  int64_t start_tick = 0;
  int64_t interval = 0;
  TrialState state = TrialState::kWaiting;
};

struct Group {
  size_t first = 0;
  size_t n = 0;
  std::vector<int64_t> rungs;
};

/// The brackets of a sweep, counted out by the papers' formulas; of ASHA one a trial.
std::vector<Group> groups_of(const EarlyTermination& policy, size_t n_trials, int64_t slots, int64_t longest) {
  const int64_t eta = policy.reduction_factor;
  const auto rungs_from = [&](int64_t first, int64_t most) {
    std::vector<int64_t> rungs;
    for (int64_t rung = first; rung < longest && static_cast<int64_t>(rungs.size()) < most; rung *= eta) {
      rungs.push_back(rung);
    }
    return rungs;
  };
  std::vector<Group> kinds;
  if (policy.kind == PolicyKind::kAsha) {
    int64_t first = policy.min_resource;
    for (int64_t i = 0; i < policy.min_early_stopping_rate; ++i) first *= eta;
    kinds.push_back({0, 1, rungs_from(first, 99)});
  } else if (policy.kind == PolicyKind::kSuccessiveHalving) {
    const int64_t size = policy.bracket_size.value_or(slots > 0 ? slots : static_cast<int64_t>(n_trials));
    kinds.push_back({0, static_cast<size_t>(size), rungs_from(policy.min_resource, 99)});
  } else {
    const int64_t most = policy.max_resource.value_or(longest);
    int64_t s_max = 0;
    for (int64_t power = eta; power * policy.min_resource <= most; power *= eta) ++s_max;
    for (int64_t s = s_max; s >= 0; --s) {
      const auto power = static_cast<int64_t>(std::lround(std::pow(eta, s)));
      const auto n = static_cast<size_t>(std::ceil(static_cast<double>((s_max + 1) * power) / static_cast<double>(s + 1)));
      kinds.push_back({0, n, rungs_from(most / power, s)});
    }
  }
  std::vector<Group> groups;
  for (size_t first = 0, i = 0; first < n_trials; ++i) {
    Group group = kinds[i % kinds.size()];
    group.first = first;
    group.n = std::min(group.n, n_trials - first);
    first += group.n;
    groups.push_back(group);
  }
  return groups;
}

/// A sweep in plain C++.
std::vector<End> simulate(const SweepSpec& spec, const Curves& curves) {
  const double sign = spec.objective.goal == Goal::kMaximize ? 1 : -1;
  const EarlyTermination& policy = spec.early_termination;
  const size_t n = curves.size();
  const size_t n_slots = spec.limits.max_concurrent_trials ? static_cast<size_t>(spec.limits.max_concurrent_trials) : n;
  int64_t longest = 0;
  for (const Curve& curve : curves) longest = std::max(longest, static_cast<int64_t>(curve.size()));
  const auto groups = groups_of(policy, n, spec.limits.max_concurrent_trials, longest);
  std::vector<End> trials(n);
  const auto score = [&](size_t trial, int64_t interval) {
    const double metric = curves[trial][static_cast<size_t>(interval - 1)];
    return std::isfinite(metric) ? sign * metric : -std::numeric_limits<double>::infinity();
  };
  size_t next = 0;
  for (int64_t tick = 1;; ++tick) {
    size_t n_running = 0;
    for (const End& trial : trials) n_running += trial.state == TrialState::kRunning;
    for (; next < groups.size() && n_running + groups[next].n <= n_slots; ++next) {
      for (size_t i = 0; i < groups[next].n; ++i) {
        trials[groups[next].first + i].state = TrialState::kRunning;
        trials[groups[next].first + i].start_tick = tick;
      }
      n_running += groups[next].n;
    }
    if (n_running == 0) return trials;
    for (End& trial : trials) trial.interval += trial.state == TrialState::kRunning;
    std::vector<End> after = trials;
    for (const Group& group : groups) {
      for (size_t t = group.first; t < group.first + group.n; ++t) {
        if (trials[t].state != TrialState::kRunning) continue;
        const int64_t age = trials[t].interval;
        const auto rung = std::find(group.rungs.begin(), group.rungs.end(), age);
        if (!std::isfinite(curves[t][static_cast<size_t>(age - 1)])) {
          after[t].state = TrialState::kDiverged;
        } else if (age == static_cast<int64_t>(curves[t].size())) {
          after[t].state = TrialState::kFinished;
        } else if (rung != group.rungs.end()) {
          // Those that are there now; with ASHA all that ever were.
          size_t n_compared = 0, n_better = 0;
          const bool is_asha = policy.kind == PolicyKind::kAsha;
          for (size_t other = is_asha ? 0 : group.first; other < (is_asha ? n : group.first + group.n); ++other) {
            const bool is_there = is_asha ? trials[other].interval >= age
                                          : trials[other].state == TrialState::kRunning && trials[other].interval == age;
            if (!is_there) continue;
            ++n_compared;
            const double own = score(t, age), its = score(other, age);
            n_better += its > own || (its == own && other < t);
          }
          size_t kept = is_asha ? n_compared : group.n;
          for (int64_t i = 0; i <= (is_asha ? 0 : rung - group.rungs.begin()); ++i) {
            kept /= static_cast<size_t>(policy.reduction_factor);
          }
          if (n_better >= std::max<size_t>(kept, 1)) after[t].state = TrialState::kStopped;
        }
      }
    }
    trials = after;
  }
}

/// `n` curves of up to `longest` values of a grid, a few with a NaN; one of full length.
Curves random_curves(int64_t n, int64_t longest, std::mt19937& random) {
  Curves curves;
  for (int64_t i = 0; i < n; ++i) {
    Curve curve(i == 0 || random() % 3 ? static_cast<size_t>(longest) : 1 + random() % static_cast<size_t>(longest));
    for (double& metric : curve) metric = static_cast<double>(random() % 12) - 6;
    if (random() % 12 == 0) curve[random() % curve.size()] = std::nan("");
    curves.push_back(curve);
  }
  return curves;
}

TEST(SweepRungs, AgreeWithAPlainReferenceOnRandomSweeps) {
  std::mt19937 random(3);
  int64_t n_stopped = 0;
  for (const PolicyKind kind : {PolicyKind::kSuccessiveHalving, PolicyKind::kHyperband, PolicyKind::kAsha}) {
    for (int i = 0; i < 300; ++i) {
      const Goal goal = random() % 2 ? Goal::kMaximize : Goal::kMinimize;
      const int64_t slots = kind == PolicyKind::kAsha ? static_cast<int64_t>(random() % 20) : 27 + static_cast<int64_t>(random() % 20);
      SweepSpec spec = rung_spec(kind, slots, goal);
      EarlyTermination& policy = spec.early_termination;
      policy.reduction_factor = 2 + static_cast<int64_t>(random() % 3);
      policy.min_resource = 1 + static_cast<int64_t>(random() % 2);
      if (kind == PolicyKind::kSuccessiveHalving && random() % 2) policy.bracket_size = 2 + static_cast<int64_t>(random() % 26);
      if (kind == PolicyKind::kHyperband && random() % 2) policy.max_resource = 9 + static_cast<int64_t>(random() % 10);
      if (kind == PolicyKind::kAsha) policy.min_early_stopping_rate = static_cast<int64_t>(random() % 2);
      const Curves curves = random_curves(1 + static_cast<int64_t>(random() % 120), 9 + static_cast<int64_t>(random() % 12), random);
      const std::vector<End> expected = simulate(spec, curves);
      FakeExecutor executor(curves);
      RecordingObserver observer;
      const SweepResult result = run_loop(spec, executor, static_cast<int64_t>(curves.size()), {&observer});
      for (size_t t = 0; t < curves.size(); ++t) {
        const TrialEnd& end = observer.ends.at(static_cast<int64_t>(t));
        ASSERT_EQ(end.state, expected[t].state) << static_cast<int>(kind) << ", sweep " << i << ", trial " << t;
        ASSERT_EQ(end.interval, expected[t].interval) << static_cast<int>(kind) << ", sweep " << i << ", trial " << t;
        n_stopped += end.state == TrialState::kStopped;
      }
      for (const IntervalReport& report : observer.reports) {
        for (const int64_t trial : report.started) {
          ASSERT_EQ(report.tick, expected[static_cast<size_t>(trial)].start_tick) << "trial " << trial;
        }
      }
      EXPECT_EQ(result.end, SweepEnd::kCompleted);
      EXPECT_LE(executor.max_running, slots > 0 ? static_cast<size_t>(slots) : curves.size());
    }
  }
  EXPECT_GT(n_stopped, 10'000);  // it was about something
}

/// Trial i reports i at every interval.
Curves steady_curves(int64_t n, int64_t n_intervals) {
  Curves curves;
  for (int64_t i = 0; i < n; ++i) curves.emplace_back(static_cast<size_t>(n_intervals), static_cast<double>(i));
  return curves;
}

TEST(SweepRungs, HyperbandLeavesThePublishedNumbersAtEachRung) {
  FakeExecutor executor(steady_curves(143 * 2, 81));
  RecordingObserver observer;
  const SweepResult result = run_loop(rung_spec(PolicyKind::kHyperband), executor, 143 * 2, {&observer});
  // Twice through the brackets; who goes on after 1, 3, 9, 27 (Li et al. 2018, table 1).
  const std::map<int64_t, std::vector<int64_t>> kTable = {
      {0, {27, 9, 3, 1}}, {81, {34, 11, 3, 1}}, {115, {15, 15, 5, 1}}, {130, {8, 8, 8, 2}}, {138, {5, 5, 5, 5}}};
  for (const int64_t cycle : {0, 143}) {
    for (auto bracket = kTable.begin(); bracket != kTable.end(); ++bracket) {
      const int64_t first = cycle + bracket->first;
      const int64_t end = cycle + (std::next(bracket) == kTable.end() ? 143 : std::next(bracket)->first);
      for (size_t rung = 0; rung < 4; ++rung) {
        int64_t beyond = 0;
        for (int64_t trial = first; trial < end; ++trial) beyond += observer.ends.at(trial).interval > std::pow(3, rung);
        EXPECT_EQ(beyond, bracket->second[rung]) << "bracket at " << first << ", rung " << rung;
      }
    }
  }
  EXPECT_EQ(result.progress.n_stopped + result.progress.n_finished, 286);
  EXPECT_EQ(result.progress.n_finished, 2 * (1 + 1 + 1 + 2 + 5));
}

TEST(SweepRungs, ABracketStartsWhenAllOfItFits) {
  SweepSpec spec = rung_spec(PolicyKind::kSuccessiveHalving, 6);
  spec.early_termination.bracket_size = 4;
  FakeExecutor executor(steady_curves(10, 9));
  RecordingObserver observer;
  run_loop(spec, executor, 10, {&observer});
  std::vector<std::pair<int64_t, std::vector<int64_t>>> starts;
  for (const IntervalReport& report : observer.reports) {
    if (!report.started.empty()) starts.emplace_back(report.tick, report.started);
  }
  // 4 of 6 slots are taken at first, and 3 of these are free after interval 1. The last bracket is cut to 2.
  const std::vector<std::pair<int64_t, std::vector<int64_t>>> expected = {
      {1, {0, 1, 2, 3}}, {2, {4, 5, 6, 7}}, {3, {8, 9}}};
  EXPECT_EQ(starts, expected);
}

TEST(SweepRungs, AshaStopsWithFewSlotsAndGivesThemOn) {
  FakeExecutor executor(steady_curves(100, 27));
  const SweepResult result = run_loop(rung_spec(PolicyKind::kAsha, 4), executor, 100);
  EXPECT_EQ(result.progress.n_stopped + result.progress.n_finished, 100);
  EXPECT_EQ(result.best.trial, 99);
  EXPECT_EQ(executor.max_running, 4u);
}

TEST(SweepRungs, SayWhyATrialWasStopped) {
  FakeExecutor executor(steady_curves(9, 9));
  RecordingObserver observer;
  run_loop(rung_spec(PolicyKind::kSuccessiveHalving), executor, 9, {&observer});
  EXPECT_EQ(observer.ends.at(5).reason, "successive_halving at interval 1: 5 is not among the best 3 of 9, down to 6");
  EXPECT_EQ(observer.ends.at(7).reason, "successive_halving at interval 3: 7 is not the best of 3, which is 8");
  EXPECT_EQ(observer.ends.at(7).threshold, 8);
  EXPECT_EQ(observer.ends.at(8).state, TrialState::kFinished);
}

TEST(SweepRungs, AreRefusedBeforeTraining) {
  SweepSpec spec = rung_spec(PolicyKind::kSuccessiveHalving, 5);
  spec.file = "s.yml";
  spec.early_termination.bracket_size = 6;
  FakeExecutor executor(steady_curves(10, 9));
  EXPECT_EQ(message_of<InputError>([&] { run_loop(spec, executor, 10); }),
            "s.yml: early_termination.bracket_size: a bracket has 6 trials, and 5 can train at once; write at most 5, or raise "
            "limits.max_concurrent_trials");
  spec.early_termination.where = {"s.yml", 7, 1};
  spec.limits.max_concurrent_trials = 0;
  executor.max_trials = 4;  // memory takes no more
  expect_start(message_of<InputError>([&] { run_loop(spec, executor, 10); }),
               "s.yml:7: early_termination.bracket_size: a bracket has 6 trials, and 4 can train at once;");
  EXPECT_TRUE(executor.started.empty());
}

}  // namespace
}  // namespace lockstep
