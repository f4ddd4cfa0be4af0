// Training on a GPU beside training on the CPU. Skipped, visibly, where there is no GPU.

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <optional>

#include <lockstep/torch/device.h>
#include <lockstep/torch/executor.h>

#include "executor_calls.h"
#include "torch/faithful_models.h"

namespace lockstep {
namespace gpu_test {

using namespace lockstep::testing;

constexpr int64_t kTrials = 24;
/// Products on a GPU sum in another order, and after some steps of training the last digits have spread.
constexpr double kTolerance = 2e-3;

struct Model {
  std::string name;
  OptimizerKind optimizer;
  double largest_lr;
  std::function<BuiltModel()> build;
};

std::vector<Model> models() {
  return {
      {"Mlp", OptimizerKind::kSgd, 0.3, [] { return built<Mlp>(); }},
      {"CnnWithDropout", OptimizerKind::kSgd, 0.1, [] { return built<Cnn<nn::Dropout>>(nn::Dropout(0.3)); }},
      {"Lstm", OptimizerKind::kAdam, 0.02, [] { return built<Recurrent<nn::LSTM, nn::LSTMOptions>>(); }},
      {"Gru", OptimizerKind::kSgd, 0.3, [] { return built<Recurrent<nn::GRU, nn::GRUOptions>>(); }},
      {"Transformer", OptimizerKind::kAdamW, 0.01, [] { return built<SmallTransformer>(0.2); }},
  };
}

class OnGpu : public ::testing::TestWithParam<Model> {
 protected:
  OnGpu()
      : task_(model_task(GetParam().build, GetParam().optimizer)),
        configurations_(table({{"lr", spread(kTrials, GetParam().largest_lr / 30, GetParam().largest_lr)}})) {}

  void SetUp() override {
    try {
      gpu_ = torch_device({DeviceKind::kCuda, 0});
    } catch (const DeviceError& error) {
      GTEST_SKIP() << error.what();
    }
  }

  std::unique_ptr<TaskExecutor> executor(torch::Device device, int64_t tile_size = 0) const {
    TorchExecutorOptions options;
    options.device = device;
    options.tile_size = tile_size;
    options.seed = 7;
    options.refuse_host_waits = true;
    return make_torch_executor(task_, configurations_, settings_, {Goal::kMinimize, "loss", {}}, options);
  }

  /// [kTrials] metrics, in host memory.
  static std::vector<double> train(Executor& executor, torch::Device device) {
    const auto metrics = torch::full({kTrials}, -1, torch::dtype(torch::kDouble).device(device));
    executor.train_interval(metrics.mutable_data_ptr<double>());
    const auto here = metrics.cpu();
    return {here.const_data_ptr<double>(), here.const_data_ptr<double>() + kTrials};
  }

  static void expect_near(const std::vector<double>& found, const std::vector<double>& expected, double tolerance,
                          const std::string& what) {
    for (size_t i = 0; i < expected.size(); ++i) {
      EXPECT_NEAR(found[i], expected[i], tolerance * (1 + std::abs(expected[i]))) << what << ", trial " << i;
    }
  }

  FunctionTask task_;
  Configurations configurations_;
  Settings settings_;
  torch::Device gpu_ = torch::kCPU;
};

TEST_P(OnGpu, MetricsAreThoseOfTheCpu) {
  const auto there = executor(gpu_), here = executor(torch::kCPU);
  there->start(in_own_slots(iota(kTrials)));
  here->start(in_own_slots(iota(kTrials)));
  for (int interval = 0; interval < 3; ++interval) {
    expect_near(train(*there, gpu_), train(*here, torch::kCPU), kTolerance, "interval " + std::to_string(interval));
  }
  there->keep(3);
  here->keep(3);
  EXPECT_NEAR(there->test_kept(3).value(), here->test_kept(3).value(), kTolerance);
}

TEST_P(OnGpu, CompanyChangesNoMetricBeyondRounding) {
  const auto wave = executor(gpu_), refilled = executor(gpu_, 4);
  wave->start(in_own_slots(iota(kTrials)));
  std::vector<std::vector<double>> of_wave;
  for (int interval = 0; interval < 4; ++interval) of_wave.push_back(train(*wave, gpu_));
  std::map<int64_t, size_t> ages;
  const auto start = [&](const std::vector<int64_t>& trials) {
    refilled->start(in_own_slots(trials));
    for (const auto trial : trials) ages[trial] = 0;
  };
  const auto retire = [&](const std::vector<int64_t>& trials) {
    refilled->retire(trials);
    for (const auto trial : trials) ages.erase(trial);
  };
  const auto compare = [&] {
    const auto metrics = train(*refilled, gpu_);
    for (auto& [trial, age] : ages) {
      const double expected = of_wave.at(age++).at(static_cast<size_t>(trial));
      EXPECT_NEAR(metrics[static_cast<size_t>(trial)], expected, kTolerance * (1 + std::abs(expected)))
          << "trial " << trial << " at age " << age;
    }
  };
  start({23, 5, 17, 2, 11, 8, 14, 20, 0, 9});
  compare();
  retire({5, 17, 8});
  start({1, 12});
  compare();
  retire({2, 11, 14, 0});
  compare();
  start({4, 22, 3, 19, 16});
  compare();
}

TEST_P(OnGpu, SavedTrialsGoOnThere) {
  const auto first = executor(gpu_, 5);
  first->start(in_own_slots(iota(kTrials)));
  train(*first, gpu_);
  std::string saved;
  first->save([&](const void* data, size_t size) { saved.append(static_cast<const char*>(data), size); });
  const auto expected = train(*first, gpu_);
  const auto second = executor(gpu_, 5);
  size_t at = 0;
  second->restore(
      [&](void* data, size_t size) {
        std::memcpy(data, saved.data() + at, size);
        at += size;
      },
      in_own_slots(iota(kTrials)), {});
  EXPECT_EQ(at, saved.size());
  expect_near(train(*second, gpu_), expected, kTolerance, "restored");
}

TEST_P(OnGpu, ExploitsTakeOverWeights) {
  const auto gpu = executor(gpu_), cpu = executor(torch::kCPU);
  const std::vector<double> draws{GetParam().largest_lr / 10};
  std::vector<std::vector<double>> metrics;
  for (const auto& [each, device] : {std::pair{gpu.get(), gpu_}, std::pair{cpu.get(), torch::Device(torch::kCPU)}}) {
    each->start(in_own_slots(iota(kTrials)));
    train(*each, device);
    each->exploit(std::vector<Exploit>{{2, 20, draws}, {7, 20, draws}});
    metrics.push_back(train(*each, device));
  }
  expect_near(metrics[0], metrics[1], kTolerance, "exploited");
}

INSTANTIATE_TEST_SUITE_P(Kinds, OnGpu, ::testing::ValuesIn(models()), [](const auto& info) { return info.param.name; });

}  // namespace gpu_test
}  // namespace lockstep
