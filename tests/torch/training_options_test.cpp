// Sixteen trials in one batch, each with its own clipping, loss scale and schedule, against the same trials alone:
// plain LibTorch modules, torch::optim, torch::nn::utils, and learning rates by the schedules' formulas.

#include <cmath>

#include <gtest/gtest.h>

#include "torch/small_task.h"
#include "torch/tile.h"

namespace lockstep {
namespace training_options_test {

using namespace lockstep::testing;

constexpr int64_t kTrials = 16;
constexpr int64_t kStepsPerEpoch = 6;  // 90 examples in minibatches of 16
constexpr int64_t kEpochs = 3;
using Columns = std::vector<std::pair<std::string, std::vector<double>>>;

std::vector<double> alternate(std::initializer_list<double> values) {
  std::vector<double> out;
  for (int64_t i = 0; i < kTrials; ++i) out.push_back(values.begin()[static_cast<size_t>(i) % values.size()]);
  return out;
}

struct Case {
  const char* name;
  Columns columns;
};

std::vector<Case> cases() {
  return {
      {"ClipNorm", {{"clip_grad_norm", alternate({0, 0.1, 0.5, 100})}}},
      {"ClipValue", {{"clip_grad_value", alternate({0.01, 0, 0.1})}}},
      {"LossScale",
       {{"loss_scale", alternate({0, 1000, 8})}, {"loss_scale_growth_interval", alternate({2000, 4, 0, 7, 3})}}},
      {"Schedules",
       {{"schedule", alternate({0, 1, 2, 3})},
        {"step_size", alternate({1, 0.5, 2, 1, 1, 1.5})},
        {"gamma", alternate({0.5, 0.1, 0.9})},
        {"eta_min", alternate({0, 0.01})},
        {"pct_start", alternate({0.3, 0.5, 0.2})},
        {"div_factor", alternate({25, 10, 5})},
        {"cycle_momentum", alternate({0})}}},
      {"WarmUps", {{"warmup_epochs", spread(kTrials, 0, 2)}, {"warmup_factor", alternate({0.1, 0.5, 0})}}},
      {"Everything",
       {{"schedule", alternate({3, 2, 0, 1})},
        {"step_size", alternate({1, 0.5, 2})},
        {"warmup_epochs", alternate({0, 0.5, 1})},
        {"cycle_momentum", alternate({0})},
        {"clip_grad_norm", alternate({0, 0.2, 1, 0, 0.5})},
        {"clip_grad_value", alternate({0, 0, 0.05})},
        {"loss_scale", alternate({0, 512})}}},
  };
}

/// One trial's options, and the rate of its steps: the formulas of torch.optim.lr_scheduler's documentation.
class Alone {
 public:
  Alone(const Case& c, size_t trial) : case_(c), trial_(trial) {}

  double operator[](const char* name) const { return of(name, 0); }
  double of(const char* name, double fallback) const {
    for (const auto& [key, values] : case_.columns) {
      if (key == name) return values[trial_];
    }
    return fallback;
  }

  double rate(double lr, int64_t step) const {
    const double pi = std::acos(-1.0);
    const auto kind = static_cast<int>(of("schedule", 0));
    const double warmup = std::round(of("warmup_epochs", 0) * kStepsPerEpoch);
    const double first = kind == 3 ? lr / of("div_factor", 25) : lr;
    const double factor = of("warmup_factor", 1.0 / 3);
    if (step < warmup) return first * (factor + (1 - factor) * static_cast<double>(step) / warmup);
    const double t = static_cast<double>(step) - warmup, n = kEpochs * kStepsPerEpoch - warmup;
    if (kind == 1)
      return lr * std::pow(of("gamma", 0.1), std::floor(t / std::round(of("step_size", 1) * kStepsPerEpoch)));
    if (kind == 2) return of("eta_min", 0) + (lr - of("eta_min", 0)) * (1 + std::cos(pi * t / n)) / 2;
    if (kind == 3) {
      const double peak = of("pct_start", 0.3) * n - 1;
      const double from = t <= peak ? first : lr, to = t <= peak ? lr : first / 1e4;
      const double part = t <= peak ? t / peak : (t - peak) / (n - 1 - peak);
      return to + (from - to) * (1 + std::cos(pi * part)) / 2;
    }
    return lr;
  }

 private:
  const Case& case_;
  size_t trial_;
};

class EveryTrainingOption : public ::testing::TestWithParam<std::tuple<Case, const char*>> {};

TEST_P(EveryTrainingOption, BatchEqualsAlone) {
  at::set_num_threads(1);
  const Case& c = std::get<0>(GetParam());
  const std::string optimizer = std::get<1>(GetParam());
  const SmallTask task;
  Columns columns = c.columns;
  const auto lr = optimizer == "sgd" ? spread(kTrials, 0.05, 0.3) : spread(kTrials, 1e-3, 2e-2);
  columns.push_back({"lr", lr});
  const Configurations configurations = table(columns);
  const Settings settings{
      {"optimizer", {Value(optimizer), {}}}, {"epochs", {Value(kEpochs), {}}}, {"momentum", {Value(0.8), {}}}};
  const TileSource source{task, configurations, settings, torch::kCPU, 11};
  Tile tile(source, iota(kTrials));

  std::vector<SmallNet> nets;
  std::vector<std::unique_ptr<torch::optim::Optimizer>> optimizers;
  for (int64_t t = 0; t < kTrials; ++t) {
    SmallNet net(12, false);
    torch::NoGradGuard no_grad;
    auto mine = net->named_parameters();
    for (const auto& [name, rows] : tile.named_parameters()) mine[name].copy_(rows[t]);
    nets.push_back(net);
    if (optimizer == "sgd") {
      optimizers.push_back(
          std::make_unique<torch::optim::SGD>(net->parameters(), torch::optim::SGDOptions(1).momentum(0.8)));
    } else {
      optimizers.push_back(std::make_unique<torch::optim::Adam>(net->parameters(), torch::optim::AdamOptions(1)));
    }
  }
  const DataPart& train = task.data().train;
  for (int64_t step = 0; step < kEpochs * kStepsPerEpoch; ++step) {
    const auto rows = (torch::arange(16) * 5 + step * 7) % train.size();
    const auto x = train.inputs.index_select(0, rows), y = train.targets.index_select(0, rows);
    tile.train_step({x, y});
    for (int64_t t = 0; t < kTrials; ++t) {
      const Alone options(c, static_cast<size_t>(t));
      auto& alone = *optimizers[static_cast<size_t>(t)];
      auto& net = nets[static_cast<size_t>(t)];
      alone.param_groups()[0].options().set_lr(options.rate(lr[static_cast<size_t>(t)], step));
      alone.zero_grad();
      torch::nn::functional::cross_entropy(net->forward(x), y).backward();
      if (options["clip_grad_value"] > 0)
        torch::nn::utils::clip_grad_value_(net->parameters(), options["clip_grad_value"]);
      if (options["clip_grad_norm"] > 0)
        torch::nn::utils::clip_grad_norm_(net->parameters(), options["clip_grad_norm"]);
      alone.step();
    }
  }
  for (int64_t t = 0; t < kTrials; ++t) {
    auto expected = nets[static_cast<size_t>(t)]->named_parameters();
    for (const auto& [name, rows] : tile.named_parameters()) {
      const double relative = ((rows[t] - expected[name]).norm() / expected[name].norm()).item<double>();
      EXPECT_LT(relative, 2e-5) << name << " of trial " << t;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Options, EveryTrainingOption,
                         ::testing::Combine(::testing::ValuesIn(cases()), ::testing::Values("sgd", "adam")),
                         [](const auto& info) {
                           return std::string(std::get<0>(info.param).name) + "_" + std::get<1>(info.param);
                         });

/// Trains an epoch; the order of examples is a different one at each age.
void train(const SmallTask& task, Tile& tile) {
  std::map<int64_t, torch::Tensor> orders;
  for (const auto age : tile.ages()) orders[age] = (torch::arange(90) * 7 + age * 13) % 90;
  tile.train_epoch(task.data().train, orders);
}

TEST(TrainingOptions, StateMovesWithItsTrial) {
  const SmallTask task;
  const Configurations configurations = table({{"lr", spread(6, 0.05, 0.2)},
                                               {"schedule", {0, 1, 2, 3, 2, 3}},
                                               {"warmup_epochs", {0, 1, 0.5, 0, 0, 1}},
                                               {"clip_grad_norm", spread(6, 0.1, 1)},
                                               {"clip_grad_value", {0, 0.1, 0, 0.2, 0, 0}},
                                               {"loss_factor", {1, 1, 1, 1e3, 1, 1e3}},
                                               {"loss_scale", {0, 2, 4, 1e38, 16, 1e38}},
                                               {"loss_scale_growth_interval", {3, 4, 5, 6, 7, 8}}});
  const Settings settings{{"optimizer", {Value("adam"), {}}}, {"epochs", {Value(5), {}}}};
  const TileSource source{task, configurations, settings, torch::kCPU, 5};
  Tile whole(source, iota(6)), moved(source, iota(4)), young(source, std::vector<int64_t>{4, 5});
  train(task, whole), train(task, whole), train(task, moved), train(task, young), train(task, moved),
      train(task, young);
  moved.keep_slots(std::vector<int64_t>{1, 3});
  moved.take_over(young, std::vector<int64_t>{0});  // trial 4 in a row that was used, 5 in a new one
  train(task, whole), train(task, moved);
  const auto& trials = moved.trials();
  ASSERT_EQ(trials.size(), 3u);
  for (size_t slot = 0; slot < trials.size(); ++slot) {
    const auto want = whole.copy_row(trials[slot])[0];
    EXPECT_TRUE(torch::isfinite(want).all().item<bool>());
    EXPECT_TRUE(torch::equal(moved.copy_row(static_cast<int64_t>(slot))[0], want)) << "trial " << trials[slot];
  }
}

}  // namespace training_options_test
}  // namespace lockstep
