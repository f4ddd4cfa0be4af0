// A tile that trains and evaluates where there are no values at all: no step of it looks at one on the host.

#include <gtest/gtest.h>

#include <lockstep/error.h>
#include <lockstep/torch/functional.h>

#include "torch/faithful_models.h"
#include "torch/host_wait_guard.h"
#include "torch/meta_device.h"
#include "torch/tile.h"

namespace lockstep {
namespace meta_test {

using namespace lockstep::testing;

constexpr int64_t kTrials = 5;

DataPart on_meta(int64_t n) {
  return {torch::empty({n, 8, 5}, torch::kMeta), torch::empty({n}, torch::dtype(torch::kLong).device(torch::kMeta))};
}

class MetaTile : public ::testing::Test {
 protected:
  MetaTile() : configurations_(table({{"lr", spread(kTrials, 0.01, 0.05)}})) {}

  /// Trains two intervals and scores both.
  void train(const FunctionTask& task) {
    Tile tile({task, configurations_, settings_, torch::kMeta, 7}, iota(kTrials));
    const DataPart train = on_meta(90), validation = on_meta(140);
    std::map<int64_t, torch::Tensor> orders;
    for (const int64_t age : {0, 1}) {
      orders[age] = torch::empty({90}, torch::dtype(torch::kLong).device(torch::kMeta));
      backend_of(torch::kMeta).permutation({}, age, 90, orders[age].mutable_data_ptr<int64_t>());
    }
    const HostWaitGuard guard;
    for (int n = 0; n < 2; ++n) {
      tile.train_epoch(train, orders);
      const Metric* const metric = &task.metrics().front();
      const torch::Tensor means = tile.score(validation, std::span(&metric, 1))[0];
      EXPECT_TRUE(means.is_meta());
      EXPECT_EQ(means.sizes(), std::vector<int64_t>{kTrials});
      EXPECT_EQ(means.scalar_type(), torch::kDouble);
    }
    EXPECT_ANY_THROW(tile.evaluate(validation, task.metrics().front())) << "this is where results are read";
  }
  /// The MLP with another loss.
  static FunctionTask mlp_with(std::function<torch::Tensor(torch::Tensor, torch::Tensor)> loss) {
    const FunctionTask mlp = model_task([] { return built<Mlp>(); }, OptimizerKind::kSgd);
    return FunctionTask(mlp.data(), mlp.metrics(), [=](const TrialConfig& config) {
      TrialProgram program = mlp.build(config);
      program.loss = loss;
      return program;
    });
  }

  MetaDevice device_;
  Configurations configurations_;
  Settings settings_;
};

constexpr int kSteps = 2 * 6;  // of 16 of 90 examples

TEST_F(MetaTile, MlpTrainsAndEvaluatesBySgd) {
  train(model_task([] { return built<Mlp>(); }, OptimizerKind::kSgd));
  const std::map<std::string, int> expected{
      {"fill_uniform", 4},     {"permutation", 2},         {"cross_entropy", kSteps},
      {"sgd_update", kSteps}, {"reduce_metric", 2 * 2 + 2}, {"softmax", 2 * 2 + 2}};
  EXPECT_EQ(calls_on_meta(), expected);
}

TEST_F(MetaTile, MlpTrainsAndEvaluatesByAdam) {
  train(model_task([] { return built<Mlp>(); }, OptimizerKind::kAdam));
  EXPECT_EQ(calls_on_meta()["adam_update"], kSteps);
}

/// Everything that a trial may have of its own: dropout, label smoothing, order of examples, training options.
TEST_F(MetaTile, MlpWithOptionsTrains) {
  const FunctionTask mlp = model_task([] { return built<Mlp>(); }, OptimizerKind::kAdamW);
  const FunctionTask task(mlp.data(), mlp.metrics(), [&](const TrialConfig& config) {
    TrialProgram program = mlp.build(config);
    const torch::Tensor rate = config.tensor("dropout", 0.2), smoothing = config.tensor("smoothing", 0.1);
    nn::Dropout plain(0.3);
    program.forward = [=, forward = program.forward](torch::Tensor x) mutable {
      return forward(plain->forward(lockstep::dropout(x, rate, true)));
    };
    program.loss = [=](torch::Tensor output, torch::Tensor y) { return lockstep::cross_entropy(output, y, smoothing); };
    program.own_order = true;
    set_training_options(config, program.optimizer);
    return program;
  });
  train(task);
  EXPECT_EQ(calls_on_meta()["permutation"], 2 + 2 * kTrials);
  EXPECT_GE(calls_on_meta()["fill_bernoulli"], kSteps);
}

TEST_F(MetaTile, RefusesALossThatReadsAValue) {
  EXPECT_THROW(train(mlp_with([](torch::Tensor output, torch::Tensor y) {
                 return nn::functional::cross_entropy(output, y) * (1.0 + y.sum().item<double>());
               })),
               c10::Error);
}

TEST_F(MetaTile, RefusesALossWithATensorOfAnotherDevice) {
  EXPECT_THROW(train(mlp_with([](torch::Tensor output, torch::Tensor y) {
                 return nn::functional::cross_entropy(output * torch::ones({3}, torch::kCPU), y);
               })),
               c10::Error);
}

TEST_F(MetaTile, ShapesOnlyBackendFindsAShortTensor) {
  const torch::Tensor order = torch::empty({89}, torch::dtype(torch::kLong).device(torch::kMeta));
  EXPECT_THROW(backend_of(torch::kMeta).permutation({}, 0, 90, order.mutable_data_ptr<int64_t>()), std::logic_error);
  int64_t on_host = 0;
  EXPECT_THROW(backend_of(torch::kMeta).permutation({}, 0, 1, &on_host), std::logic_error);
}

using MetaTileDeathTest = MetaTile;

TEST_F(MetaTileDeathTest, NobodyTouchesTheMemory) {
  const torch::Tensor order = torch::empty({90}, torch::dtype(torch::kLong).device(torch::kMeta));
  EXPECT_DEATH(host_backend().permutation({}, 0, 90, order.mutable_data_ptr<int64_t>()), "");
}

TEST(MetaDevice, NothingTrainsThereOtherwise) { EXPECT_THROW(backend_of(torch::kMeta), DeviceError); }

}  // namespace meta_test
}  // namespace lockstep
