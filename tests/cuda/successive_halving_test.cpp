// Successive halving and Hyperband: their rules one by one, then against plain std:: code on random brackets.
#include <map>
#include <optional>

#include "cuda/policy_test.h"

namespace lockstep::test {
namespace {

struct Kind {
  int64_t size;
  int64_t first_rung;
  int64_t n_rungs;
};

BracketPlan plan_of(int64_t n_trials, int64_t eta, const std::vector<Kind>& kinds) {
  BracketPlan plan{n_trials, eta};
  for (const Kind& kind : kinds) {
    plan.size[plan.n_kinds] = kind.size;
    plan.first_rung[plan.n_kinds] = kind.first_rung;
    plan.n_rungs[plan.n_kinds++] = kind.n_rungs;
  }
  return plan;
}

struct Member {
  int64_t first;  ///< row of its bracket
  int64_t n;      ///< trials of its bracket
  int64_t kind;
};

/// Bracket after bracket, counted out.
std::vector<Member> members_of(const BracketPlan& plan) {
  std::vector<Member> members;
  for (int64_t kind = 0; static_cast<int64_t>(members.size()) < plan.n_trials; kind = (kind + 1) % plan.n_kinds) {
    const int64_t first = static_cast<int64_t>(members.size());
    const int64_t n = std::min(plan.size[kind], plan.n_trials - first);
    members.insert(members.end(), n, {first, n, kind});
  }
  return members;
}

/// How many of a bracket of `n` go on after interval `age`; nothing when that is no rung.
std::optional<int64_t> n_kept_at(const BracketPlan& plan, const Member& member, int64_t age) {
  int64_t rung = plan.first_rung[member.kind], n = member.n;
  for (int64_t i = 0; i < plan.n_rungs[member.kind] && rung <= age; ++i, rung *= plan.reduction_factor) {
    n /= plan.reduction_factor;
    if (rung == age) return std::max<int64_t>(n, 1);
  }
  return std::nullopt;
}

/// What has to be decided of every slot: (decision, threshold, n_compared, n_kept), the rule by its words.
struct Expected {
  Decision decision = Decision::kContinue;
  double threshold = 0;
  int32_t n_compared = 0;
  int32_t n_kept = 0;
};

std::vector<Expected> reference(Goal goal, const BracketPlan& plan, const Sweep& before) {
  const auto members = members_of(plan);
  std::map<int64_t, std::vector<std::pair<double, int64_t>>> there;  // by bracket
  for (size_t slot = 0; slot < before.slot_trial.size(); ++slot) {
    const int64_t trial = before.slot_trial[slot];
    if (trial >= 0) there[members[trial].first].emplace_back(score_of_metric(goal, before.metrics[slot]), trial);
  }
  for (auto& [first, ranked] : there) sort_by_rank(ranked);
  std::vector<Expected> expected(before.slot_trial.size());
  for (size_t slot = 0; slot < before.slot_trial.size(); ++slot) {
    const int64_t trial = before.slot_trial[slot];
    if (trial < 0) continue;
    const int64_t age = before.history.n_reported[trial] + 1;
    const auto& ranked = there[members[trial].first];
    const auto n_kept = n_kept_at(plan, members[trial], age);
    const double score = score_of_metric(goal, before.metrics[slot]);
    Expected& one = expected[slot];
    if (std::isinf(score)) {
      one.decision = Decision::kDiverge;
    } else if (age >= before.n_intervals[trial]) {
      one.decision = Decision::kFinish;
    } else if (n_kept && ranked.size() > 1) {
      one.n_compared = static_cast<int32_t>(ranked.size());
      one.n_kept = std::min(one.n_compared, static_cast<int32_t>(*n_kept));
      const double last = ranked[one.n_kept - 1].first;
      one.threshold = goal == Goal::kMaximize ? last : 0.0 - last;
      const auto place = std::find(ranked.begin(), ranked.end(), std::pair(score, trial)) - ranked.begin();
      if (place >= one.n_kept) one.decision = Decision::kStop;
    }
  }
  return expected;
}

class SuccessiveHalving : public PolicyTest {
 protected:
  SuccessiveHalving() : PolicyTest({PolicyKind::kSuccessiveHalving}) {}

  /// Trials in the slots of their own number that have trained `age` - 1 intervals and now report `metrics`.
  static Sweep sweep_of(const std::vector<double>& metrics, int64_t age = 1) {
    const int64_t n = static_cast<int64_t>(metrics.size());
    std::vector<int64_t> slots(n);
    std::iota(slots.begin(), slots.end(), 0);
    Sweep sweep(History(n, 100), slots);
    sweep.history.n_reported.assign(n, static_cast<int32_t>(age - 1));
    sweep.metrics = metrics;
    return sweep;
  }
  Sweep decide(const Sweep& sweep, const BracketPlan& plan, Goal goal = Goal::kMaximize) {
    return decide_on(*backend_, context_, goal, policy_, sweep, 0, &plan);
  }
  /// c: goes on, s: stopped, f: finished, d: diverged, -: was empty.
  static std::string letters(const Sweep& sweep) {
    std::string text;
    for (const Event& event : sweep.events) text += event.trial < 0 ? '-' : "csfdax"[static_cast<int>(event.decision)];
    return text;
  }
};
LOCKSTEP_EVERY_BACKEND(SuccessiveHalving);

TEST_P(SuccessiveHalving, ExactlyOneInEtaGoesOn) {
  const auto plan = plan_of(9, 3, {{9, 1, 99}});
  const Sweep sweep = decide(sweep_of({1, 2, 3, 4, 5, 6, 7, 8, 9}), plan);
  EXPECT_EQ(letters(sweep), "ssssssccc");
  expect_verdict(sweep.events[5].verdict, true, 6, 7);
  expect_verdict(sweep.events[6].verdict, false, 7, 7);
  EXPECT_EQ(sweep.events[5].verdict.n_compared, 9);
  EXPECT_EQ(sweep.events[5].verdict.n_kept, 3);
  EXPECT_EQ(letters(decide(sweep_of({1, 2, 3, 4, 5, 6, 7, 8, 9}), plan, Goal::kMinimize)), "cccssssss");
}

TEST_P(SuccessiveHalving, CountsFromTheBracketsOwnSize) {
  // 3 are left of 9, at the second rung: one goes on. At the third floor(9 / 27) is 0, and one goes on all the same.
  Sweep sweep = sweep_of({5, 6, 7, 0, 0, 0, 0, 0, 0}, 3);
  for (int64_t slot = 3; slot < 9; ++slot) sweep.slot_trial[slot] = -1;
  EXPECT_EQ(letters(decide(sweep, plan_of(9, 3, {{9, 1, 99}}))), "ssc------");
  sweep.history.n_reported.assign(9, 8);
  EXPECT_EQ(letters(decide(sweep, plan_of(9, 3, {{9, 1, 99}}))), "ssc------");
}

TEST_P(SuccessiveHalving, ActsAtItsRungsAlone) {
  for (int64_t age = 1; age <= 60; ++age) {
    const bool acts = age == 2 || age == 6 || age == 18 || age == 54;
    EXPECT_EQ(letters(decide(sweep_of({1, 2, 3}, age), plan_of(3, 3, {{3, 2, 99}}))), acts ? "ssc" : "ccc") << age;
    const bool acts_twice = age == 2 || age == 6;
    EXPECT_EQ(letters(decide(sweep_of({1, 2, 3}, age), plan_of(3, 3, {{3, 2, 2}}))), acts_twice ? "ssc" : "ccc") << age;
    EXPECT_EQ(letters(decide(sweep_of({1, 2, 3}, age), plan_of(3, 3, {{3, 2, 0}}))), "ccc") << age;
  }
}

TEST_P(SuccessiveHalving, ComparesWithinABracketAlone) {
  // Brackets of 3 and 2 in turn; the sweep cuts the last one to 1.
  const auto plan = plan_of(9, 2, {{3, 1, 9}, {2, 1, 9}});
  EXPECT_EQ(letters(decide(sweep_of({1, 2, 3, 9, 8, 3, 2, 1, 0}), plan)), "ssccscssc");
}

TEST_P(SuccessiveHalving, KindsOfBracketsHaveTheirOwnRungs) {
  const auto plan = plan_of(10, 2, {{3, 1, 9}, {2, 2, 9}});
  EXPECT_EQ(letters(decide(sweep_of({1, 2, 3, 9, 8, 3, 2, 1, 0, 1}, 1), plan)), "ssccccsscc");
  EXPECT_EQ(letters(decide(sweep_of({1, 2, 3, 9, 8, 3, 2, 1, 0, 1}, 2), plan)), "ssccscsssc");
}

TEST_P(SuccessiveHalving, TiesGoToTheLowerId) {
  EXPECT_EQ(letters(decide(sweep_of({5, 5, 5, 5}), plan_of(4, 2, {{4, 1, 9}}))), "ccss");
  Sweep crossed = sweep_of({5, 5, 5, 5});
  crossed.slot_trial = {3, 2, 1, 0};
  EXPECT_EQ(letters(decide(crossed, plan_of(4, 2, {{4, 1, 9}}))), "sscc");
}

TEST_P(SuccessiveHalving, ThoseThatEndAtTheRungCountAmongTheRanked) {
  Sweep sweep = sweep_of({9, std::nan(""), 7, 8});
  sweep.n_intervals[0] = 1;
  EXPECT_EQ(letters(decide(sweep, plan_of(4, 2, {{4, 1, 9}}))), "fdsc");
  sweep.metrics = {std::nan(""), kInf, -kInf, 8};
  EXPECT_EQ(letters(decide(sweep, plan_of(4, 2, {{4, 1, 9}}))), "dddc");
}

TEST_P(SuccessiveHalving, JudgesNobodyAlone) {
  const Sweep sweep = decide(sweep_of({5}), plan_of(1, 2, {{4, 1, 9}}));
  EXPECT_EQ(letters(sweep), "c");
  EXPECT_EQ(sweep.events[0].verdict.judged, 0);
}

TEST_P(SuccessiveHalving, RefusesToWorkWithoutBrackets) {
  const auto no_kinds = plan_of(3, 2, {});
  EXPECT_THROW(decide(sweep_of({1, 2, 3}), no_kinds), DeviceError);
  EXPECT_THROW(decide_on(*backend_, context_, Goal::kMaximize, policy_, sweep_of({1, 2, 3})), DeviceError);
  EXPECT_THROW(decide(sweep_of({1, 2, 3}), plan_of(3, 1, {{3, 1, 9}})), DeviceError);
}

TEST_P(SuccessiveHalving, EqualsThePlainRuleOnRandomBrackets) {
  Random random(5);
  const int64_t n_sweeps = pick(6000, 60);
  std::map<Decision, int64_t> counts;
  int64_t n_alone = 0;
  for (int64_t s = 0; s < n_sweeps; ++s) {
    const Goal goal = below(random, 2) ? Goal::kMaximize : Goal::kMinimize;
    const int64_t eta = 2 + below(random, 3);
    std::vector<Kind> kinds(1 + below(random, 4));
    for (Kind& kind : kinds) kind = {1 + below(random, 12), 1 + below(random, 3), below(random, 4)};
    const int64_t n = 1 + below(random, 50);
    const auto plan = plan_of(n, eta, kinds);
    const auto members = members_of(plan);
    // A grid makes ties; now and then everybody is equal.
    const int64_t n_values = std::vector<int64_t>{1, 4, 1'000'000}[below(random, 3)];
    std::map<int64_t, int64_t> ages;  // by bracket
    std::vector<int64_t> slots;
    for (int64_t trial = 0; trial < n; ++trial) {
      ages.emplace(members[trial].first, 1 + below(random, 12));
      slots.push_back(below(random, 4) ? trial : -1);
    }
    std::shuffle(slots.begin(), slots.end(), random);
    Sweep sweep(History(n, 16), slots);
    for (int64_t trial = 0; trial < n; ++trial) {
      const int64_t age = ages[members[trial].first];
      sweep.history.n_reported[trial] = static_cast<int32_t>(age - 1);
      sweep.n_intervals[trial] = static_cast<int32_t>(age + below(random, 6));
    }
    for (size_t slot = 0; slot < slots.size(); ++slot) {
      if (slots[slot] < 0) continue;
      sweep.metrics[slot] = static_cast<double>(below(random, n_values)) - static_cast<double>(n_values) / 2;
      if (below(random, 25) == 0) sweep.metrics[slot] = std::vector<double>{std::nan(""), kInf, -kInf}[below(random, 3)];
    }
    policy_.kind = kinds.size() > 1 ? PolicyKind::kHyperband : PolicyKind::kSuccessiveHalving;
    const Sweep after = decide(sweep, plan, goal);
    const auto expected = reference(goal, plan, sweep);
    for (size_t slot = 0; slot < slots.size(); ++slot) {
      if (slots[slot] < 0) continue;
      const auto where = [&] { return "sweep " + std::to_string(s) + ", slot " + std::to_string(slot); };
      const Event& event = after.events[slot];
      ASSERT_EQ(event.decision, expected[slot].decision) << where();
      ASSERT_EQ(event.verdict.judged, expected[slot].n_compared > 0) << where();
      ASSERT_EQ(event.verdict.stop, event.decision == Decision::kStop) << where();
      ASSERT_EQ(event.verdict.n_compared, expected[slot].n_compared) << where();
      ASSERT_EQ(event.verdict.n_kept, expected[slot].n_kept) << where();
      ASSERT_EQ(event.verdict.threshold, expected[slot].threshold) << where();
      if (event.verdict.judged) {
        ASSERT_EQ(event.verdict.value, sweep.metrics[slot]) << where();
      } else {
        ++n_alone;
      }
      ++counts[event.decision];
    }
  }
  for (const Decision decision : {Decision::kContinue, Decision::kStop, Decision::kFinish, Decision::kDiverge}) {
    EXPECT_GT(counts[decision], n_sweeps / 8) << static_cast<int>(decision);
  }
  EXPECT_GT(n_alone, n_sweeps);
}

}  // namespace
}  // namespace lockstep::test
