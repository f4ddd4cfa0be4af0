// Each of 16 trials in one batch against the same trial alone, through plain LibTorch modules and torch::optim. Every
// hyperparameter differs from trial to trial, so a swapped axis, a mean over trials or a shared step count fails.

#include <gtest/gtest.h>

#include "torch/small_task.h"
#include "torch/tile.h"

namespace lockstep {
namespace batch_equals_alone_test {

using namespace lockstep::testing;

constexpr int64_t kTrials = 16;
constexpr int64_t kSteps = 20;

struct Case {
  const char* name;
  const char* optimizer;
  bool batch_norm;
  std::vector<std::pair<std::string, std::vector<double>>> columns;
};

std::vector<double> alternate(std::initializer_list<double> values) {
  std::vector<double> out;
  for (int64_t i = 0; i < kTrials; ++i) out.push_back(values.begin()[static_cast<size_t>(i) % values.size()]);
  return out;
}

std::vector<Case> cases() {
  const auto lr = spread(kTrials, 0.01, 0.3);
  const auto small_lr = spread(kTrials, 1e-3, 2e-2);
  const auto decay = alternate({0.0, 1e-3, 1e-2});
  return {
      {"Sgd", "sgd", false, {{"lr", lr}}},
      {"SgdMomentumDecayDampeningNesterov", "sgd", false,
       {{"lr", lr}, {"weight_decay", decay}, {"momentum", alternate({0.0, 0.5, 0.9, 0.95})},
        {"dampening", alternate({0.0, 0.0, 0.0, 0.3})}, {"nesterov", alternate({0, 1, 1, 0})}}},
      {"SgdWithBatchNorm", "sgd", true, {{"lr", lr}, {"momentum", alternate({0.0, 0.9})}}},
      {"Adam", "adam", false,
       {{"lr", small_lr}, {"weight_decay", decay}, {"beta1", spread(kTrials, 0.5, 0.95)},
        {"beta2", spread(kTrials, 0.9, 0.9999)}, {"eps", alternate({1e-8, 1e-6, 1e-3})}}},
      {"AdamW", "adamw", false,
       {{"lr", small_lr}, {"weight_decay", alternate({0.0, 0.01, 0.3})}, {"beta1", spread(kTrials, 0.5, 0.95)},
        {"beta2", spread(kTrials, 0.9, 0.9999)}, {"eps", alternate({1e-8, 1e-6})}}},
  };
}

double column(const Case& c, const std::string& name, size_t trial, double fallback) {
  for (const auto& [key, values] : c.columns) {
    if (key == name) return values[trial];
  }
  return fallback;
}

std::unique_ptr<torch::optim::Optimizer> plain_optimizer(const Case& c, size_t t, std::vector<torch::Tensor> parameters) {
  const double lr = column(c, "lr", t, 0.05);
  const double decay = column(c, "weight_decay", t, 0);
  const auto betas = std::make_tuple(column(c, "beta1", t, 0.9), column(c, "beta2", t, 0.999));
  const double eps = column(c, "eps", t, 1e-8);
  if (std::string(c.optimizer) == "sgd") {
    const double momentum = column(c, "momentum", t, 0);
    return std::make_unique<torch::optim::SGD>(parameters, torch::optim::SGDOptions(lr)
                                                               .momentum(momentum)
                                                               .dampening(column(c, "dampening", t, 0))
                                                               .weight_decay(decay)
                                                               .nesterov(momentum > 0 && column(c, "nesterov", t, 0) != 0));
  }
  if (std::string(c.optimizer) == "adam") {
    return std::make_unique<torch::optim::Adam>(parameters,
                                                torch::optim::AdamOptions(lr).betas(betas).eps(eps).weight_decay(decay));
  }
  return std::make_unique<torch::optim::AdamW>(parameters,
                                               torch::optim::AdamWOptions(lr).betas(betas).eps(eps).weight_decay(decay));
}

class BatchEqualsAlone : public ::testing::TestWithParam<Case> {};

TEST_P(BatchEqualsAlone, AfterTwentySteps) {
  at::set_num_threads(1);
  const Case& c = GetParam();
  const SmallTask task(c.batch_norm);
  const Configurations configurations = table(c.columns);
  const Settings settings{{"optimizer", {Value(c.optimizer), {}}}};
  const TileSource source{task, configurations, settings, torch::kCPU, 11};
  Tile tile(source, iota(kTrials));

  // The same initial weights alone.
  std::vector<SmallNet> alone;
  std::vector<std::unique_ptr<torch::optim::Optimizer>> optimizers;
  for (int64_t t = 0; t < kTrials; ++t) {
    SmallNet net(12, c.batch_norm);
    torch::NoGradGuard no_grad;
    auto mine = net->named_parameters();
    for (const auto& [name, rows] : tile.named_parameters()) mine[name].copy_(rows[t]);
    optimizers.push_back(plain_optimizer(c, static_cast<size_t>(t), net->parameters()));
    alone.push_back(net);
  }

  const DataPart& train = task.data().train;
  for (int64_t step = 0; step < kSteps; ++step) {
    const auto rows = (torch::arange(16) * 5 + step * 7) % train.size();
    const auto x = train.inputs.index_select(0, rows);
    const auto y = train.targets.index_select(0, rows);
    const auto losses = tile.train_step({x, y});
    for (int64_t t = 0; t < kTrials; ++t) {
      optimizers[static_cast<size_t>(t)]->zero_grad();
      const auto loss = torch::nn::functional::cross_entropy(alone[static_cast<size_t>(t)]->forward(x), y);
      loss.backward();
      optimizers[static_cast<size_t>(t)]->step();
      ASSERT_NEAR(loss.item<double>(), losses[t].item<double>(), 1e-5) << "trial " << t << ", step " << step;
    }
  }
  for (int64_t t = 0; t < kTrials; ++t) {
    auto expected = alone[static_cast<size_t>(t)]->named_parameters();
    for (const auto& [name, rows] : tile.named_parameters()) {
      // Relative to the parameter's size as a vector: single elements pass through zero.
      const auto& want = expected[name];
      const double relative = ((rows[t] - want).norm() / want.norm()).item<double>();
      EXPECT_LT(relative, 1e-5) << name << " of trial " << t;
    }
  }
  // The trials must have gone different ways, or the comparison says nothing.
  const auto weight = tile.named_parameters().front().second;
  for (int64_t t = 1; t < kTrials; ++t) EXPECT_FALSE(torch::equal(weight[t], weight[0]));
}

INSTANTIATE_TEST_SUITE_P(Optimizers, BatchEqualsAlone, ::testing::ValuesIn(cases()),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace batch_equals_alone_test
}  // namespace lockstep
