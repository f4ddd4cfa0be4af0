#include <gtest/gtest.h>

#include <lockstep/torch/trial_scope.h>
#include <torch/torch.h>

#include "torch/small_task.h"

namespace lockstep {
namespace trial_scope_test {

using namespace lockstep::testing;

std::map<std::string, torch::Tensor> weights(std::vector<int64_t> trials, uint64_t seed) {
  TrialScope scope(trials, seed, torch::kCPU);
  SmallNet net(12, true);
  std::map<std::string, torch::Tensor> out;
  for (const auto& item : net->named_parameters()) out[item.key()] = physical(item.value()).clone();
  for (const auto& item : net->named_buffers()) {
    if (is_batched(item.value())) out[item.key()] = physical(item.value()).clone();
  }
  return out;
}

TEST(TrialScope, EveryFactoryMakesATensorPerTrial) {
  const std::vector<int64_t> trials{4, 9, 2};
  TrialScope scope(trials, 1, torch::kCPU);
  for (const auto& made : {torch::empty({2, 5}), torch::zeros({2, 5}), torch::ones({2, 5}), torch::full({2, 5}, 3.5),
                           torch::rand({2, 5}), torch::randn({2, 5})}) {
    EXPECT_TRUE(is_batched(made));
    EXPECT_EQ(made.sizes(), (std::vector<int64_t>{2, 5}));
    EXPECT_EQ(physical(made).sizes(), (std::vector<int64_t>{3, 2, 5}));
  }
}

TEST(TrialScope, ANumberMakesATensorPerTrial) {
  const std::vector<int64_t> trials{4, 9, 2};
  torch::Tensor counts, rates;
  {
    TrialScope scope(trials, 1, torch::kCPU);
    const torch::Tensor count = torch::tensor(5, torch::kLong);
    EXPECT_EQ(count.dim(), 0);
    counts = physical(count);
    rates = physical(torch::tensor(0.5));
  }
  EXPECT_TRUE(torch::equal(counts, torch::full({3}, 5, torch::kLong)));
  EXPECT_TRUE(torch::equal(rates, torch::full({3}, 0.5)));
}

TEST(TrialScope, RunningStatisticsArePerTrial) {
  const auto made = weights({0, 1}, 1);
  EXPECT_EQ(made.at("norm.running_mean").sizes(), (std::vector<int64_t>{2, 12}));
  EXPECT_EQ(made.at("norm.running_var").sizes(), (std::vector<int64_t>{2, 12}));
}

TEST(TrialScope, WeightsDependOnSeedAndTrialAlone) {
  const auto together = weights({17, 3, 8}, 7);
  const auto alone = weights({17}, 7);
  const auto elsewhere = weights({5, 6, 17, 1}, 7);
  const auto other_seed = weights({17}, 8);
  for (const auto& [name, rows] : alone) {
    EXPECT_TRUE(torch::equal(together.at(name)[0], rows[0])) << name;
    EXPECT_TRUE(torch::equal(elsewhere.at(name)[2], rows[0])) << name;
  }
  EXPECT_FALSE(torch::equal(other_seed.at("first.weight")[0], alone.at("first.weight")[0]));
  EXPECT_FALSE(torch::equal(together.at("first.weight")[0], together.at("first.weight")[1]));
  // Two parameters of one trial draw from different streams; scaled to U(-1, 1), as their bounds differ.
  EXPECT_FALSE(torch::allclose(alone.at("first.weight")[0].flatten().slice(0, 0, 3) * std::sqrt(8.0),
                               alone.at("second.bias")[0] * std::sqrt(12.0)));
}

TEST(TrialScope, WeightsFollowTheModulesDistribution) {
  const auto rows = weights(iota(200), 7).at("first.weight").flatten();  // U(-1/sqrt(8), 1/sqrt(8))
  const double bound = 1 / std::sqrt(8.0);
  EXPECT_LE(rows.abs().max().item<double>(), bound);
  EXPECT_NEAR(rows.mean().item<double>(), 0, 0.01);
  EXPECT_NEAR(rows.std().item<double>(), bound / std::sqrt(3.0), 0.01);
}

TEST(TrialScope, LeavesTheGlobalGeneratorAlone) {
  torch::manual_seed(1);
  const auto expected = torch::randn({4});
  torch::manual_seed(1);
  weights({0, 1, 2}, 7);
  EXPECT_TRUE(torch::equal(torch::randn({4}), expected));
}

TEST(TrialScope, EndsCleanlyWhenConstructionThrows) {
  const std::vector<int64_t> trials{0, 1};
  try {
    TrialScope scope(trials, 1, torch::kCPU);
    throw std::runtime_error("user code");
  } catch (const std::runtime_error&) {
  }
  EXPECT_FALSE(is_batched(torch::zeros({2})));
  EXPECT_FALSE(is_batched(torch::randn({2})));
}

}  // namespace trial_scope_test
}  // namespace lockstep
