// A trial has diverged when its training loss says so, even if its metric looks like one.

#include <cmath>

#include <gtest/gtest.h>
#include <lockstep/torch/sweep.h>
#include <torch/torch.h>

#include "torch/small_task.h"
#include "torch/tile.h"

namespace lockstep {
namespace divergence_test {

using namespace lockstep::testing;

/// Trains an epoch and returns the accuracies.
std::vector<double> train(const SmallTask& task, Tile& tile) {
  std::map<int64_t, torch::Tensor> orders;
  for (const auto age : tile.ages()) orders[age] = (torch::arange(90) * 7 + age * 13) % 90;
  tile.train_epoch(task.data().train, orders);
  return tile.evaluate(task.data().validation, task.metrics()[0]);
}

TEST(Divergence, IsReportedThoughTheMetricIsFinite) {
  const SmallTask task;
  const Configurations configurations = table({{"lr", {0.1, 1e30, 0.2}}, {"weight_decay", {0.01, 0.01, 0.01}}});
  const Settings settings;
  Tile tile({task, configurations, settings, torch::kCPU, 5}, iota(3));
  const auto accuracy = train(task, tile);
  EXPECT_TRUE(std::isfinite(accuracy[0]) && std::isfinite(accuracy[2]));
  EXPECT_TRUE(std::isnan(accuracy[1]));
}

TEST(Divergence, IsThatOfTheLastEpochAlone) {
  const SmallTask task;
  const Configurations configurations = table({{"lr", {0.3, 0.3}}, {"divergence_threshold", {1e9, 1.05}}});
  const Settings settings;
  const TileSource source{task, configurations, settings, torch::kCPU, 5};
  Tile tile(source, iota(2));
  EXPECT_TRUE(std::isnan(train(task, tile)[1]));  // the first losses are about log 3
  // Its mark moves with it, until it trains again.
  tile.keep_slots(std::vector<int64_t>{1});
  EXPECT_TRUE(std::isnan(tile.evaluate(task.data().validation, task.metrics()[0])[0]));
  for (int epoch = 0; epoch < 15; ++epoch) train(task, tile);
  EXPECT_TRUE(std::isfinite(train(task, tile)[0]));
}

TEST(Divergence, SkippedStepIsNone) {
  const SmallTask task;
  const Configurations configurations = table({{"lr", {0.1, 0.1}},
                                               {"loss_factor", {1e4, 1}},
                                               {"loss_scale", {1e38, 1}},
                                               {"loss_scale_growth_interval", {0, 0}}});
  const Settings settings;
  Tile tile({task, configurations, settings, torch::kCPU, 5}, iota(2));
  const auto before = tile.copy_row(0)[0];
  const auto accuracy = train(task, tile);
  EXPECT_TRUE(torch::equal(tile.copy_row(0)[0], before));  // its scaled gradients overflow at every step
  EXPECT_TRUE(std::isfinite(accuracy[0]));
}

/// How each trial ended.
class EndsObserver : public SweepObserver {
 public:
  void on_interval(const IntervalReport& report) override {
    ends.insert(ends.end(), report.ends.begin(), report.ends.end());
  }
  std::vector<TrialEnd> ends;
};

TEST(Divergence, EndsATrialAtItsFirstInterval) {
  const SmallTask task;
  SweepSpec spec;
  spec.search_space.add("lr", choice({Value(0.1), Value(1e30)}));
  spec.trial["epochs"] = {Value(3), {}};
  spec.trial["weight_decay"] = {Value(0.01), {}};
  spec.objective = {Goal::kMaximize, "accuracy", {}};
  spec.limits.max_total_trials = 12;
  EndsObserver observer;
  const TaskSweep sweep = run_sweep(task, spec, {.seed = 4, .observers = {&observer}});
  int64_t n_diverged = 0;
  ASSERT_EQ(observer.ends.size(), 12u);
  for (const auto& end : observer.ends) {
    const bool wild = sweep.configurations.value(end.trial, 0).as_real() > 1;
    n_diverged += wild;
    EXPECT_EQ(end.state, wild ? TrialState::kDiverged : TrialState::kFinished) << end.trial;
    EXPECT_EQ(end.interval, wild ? 1 : 3) << end.trial;
  }
  EXPECT_TRUE(n_diverged > 0 && n_diverged < 12);
}

}  // namespace divergence_test
}  // namespace lockstep
