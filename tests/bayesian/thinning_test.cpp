// Which observations stand for all.

#include "bayesian/thinning.h"

#include <gtest/gtest.h>

#include <set>

#include <torch/torch.h>

namespace lockstep {
namespace {

TEST(Thinning, TakesTheBestTheirNeighboursAndWhatIsFarFromThem) {
  torch::manual_seed(3);
  // A crowd around (0.5, 0.5), where values are best, and 40 far from it.
  const torch::Tensor crowd = 0.5 + 0.01 * torch::randn({2000, 2}, torch::kDouble);
  const torch::Tensor far = torch::rand({40, 2}, torch::kDouble) * 10 + 2;
  const torch::Tensor points = torch::cat({crowd, far});
  const torch::Tensor y = -(points - 0.5).square().sum(1);
  const torch::Tensor rows = thinned_rows(points, y, 256, 7);
  ASSERT_EQ(rows.size(0), 256);
  std::set<int64_t> taken;
  for (int64_t i = 0; i < 256; ++i) taken.insert(rows[i].item<int64_t>());
  ASSERT_EQ(taken.size(), 256u);
  const torch::Tensor best = y.argsort(0, true);
  for (int64_t i = 0; i < 64; ++i) EXPECT_TRUE(taken.contains(best[i].item<int64_t>())) << i;
  for (int64_t row = 2000; row < 2040; ++row) EXPECT_TRUE(taken.contains(row)) << row;
  EXPECT_TRUE(thinned_rows(points, y, 256, 7).equal(rows));
}

TEST(Thinning, TakesAsManyOfPointsThatAreTheSame) {
  const torch::Tensor points = torch::zeros({100, 3}, torch::kDouble);
  EXPECT_EQ(thinned_rows(points, torch::arange(100, torch::kDouble), 20, 1).size(0), 20);
}

}  // namespace
}  // namespace lockstep
