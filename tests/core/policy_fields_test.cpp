// The fields of the policies beyond the reference: what they are read as, and what is refused.
#include <functional>

#include <gtest/gtest.h>
#include <lockstep/sweep_spec.h>

#include "core/early_termination.h"
#include "core/message.h"

namespace lockstep {
namespace {

EarlyTermination policy_of(const std::string& block) { return parse_policy(block, "p.yml").early_termination; }

std::string refusal(const std::string& block) {
  return message_of<InputError>([&] { policy_of(block); });
}

TEST(PolicyFields, HaveTheirDefaults) {
  const EarlyTermination halving = policy_of("type: successive_halving\n");
  EXPECT_EQ(halving.kind, PolicyKind::kSuccessiveHalving);
  EXPECT_EQ(halving.reduction_factor, 3);
  EXPECT_EQ(halving.min_resource, 1);
  EXPECT_EQ(halving.bracket_size, std::nullopt);
  const EarlyTermination hyperband = policy_of("type: hyperband\n");
  EXPECT_EQ(hyperband.kind, PolicyKind::kHyperband);
  EXPECT_EQ(hyperband.max_resource, std::nullopt);
  const EarlyTermination asha = policy_of("type: asha\n");
  EXPECT_EQ(asha.kind, PolicyKind::kAsha);
  EXPECT_EQ(asha.min_early_stopping_rate, 0);
  const EarlyTermination pbt = policy_of("type: pbt\n");
  EXPECT_EQ(pbt.kind, PolicyKind::kPbt);
  EXPECT_EQ(pbt.quantile_fraction, 0.25);
  EXPECT_EQ(pbt.resample_probability, 0.25);
  EXPECT_EQ(pbt.perturbation_factors, (std::array<double, 2>{0.8, 1.2}));
}

TEST(PolicyFields, AreRead) {
  const EarlyTermination halving =
      policy_of("type: successive_halving\nreduction_factor: 4\nmin_resource: 2\nbracket_size: 64\n");
  EXPECT_EQ(halving.reduction_factor, 4);
  EXPECT_EQ(halving.min_resource, 2);
  EXPECT_EQ(halving.bracket_size, 64);
  EXPECT_EQ(policy_of("{type: hyperband, min_resource: 3, max_resource: 81}").max_resource, 81);
  EXPECT_EQ(policy_of("{type: asha, min_early_stopping_rate: 2}").min_early_stopping_rate, 2);
  const EarlyTermination pbt =
      policy_of("type: pbt\nevaluation_interval: 5\ndelay_evaluation: 10\nquantile_fraction: 0.5\n"
                "resample_probability: 0\nperturbation_factors: [0.5, 2]\n");
  EXPECT_EQ(pbt.evaluation_interval, 5);
  EXPECT_EQ(pbt.delay_evaluation, 10);
  EXPECT_EQ(pbt.quantile_fraction, 0.5);
  EXPECT_EQ(pbt.resample_probability, 0);
  EXPECT_EQ(pbt.perturbation_factors, (std::array<double, 2>{0.5, 2}));
}

TEST(PolicyFields, OutOfRangeAreRefusedAtTheirLine) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"type: asha\nreduction_factor: 1\n", "p.yml:2: reduction_factor: 1 is too small; write 2 to 1000000"},
      {"type: asha\nreduction_factor: 2.5\n", "p.yml:2: reduction_factor: found number 2.5 where an integer"},
      {"type: asha\nmin_resource: 0\n", "p.yml:2: min_resource: 0 is too small; write at least 1"},
      {"type: asha\nmin_early_stopping_rate: -1\n",
       "p.yml:2: min_early_stopping_rate: -1 is too small; write at least 0"},
      {"type: successive_halving\nbracket_size: 1\n",
       "p.yml:2: bracket_size: 1 is too small; write at least 2"},
      {"type: hyperband\nmin_resource: 9\nmax_resource: 8\n",
       "p.yml:3: max_resource: 8 is below min_resource 9; write at least 9: the intervals"},
      {"type: pbt\nquantile_fraction: 0\n", "p.yml:2: quantile_fraction: is not in (0, 0.5]; write a part"},
      {"type: pbt\nquantile_fraction: 0.6\n", "p.yml:2: quantile_fraction: is not in (0, 0.5]; write a part"},
      {"type: pbt\nquantile_fraction: .nan\n", "p.yml:2: quantile_fraction: is not in (0, 0.5]; write"},
      {"type: pbt\nresample_probability: 1.5\n", "p.yml:2: resample_probability: is not in [0, 1]; write"},
      {"type: pbt\nperturbation_factors: [0, 1.2]\n",
       "p.yml:2: perturbation_factors: are not both above 0 and finite; write two factors"},
      {"type: pbt\nperturbation_factors: [1.2]\n",
       "p.yml:2: perturbation_factors: is not a list of two numbers; write two factors, such as [0.8"},
      {"type: pbt\nperturbation_factors: [0.8, big]\n",
       "p.yml:2: perturbation_factors[1]: found text \"big\" where a number belongs;"},
  };
  for (const auto& [block, message] : cases) expect_start(refusal(block), message);
}

TEST(PolicyFields, OfAnotherPolicyAreRefused) {
  expect_start(refusal("type: hyperband\nbracket_size: 9\n"),
               "p.yml:2: bracket_size: belongs to successive_halving, and this is hyperband; remove it, or "
               "write 'type: successive_halving'");
  expect_start(refusal("type: pbt\nmin_resource: 9\n"),
               "p.yml:2: min_resource: belongs to successive_halving, hyperband and asha, and this is pbt; "
               "remove it, or write 'type: successive_halving', 'type: hyperband' or 'type: asha'");
  expect_start(refusal("type: asha\nquantile_fraction: 0.25\n"),
               "p.yml:2: quantile_fraction: belongs to pbt, and this is asha; remove it, or");
  EXPECT_EQ(policy_of("type: none\nmin_resource: 9\n").kind, PolicyKind::kNone);
}

TEST(PolicyFields, OfTheReferencesScheduleAreRefusedAtRungs) {
  for (const std::string type : {"successive_halving", "hyperband", "asha"}) {
    for (const std::string field : {"evaluation_interval", "delay_evaluation"}) {
      expect_start(refusal("type: " + type + "\n" + field + ": 2\n"),
                   "p.yml:2: " + field + ": " + type +
                       " acts at its rungs alone; remove it, and set the first rung with 'min_resource: 1', an interval");
    }
  }
}

TEST(PolicyFields, OfAProgramAreCheckedLikeAFiles) {
  const auto check = [](const std::function<void(EarlyTermination&)>& change, PolicyKind kind) {
    EarlyTermination policy;
    policy.kind = kind;
    change(policy);
    return message_of<InputError>([&] { check_early_termination(policy); });
  };
  expect_start(check([](auto& policy) { policy.reduction_factor = 1; }, PolicyKind::kAsha),
               "reduction_factor: 1 is too small; write 2 to 1000000");
  expect_start(check([](auto& policy) { policy.bracket_size = 0; }, PolicyKind::kSuccessiveHalving),
               "bracket_size: 0 is too small; write at least 2");
  expect_start(check([](auto& policy) { policy.min_early_stopping_rate = -1; }, PolicyKind::kAsha),
               "min_early_stopping_rate: -1 is too small; write at least 0");
  expect_start(check([](auto& policy) { policy.evaluation_interval = 0; }, PolicyKind::kPbt),
               "evaluation_interval: 0 is too small; write at least 1");
}

}  // namespace
}  // namespace lockstep
