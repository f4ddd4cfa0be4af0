// Poison: a trial whose learning rate, data or loss is beyond all bounds changes no bit of any other, whatever options
// are on, in refilled and compacted tiles, and through the executor.

#include <cmath>
#include <limits>

#include <gtest/gtest.h>
#include <lockstep/backend.h>
#include <lockstep/torch/executor.h>
#include <lockstep/torch/functional.h>
#include <lockstep/torch/sweep.h>

#include "executor_calls.h"
#include "torch/small_task.h"
#include "torch/tile.h"

namespace lockstep {
namespace poison_test {

using namespace lockstep::testing;
namespace F = torch::nn::functional;

constexpr int64_t kTrials = 8;
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
/// What each is poisoned with; the others are as they are in a healthy run.
constexpr int64_t kHugeRate = 2, kNanData = 4, kInfiniteLoss = 5, kInfiniteOffset = 7;
const std::vector<int64_t> kHealthy = {0, 1, 3, 6};

/// A network with batch norm and dropout whose inputs are weighted, and whose loss is divided and shifted, by
/// hyperparameters.
FunctionTask task() {
  const auto correct = [](torch::Tensor output, torch::Tensor y) { return output.argmax(1).eq(y); };
  const auto loss = [](torch::Tensor output, torch::Tensor y) {
    return F::cross_entropy(output, y, F::CrossEntropyFuncOptions().reduction(torch::kNone));
  };
  return FunctionTask(small_data(), {{"accuracy", correct, {}}, {"loss", loss, {}}}, [](const TrialConfig& config) {
    SmallNet net(12, true);
    TrialProgram program;
    program.module = net.ptr();
    program.forward = [net, weight = config.tensor("input_weight"),
                       p = config.tensor("dropout", 0.2)](torch::Tensor x) mutable {
      return net->forward(dropout(x * weight.to(torch::kFloat), p, net->is_training()));
    };
    program.loss = [divisor = config.tensor("divisor"), offset = config.tensor("offset"),
                    smoothing = config.tensor("label_smoothing", 0.1)](torch::Tensor output, torch::Tensor y) {
      return cross_entropy(output, y, smoothing) / divisor.to(torch::kFloat) + offset.to(torch::kFloat);
    };
    program.batch_size = 16;
    program.n_intervals = 4;
    const std::string kind = config.text("optimizer");
    program.optimizer.kind = kind == "sgd"    ? OptimizerKind::kSgd
                             : kind == "adam" ? OptimizerKind::kAdam
                                              : OptimizerKind::kAdamW;
    program.optimizer.lr = config.tensor("lr");
    program.optimizer.weight_decay = config.tensor("weight_decay", 0.001);
    program.optimizer.momentum = config.tensor("momentum", 0.9);
    read_training_options(config, program.optimizer);
    return program;
  });
}

struct Case {
  const char* optimizer;
  bool options;
};

class Poison : public ::testing::TestWithParam<Case> {
 protected:
  Poison()
      : task_(task()),
        settings_{{"optimizer", {Value(GetParam().optimizer), {}}}},
        poisoned_(configurations(true)),
        healthy_(configurations(false)) {
    at::set_num_threads(1);
  }

  static Configurations configurations(bool poisoned) {
    std::vector<std::pair<std::string, std::vector<double>>> columns = {{"lr", spread(kTrials, 0.002, 0.02)},
                                                                        {"input_weight", spread(kTrials, 0.8, 1.2)},
                                                                        {"divisor", std::vector<double>(kTrials, 1)},
                                                                        {"offset", std::vector<double>(kTrials, 0)}};
    if (poisoned) {
      columns[0].second[kHugeRate] = 1e30;
      columns[1].second[kNanData] = kNan;
      columns[2].second[kInfiniteLoss] = 0;
      columns[3].second[kInfiniteOffset] = std::numeric_limits<double>::infinity();  // its gradient is finite
    }
    if (GetParam().options) {
      columns.push_back({"clip_grad_norm", {0, 1, 1, 0.5, 1, 0.2, 0, 1}});
      columns.push_back({"clip_grad_value", {0.1, 0, 0.1, 0, 0.1, 0.1, 0.2, 0}});
      columns.push_back({"loss_scale", {0, 1024, 0, 64, 1024, 1024, 2, 0}});
      columns.push_back({"loss_scale_growth_interval", {5, 5, 5, 5, 5, 5, 5, 5}});
      columns.push_back({"schedule", {0, 1, 2, 3, 0, 1, 2, 3}});
      columns.push_back({"warmup_epochs", {1, 0, 0.5, 0, 1, 0, 0, 0}});
    }
    return table(columns);
  }

  TileSource source(const Configurations& configurations) const {
    return {task_, configurations, settings_, torch::kCPU, 5};
  }

  void train(Tile& tile) const {
    std::map<int64_t, torch::Tensor> orders;
    for (const auto age : tile.ages()) orders[age] = (torch::arange(90) * 7 + age * 13) % 90;
    tile.train_epoch(task_.data().train, orders);
  }

  /// Adam's steps are as long as the learning rate, and then end: weights of 1e30, but numbers.
  static bool stays_finite() { return std::string(GetParam().optimizer) == "adam"; }

  static int64_t slot_of(const Tile& tile, int64_t trial) {
    return std::find(tile.trials().begin(), tile.trials().end(), trial) - tile.trials().begin();
  }

  void expect_healthy_equal(const Tile& got, const Tile& want) const {
    for (const auto trial : kHealthy) {
      if (slot_of(want, trial) == want.n_trials()) continue;
      ASSERT_LT(slot_of(got, trial), got.n_trials()) << trial;
      const auto a = got.copy_row(slot_of(got, trial)), b = want.copy_row(slot_of(want, trial));
      for (size_t k = 0; k < a.size(); ++k) {
        EXPECT_TRUE(torch::isfinite(b[k].to(torch::kFloat)).all().item<bool>())
            << "trial " << trial << ", tensor " << k;
        EXPECT_TRUE(torch::equal(a[k], b[k])) << "trial " << trial << ", tensor " << k;
      }
    }
  }

  FunctionTask task_;
  Settings settings_;
  Configurations poisoned_, healthy_;
};

TEST_P(Poison, StaysInItsRow) {
  Tile poisoned(source(poisoned_), iota(kTrials)), healthy(source(healthy_), iota(kTrials)),
      without(source(healthy_), kHealthy);
  for (int epoch = 0; epoch < 3; ++epoch) {
    train(poisoned), train(healthy), train(without);
    expect_healthy_equal(poisoned, healthy);
    expect_healthy_equal(poisoned, without);  // and as if the poisoned had never been there
    const auto metrics = poisoned.evaluate(task_.data().validation, task_.metrics()[0]);
    const auto expected = healthy.evaluate(task_.data().validation, task_.metrics()[0]);
    for (const auto trial : kHealthy)
      EXPECT_EQ(metrics[static_cast<size_t>(trial)], expected[static_cast<size_t>(trial)]);
    for (const auto trial : {kHugeRate, kNanData, kInfiniteLoss, kInfiniteOffset}) {
      if (trial == kHugeRate && stays_finite()) continue;
      EXPECT_TRUE(std::isnan(metrics[static_cast<size_t>(trial)])) << "trial " << trial << ", epoch " << epoch;
    }
  }
}

TEST_P(Poison, StaysInItsRowAfterCompactionAndRefill) {
  const auto run = [&](const Configurations& configurations) {
    auto tile = std::make_unique<Tile>(source(configurations), std::vector<int64_t>{0, 1, 2, 3, 4});
    train(*tile);
    tile->keep_slots(std::vector<int64_t>{0, 2, 3, 4});  // 1 leaves
    train(*tile);
    const std::vector<int64_t> freed{slot_of(*tile, 2), slot_of(*tile, 4)};
    tile->take_over(Tile(source(configurations), std::vector<int64_t>{6, 5, 7}),
                    freed);  // a healthy one in a poisoned row
    train(*tile);
    train(*tile);
    return tile;
  };
  const auto poisoned = run(poisoned_), healthy = run(healthy_);
  EXPECT_EQ(poisoned->trials(), healthy->trials());
  expect_healthy_equal(*poisoned, *healthy);
}

TEST_P(Poison, StaysInItsTrialThroughTheExecutor) {
  const auto run = [&](const Configurations& configurations, bool poisoned) {
    TorchExecutorOptions options;
    options.seed = 3;
    options.n_threads = 2;
    options.tile_size = 4;
    const Objective objective{Goal::kMaximize, "accuracy", {}};
    auto executor = make_torch_executor(task_, configurations, settings_, objective, options);
    executor->start(in_own_slots(std::vector<int64_t>{0, 1, 2, 3, 4, 5}));
    std::vector<std::vector<double>> out;
    out.push_back(train_interval(*executor, kTrials, -1));
    if (poisoned) {
      for (const auto trial : {kNanData, kInfiniteLoss})
        EXPECT_TRUE(std::isnan(out[0][static_cast<size_t>(trial)])) << trial;
    }
    executor->retire(std::vector<int64_t>{kHugeRate, kInfiniteLoss, 1});
    executor->start(in_own_slots(std::vector<int64_t>{6, 7}));
    out.push_back(train_interval(*executor, kTrials, -1));
    executor->retire(std::vector<int64_t>{kNanData, kInfiniteOffset});
    out.push_back(train_interval(*executor, kTrials, -1));
    return out;
  };
  const auto poisoned = run(poisoned_, true), healthy = run(healthy_, false);
  for (size_t n = 0; n < poisoned.size(); ++n) {
    for (const auto trial : kHealthy) {
      EXPECT_EQ(poisoned[n][static_cast<size_t>(trial)], healthy[n][static_cast<size_t>(trial)])
          << "trial " << trial << ", interval " << n;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Optimizers, Poison,
                         ::testing::Values(Case{"sgd", false}, Case{"sgd", true}, Case{"adam", false},
                                           Case{"adam", true}, Case{"adamw", true}),
                         [](const auto& info) {
                           return std::string(info.param.optimizer) + (info.param.options ? "WithOptions" : "");
                         });

}  // namespace poison_test
}  // namespace lockstep
