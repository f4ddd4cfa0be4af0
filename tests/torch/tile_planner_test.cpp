// How the executor groups trials: measured tile sizes, an earlier plan, a given memory.

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include <lockstep/error.h>
#include <lockstep/torch/executor.h>

#include "executor_calls.h"
#include "torch/cohorts.h"
#include "torch/heap.h"
#include "torch/small_task.h"
#include "torch/step_memory.h"
#include "torch/tile_planner.h"

namespace lockstep {
namespace tile_planner_test {

using namespace lockstep::testing;

constexpr int64_t kTrials = 40;

class TilePlanner : public ::testing::Test {
 protected:
  TilePlanner() : configurations_(table({{"lr", spread(kTrials, 0.01, 0.1)}})) {}

  TilePlan plan(int64_t epochs, int64_t most) {
    settings_["epochs"].value = Value(epochs);
    const TileSource source{task_, configurations_, settings_, torch::kCPU, 1};
    const auto cohorts = find_cohorts(source, task_.data().train);
    WorkerPool workers(2);
    return plan_tile(source, task_.data().train, cohorts.at(0), most, workers);
  }
  std::unique_ptr<TaskExecutor> executor(const TorchExecutorOptions& options) {
    return make_torch_executor(task_, configurations_, settings_, {Goal::kMaximize, "accuracy", {}}, options);
  }
  nlohmann::json plan_of(const TorchExecutorOptions& options) {
    return nlohmann::json::parse(executor(options)->plan());
  }

  SmallTask task_;
  Configurations configurations_;
  Settings settings_;
};

TEST_F(TilePlanner, MeasuresWhereTrainingIsLong) {
  const TilePlan found = plan(100'000, 32);
  ASSERT_GE(found.measured.size(), 2u);
  double fastest = found.measured.front().second, of_chosen = 0;
  for (const auto& [size, seconds] : found.measured) {
    EXPECT_GE(size, 1);
    EXPECT_LE(size, 32);
    EXPECT_GT(seconds, 0);
    fastest = std::min(fastest, seconds);
    if (size == found.size) of_chosen = seconds;
  }
  EXPECT_LE(of_chosen, fastest / 0.98) << found.measurements();
  EXPECT_EQ(found.measurements().rfind("measured: ", 0), 0u);
}

TEST_F(TilePlanner, DoesNotMeasureWhereThatWouldTakeLongerThanItSaves) {
  const TilePlan found = plan(1, 32);
  EXPECT_TRUE(found.measured.empty());
  EXPECT_EQ(found.measurements(), "");
  EXPECT_EQ(found.size, 32);  // such small trials all fit
  EXPECT_EQ(plan(100'000, 1).size, 1);
}

TEST_F(TilePlanner, AnEarlierPlanIsTakenOver) {
  TorchExecutorOptions options;
  options.plan = R"({"tiles": [7], "slots": 3})";
  EXPECT_EQ(plan_of(options)["tiles"], nlohmann::json({7}));
  options.tile_size = 5;
  EXPECT_EQ(plan_of(options)["tiles"], nlohmann::json({5})) << "what is fixed by hand counts more";
}

TEST_F(TilePlanner, APlanOfSomethingElseIsLeftAlone) {
  const auto own = plan_of({})["tiles"];
  for (const std::string plan : {"", "nonsense", "[]", R"({"tiles": 3})", R"({"tiles": [0]})", R"({"tiles": [7, 7]})"}) {
    TorchExecutorOptions options;
    options.plan = plan;
    EXPECT_EQ(plan_of(options)["tiles"], own) << plan;
  }
}

TEST_F(TilePlanner, MoreMemoryTakesMoreTrials) {
  TorchExecutorOptions options;
  options.n_threads = 1;
  int64_t before = 0;
  for (const int64_t mib : {1024, 2048, 4096}) {
    options.memory_bytes = mib << 20;
    const int64_t capacity = executor(options)->capacity();
    EXPECT_GT(capacity, before) << mib;
    before = capacity;
  }
}

TEST_F(TilePlanner, TooLittleMemoryForOneTrialSaysHowMuchItTakes) {
  TorchExecutorOptions options;
  options.n_threads = 1;
  options.memory_bytes = 1 << 20;
  try {
    executor(options);
    FAIL() << "a megabyte is too little";
  } catch (const InputError& error) {
    const std::string message = error.what();
    const std::string before = "give at least ";
    const size_t at = message.find(before);
    ASSERT_NE(at, std::string::npos) << message;
    options.memory_bytes = (std::stoll(message.substr(at + before.size())) + 16) << 20;  // memory moves meanwhile
    EXPECT_GE(executor(options)->capacity(), 1) << message;
  }
}

TEST_F(TilePlanner, MemoryOfAStepGrowsWithItsTrials) {
  const TileSource source{task_, configurations_, settings_, torch::kCPU, 1};
  const DataSet& data = task_.data();
  const auto cohorts = find_cohorts(source, data.train);
  const Metric* const metric = &task_.metrics()[0];
  const WorkingMemory memory = measure_memory(source, data.train, data.validation, std::span(&metric, 1), cohorts[0]);
  EXPECT_GE(memory.fixed, 0);
  EXPECT_GT(memory.per_trial, static_cast<double>(cohorts[0].row_bytes));
}

TEST(LastingZeros, CountAsWhatLibTorchAllocates) {
  for (const int64_t size : {100, 1 << 20}) {
    torch::Tensor rows;
    const int64_t peak = peak_memory_bytes([&] { rows = lasting_zeros({size}, torch::kFloat); });
    EXPECT_GE(peak, 4 * size);
    EXPECT_LE(peak, 4 * size + 64);
    EXPECT_TRUE(rows.eq(0).all().item<bool>());
    // What is given back counts no more.
    EXPECT_LE(peak_memory_bytes([&] {
                lasting_zeros({size}, torch::kFloat);
                lasting_zeros({size}, torch::kFloat);
              }),
              4 * size + 64);
  }
}

}  // namespace tile_planner_test
}  // namespace lockstep
