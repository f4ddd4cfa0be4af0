// The logarithm of the expected improvement against BoTorch's, and where it is largest.

#include "bayesian/log_ei.h"

#include <gtest/gtest.h>

#include "bayesian/golden.h"

namespace lockstep {
namespace {

using namespace lockstep::testing;
using torch::Tensor;

TEST(LogEi, IsThatOfBoTorch) {
  const GaussianProcess process(golden_data(), golden_hyperparameters());
  const auto& expected = golden()["log_ei"];
  const double best = golden()["inputs"]["best_f"].get<double>();
  const Tensor found = log_expected_improvement(process, golden_points(), best);
  EXPECT_LT(largest_difference(found, tensor_of(expected["value"])), 1e-8);
  EXPECT_LT(largest_difference(found.exp(), tensor_of(expected["ei"])), kGoldenTolerance);
  // Far below any double.
  const Tensor hopeless = log_expected_improvement(process, golden_points(), 50);
  EXPECT_LT(((hopeless / tensor_of(expected["log_ei_best_f_50"])) - 1).abs().max().item<double>(), 1e-9);
}

TEST(LogEi, IsLargestWhereTheSearchSaysSo) {
  SearchSpace space;
  for (const auto* name : {"a", "b", "c"}) space.add(name, uniform(0, 1));
  const Encoding encoding(space);
  const GaussianProcess process(golden_data(), golden_hyperparameters());
  const double best = golden()["inputs"]["best_f"].get<double>();
  const Tensor found = log_ei_point(encoding, process, best, 3);
  torch::manual_seed(4);
  const Tensor anywhere = torch::rand({100000, 3}, torch::kDouble);
  const double value = log_expected_improvement(process, found.unsqueeze(0), best).item<double>();
  EXPECT_GT(value, log_expected_improvement(process, anywhere, best).max().item<double>() - 1e-3);
}

TEST(LogEi, KeepsToTheValuesOfAChoice) {
  SearchSpace space;
  space.add("x", uniform(0, 1)).add("kind", choice({std::string("a"), std::string("b"), std::string("c")}));
  const Encoding encoding(space);
  torch::manual_seed(2);
  Tensor x = torch::zeros({12, 4}, torch::kDouble);
  for (int64_t i = 0; i < 12; ++i) {
    x[i][0] = static_cast<double>(i) / 11;
    encoding.set_value(1, i % 3, x[i].mutable_data_ptr<double>());
  }
  // Kind b is best, at x around 0.3.
  const Tensor y = x.select(1, 2) * 2 - (x.select(1, 0) - 0.3).square();
  const GaussianProcess process({x, (y - y.mean()) / y.std(), torch::tensor({0, 1, 1, 1}, torch::kLong)},
                                {{0.5, 1.0}, 1.0, 1e-4});
  const Tensor found = log_ei_point(encoding, process, process.data().y.max().item<double>(), 1);
  std::vector<double> draws(2), again(4);
  encoding.decode(found.const_data_ptr<double>(), draws.data());
  EXPECT_EQ(draws[1], 1);
  EXPECT_NEAR(draws[0], 0.3, 0.2);
  encoding.encode(draws.data(), again.data());
  EXPECT_LT(largest_difference(found, torch::tensor(again, torch::kDouble)), 1e-9);
}

}  // namespace
}  // namespace lockstep
