// The brackets of successive halving and Hyperband, and the sweeps that a policy cannot work in.
#include <algorithm>
#include <functional>
#include <limits>
#include <numeric>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "core/brackets.h"
#include "core/message.h"

namespace lockstep {
namespace {

using Numbers = std::vector<int64_t>;

EarlyTermination policy_of(PolicyKind kind, const std::function<void(EarlyTermination&)>& change = {}) {
  EarlyTermination policy;
  policy.kind = kind;
  if (change) change(policy);
  return policy;
}

std::string refusal(const EarlyTermination& policy, const SweepSize& size) {
  return message_of<InputError>([&] { plan_brackets(policy, size); });
}

Numbers sizes(const BracketPlan& plan) { return Numbers(plan.size, plan.size + plan.n_kinds); }
Numbers first_rungs(const BracketPlan& plan) { return Numbers(plan.first_rung, plan.first_rung + plan.n_kinds); }
Numbers n_rungs(const BracketPlan& plan) { return Numbers(plan.n_rungs, plan.n_rungs + plan.n_kinds); }

TEST(Brackets, AreHyperbandsPublishedOnes) {
  // Li, Jamieson, DeSalvo, Rostamizadeh, Talwalkar: Hyperband (JMLR 18, 2018), table 1: R = 81, eta = 3.
  const auto plan = plan_brackets(policy_of(PolicyKind::kHyperband), {1000, 1000, 81});
  ASSERT_TRUE(plan);
  EXPECT_EQ(sizes(*plan), (Numbers{81, 34, 15, 8, 5}));
  EXPECT_EQ(first_rungs(*plan), (Numbers{1, 3, 9, 27, 81}));
  EXPECT_EQ(n_rungs(*plan), (Numbers{4, 3, 2, 1, 0}));
  EXPECT_EQ(plan->n_trials, 1000);
  EXPECT_EQ(plan->reduction_factor, 3);
}

TEST(Brackets, OfHyperbandFollowItsFormulaForEveryResource) {
  for (int64_t eta = 2; eta <= 5; ++eta) {
    for (int64_t least = 1; least <= 7; ++least) {
      for (int64_t most = least * eta; most <= 300; ++most) {
        const auto plan = plan_brackets(policy_of(PolicyKind::kHyperband,
                                                  [&](auto& policy) {
                                                    policy.reduction_factor = eta;
                                                    policy.min_resource = least;
                                                    policy.max_resource = most;
                                                  }),
                                        {1'000'000, 1'000'000, 300});
        int64_t s_max = 0;
        for (int64_t power = eta; least * power <= most; power *= eta) ++s_max;
        ASSERT_EQ(plan->n_kinds, s_max + 1);
        for (int64_t kind = 0; kind <= s_max; ++kind) {
          const int64_t s = s_max - kind;
          int64_t power = 1;
          for (int64_t i = 0; i < s; ++i) power *= eta;
          int64_t n = 0;  // the least with n * (s + 1) >= (s_max + 1) * eta^s
          while (n * (s + 1) < (s_max + 1) * power) ++n;
          ASSERT_EQ(plan->size[kind], n) << eta << " " << least << " " << most << " " << s;
          ASSERT_EQ(plan->first_rung[kind], most / power);
          ASSERT_GE(plan->first_rung[kind], least);
          ASSERT_EQ(plan->n_rungs[kind], s);
          ASSERT_LE(n, plan->size[0]);
        }
      }
    }
  }
}

TEST(Brackets, EndWithTheTrials) {
  const auto plan = plan_brackets(policy_of(PolicyKind::kHyperband), {100, 81, 81});
  EXPECT_EQ(sizes(*plan), (Numbers{81, 34}));
  EXPECT_EQ(sizes(*plan_brackets(policy_of(PolicyKind::kHyperband), {50, 50, 81})), Numbers{50});
  // 3^38 and more: cut to the trials that there are.
  const auto huge = plan_brackets(policy_of(PolicyKind::kHyperband), {7, 7, std::numeric_limits<int64_t>::max()});
  EXPECT_EQ(sizes(*huge), Numbers{7});
  EXPECT_EQ(first_rungs(*huge), Numbers{std::numeric_limits<int64_t>::max() / 4052555153018976267});  // 3^39
}

TEST(Brackets, OfTheLargestSweepFitThePlan) {
  for (const int64_t n : {524'287, 524'288, 1'000'000}) {
    const auto plan = plan_brackets(policy_of(PolicyKind::kHyperband, [](auto& policy) { policy.reduction_factor = 2; }),
                                    {n, 1'000'000, int64_t{1} << 19});
    EXPECT_LE(plan->n_kinds, BracketPlan::kMaxKinds);
    EXPECT_GE(std::reduce(plan->size, plan->size + plan->n_kinds), std::min<int64_t>(n, 524'288));
  }
}

TEST(Brackets, OfSuccessiveHalvingAreAsLargeAsAskedOrAsTrainsAtOnce) {
  const auto policy = policy_of(PolicyKind::kSuccessiveHalving, [](auto& wanted) { wanted.min_resource = 2; });
  const auto plan = plan_brackets(policy, {100, 20, 30});
  EXPECT_EQ(sizes(*plan), Numbers{20});
  EXPECT_EQ(first_rungs(*plan), Numbers{2});
  EXPECT_EQ(sizes(*plan_brackets(policy, {100, 1'000'000, 30})), Numbers{100});
  const auto nine = policy_of(PolicyKind::kSuccessiveHalving, [](auto& wanted) { wanted.bracket_size = 9; });
  EXPECT_EQ(sizes(*plan_brackets(nine, {100, 20, 30})), Numbers{9});
  EXPECT_EQ(sizes(*plan_brackets(nine, {5, 5, 30})), Numbers{5});
}

TEST(Brackets, AreNotForOtherPolicies) {
  for (const PolicyKind kind : {PolicyKind::kNone, PolicyKind::kMedianStopping, PolicyKind::kBandit,
                                PolicyKind::kTruncationSelection, PolicyKind::kAsha, PolicyKind::kPbt}) {
    EXPECT_FALSE(plan_brackets(policy_of(kind), {100, 20, 30}));
  }
  EXPECT_FALSE(plan_brackets(policy_of(PolicyKind::kHyperband), {0, 20, 0}));
}

TEST(Brackets, ThatHaveNoPlaceAreRefused) {
  EXPECT_EQ(refusal(policy_of(PolicyKind::kSuccessiveHalving, [](auto& policy) { policy.bracket_size = 64; }), {100, 20, 30}),
            "bracket_size: a bracket has 64 trials, and 20 can train at once; write at most 20, or raise "
            "limits.max_concurrent_trials");
  EXPECT_EQ(refusal(policy_of(PolicyKind::kSuccessiveHalving), {100, 1, 30}),
            "a bracket has 1 trial, which nobody is compared with; raise limits.max_concurrent_trials to 2 or more");
  EXPECT_EQ(refusal(policy_of(PolicyKind::kHyperband), {1000, 50, 81}),
            "min_resource: the largest bracket has 81 trials, and 50 can train at once; raise limits.max_concurrent_trials "
            "to 81, or write 'min_resource: 2' for brackets of at most 27 trials");
  EXPECT_EQ(refusal(policy_of(PolicyKind::kHyperband), {1000, 2, 81}),
            "min_resource: the largest bracket has 81 trials, and 2 can train at once; raise limits.max_concurrent_trials "
            "to 81");
}

TEST(Brackets, TheCureForOneTooLargeIsOne) {
  for (const int64_t slots : {3, 8, 9, 26, 27, 80}) {
    for (const int64_t intervals : {81, 100, 242}) {
      const std::string message = refusal(policy_of(PolicyKind::kHyperband), {1000, slots, intervals});
      const size_t at = message.find("'min_resource: ");
      ASSERT_NE(at, std::string::npos) << message;
      const int64_t least = std::stoll(message.substr(at + 15));
      const auto with_least = [](int64_t value) {
        return policy_of(PolicyKind::kHyperband, [&](auto& policy) { policy.min_resource = value; });
      };
      EXPECT_LE(plan_brackets(with_least(least), {1000, slots, intervals})->size[0], slots);
      if (least > 1) {
        EXPECT_NE(refusal(with_least(least - 1), {1000, slots, intervals}), "");
      }
    }
  }
}

TEST(Brackets, WithoutARungAreRefused) {
  const auto late = [](PolicyKind kind) { return policy_of(kind, [](auto& policy) { policy.min_resource = 10; }); };
  for (const PolicyKind kind : {PolicyKind::kSuccessiveHalving, PolicyKind::kAsha}) {
    EXPECT_EQ(refusal(late(kind), {100, 20, 10}),
              "min_resource: the first rung is at interval 10, and a trial's last interval, 10, ends it anyway; set the "
              "first rung below 10, or train more intervals");
    EXPECT_NO_THROW(plan_brackets(late(kind), {100, 20, 11}));
  }
  EXPECT_EQ(refusal(policy_of(PolicyKind::kSuccessiveHalving), {100, 20, 1}),
            "min_resource: the first rung is at interval 1, and a trial's only interval ends it anyway; train more intervals, "
            "or remove the policy");
  const auto rate = policy_of(PolicyKind::kAsha, [](auto& policy) { policy.min_early_stopping_rate = 100; });
  expect_start(refusal(rate, {100, 20, 10}),
               "min_early_stopping_rate: the first rung is at interval 9223372036854775807, and");
  EXPECT_EQ(refusal(late(PolicyKind::kHyperband), {100, 20, 20}),
            "min_resource: there is no rung between min_resource 10 and the last interval, 20; leave a factor of 3, the "
            "reduction_factor, or more between them");
  EXPECT_EQ(refusal(policy_of(PolicyKind::kHyperband, [](auto& policy) { policy.max_resource = 2; }), {100, 20, 20}),
            "max_resource: there is no rung between min_resource 1 and max_resource 2; leave a factor of 3, the "
            "reduction_factor, or more between them");
  expect_start(refusal(policy_of(PolicyKind::kHyperband,
                                 [](auto& policy) {
                                   policy.min_resource = 30;
                                   policy.max_resource = 90;
                                 }),
                       {100, 20, 20}),
               "max_resource: the first rung is at interval 30, and");
}

TEST(Brackets, APopulationOfFewerThanTwoIsRefused) {
  const auto pbt = policy_of(PolicyKind::kPbt);
  EXPECT_EQ(refusal(pbt, {100, 1, 30}),
            "pbt needs a population, and 1 trial trains at a time; raise limits.max_concurrent_trials");
  EXPECT_EQ(refusal(pbt, {1, 20, 30}), "pbt needs a population, and 1 trial trains at a time; raise limits.max_total_trials");
  EXPECT_EQ(refusal(pbt, {100, 3, 30}),
            "quantile_fraction: is less than one of the 3 trials that train at once; write 0.5, or train more trials at once");
  EXPECT_NO_THROW(plan_brackets(pbt, {100, 4, 30}));
}

TEST(PolicyDescription, IsOneLine) {
  EXPECT_EQ(describe_policy(policy_of(PolicyKind::kNone), {100, 20, 30}), "");
  EXPECT_EQ(describe_policy(policy_of(PolicyKind::kHyperband), {1000, 1000, 81}),
            "hyperband: brackets of 81, 34, 15, 8 and 5 trials in turn, with first rungs at intervals 1, 3, 9, 27 and none; "
            "1 in 3 goes on at each");
  EXPECT_EQ(describe_policy(policy_of(PolicyKind::kSuccessiveHalving), {100, 20, 30}),
            "successive_halving: brackets of 20 trials, with rungs at intervals 1, 3, 9 and 27; 1 in 3 goes on at each");
  EXPECT_EQ(describe_policy(policy_of(PolicyKind::kAsha, [](auto& policy) { policy.min_early_stopping_rate = 2; }), {9, 9, 12}),
            "asha: a rung at interval 9; 1 in 3 goes on");
  const auto late = [](auto& policy) {
    policy.evaluation_interval = 5;
    policy.delay_evaluation = 6;
  };
  EXPECT_EQ(describe_policy(policy_of(PolicyKind::kPbt, late), {100, 20, 30}),
            "pbt: every 5 intervals from 10 on, the worst 25 % of those of equal age take over from the best");
  EXPECT_EQ(describe_policy(policy_of(PolicyKind::kMedianStopping), {100, 20, 30}),
            "median_stopping: every interval from 1 on");
  const auto never = [](auto& policy) { policy.evaluation_interval = std::numeric_limits<int64_t>::max(); };
  EXPECT_EQ(describe_policy(policy_of(PolicyKind::kMedianStopping, never), {100, 20, 30}),
            "median_stopping: every 9223372036854775807 intervals from 9223372036854775807 on");
}

}  // namespace
}  // namespace lockstep
