#include <algorithm>
#include <cmath>

#include <gtest/gtest.h>

#include <lockstep/backend.h>
#include <lockstep/error.h>
#include <lockstep/torch/executor.h>

#include "executor_calls.h"
#include "torch/cohorts.h"
#include "torch/small_task.h"

namespace lockstep {
namespace executor_test {

using namespace lockstep::testing;

const Objective kAccuracy{Goal::kMaximize, "accuracy", {}};

/// 24 trials over two widths and two optimisers, with a learning rate of their own.
Configurations mixed() {
  SearchSpace space;
  space.add("lr", normal(0, 1));
  space.add("width", choice({Value(int64_t{8}), Value(int64_t{16})}));
  space.add("optimizer", choice({Value("sgd"), Value("adam")}));
  std::vector<double> draws;
  for (int i = 0; i < 24; ++i) {
    draws.push_back(0.005 + 0.002 * i);
    draws.push_back(i % 2);
    draws.push_back(i % 3 == 0);
  }
  return Configurations(space, 0, 24, draws);
}

std::string message_of(const std::function<void()>& work) {
  try {
    work();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

std::vector<std::vector<double>> run(const TorchExecutorOptions& options, int64_t n_intervals) {
  const SmallTask task(true);
  const Configurations configurations = mixed();
  const Settings settings;
  const Objective loss{Goal::kMinimize, "loss", {}};
  auto executor = make_torch_executor(task, configurations, settings, loss, options);
  executor->start(in_own_slots(iota(24)));
  std::vector<std::vector<double>> out;
  for (int64_t n = 0; n < n_intervals; ++n) out.push_back(train_interval(*executor, 24, std::nan("")));
  return out;
}

TEST(TorchExecutor, ReadingSplitsCohorts) {
  const SmallTask task;
  const Configurations configurations = mixed();
  const Settings settings;
  const auto cohorts = find_cohorts({task, configurations, settings, torch::kCPU, 1}, task.data().train);
  ASSERT_EQ(cohorts.size(), 4u);  // 2 widths x 2 optimisers; the learning rate splits nothing
  size_t n = 0;
  for (const auto& cohort : cohorts) {
    n += cohort.trials.size();
    for (const auto trial : cohort.trials) {
      EXPECT_EQ(configurations.draw(trial, 1), configurations.draw(cohort.trials.front(), 1));
      EXPECT_EQ(configurations.draw(trial, 2), configurations.draw(cohort.trials.front(), 2));
    }
    const int64_t width = configurations.draw(cohort.trials.front(), 1) == 0 ? 8 : 16;
    EXPECT_EQ(cohort.row_size, 8 * width + width + 3 * width + 3);
    EXPECT_GT(cohort.trial_bytes, 2 * 4 * cohort.row_size);
  }
  EXPECT_EQ(n, 24u);
}

TEST(TorchExecutor, TileSizeAndThreadsChangeNothingButRounding) {
  TorchExecutorOptions options;
  options.seed = 3;
  options.n_threads = 1;
  options.tile_size = 24;
  const auto reference = run(options, 3);
  for (const int64_t tile : {1, 3, 5}) {
    for (const int threads : {1, 2}) {
      options.tile_size = tile;
      options.n_threads = threads;
      const auto got = run(options, 3);
      for (size_t n = 0; n < 3; ++n) {
        for (size_t t = 0; t < 24; ++t) EXPECT_NEAR(got[n][t], reference[n][t], 1e-4 * std::abs(reference[n][t])) << t;
      }
    }
  }
}

TEST(TorchExecutor, RepeatsBitForBit) {
  TorchExecutorOptions options;
  options.seed = 9;
  options.n_threads = 2;
  EXPECT_EQ(run(options, 2), run(options, 2));
  auto other = options;
  other.seed = 10;
  EXPECT_NE(run(options, 1), run(other, 1));
}

TEST(TorchExecutor, SurvivorsAndLatecomersTrainAsInFullCompany) {
  const SmallTask task(true);
  const Configurations configurations = mixed();
  const Settings settings;
  const Objective loss{Goal::kMinimize, "loss", {}};
  TorchExecutorOptions options;
  options.seed = 3;
  options.n_threads = 2;
  options.tile_size = 3;
  const auto reference = run(options, 4);

  auto executor = make_torch_executor(task, configurations, settings, loss, options);
  const auto all = iota(24);
  executor->start(in_own_slots(std::span(all).first(16)));
  std::map<int64_t, size_t> age;
  constexpr double kNobody = -1;  // no loss is below 0
  const auto check = [&] {
    const std::vector<double> metrics = train_interval(*executor, 24, kNobody);
    for (int64_t trial = 0; trial < 24; ++trial) {
      const double metric = metrics[static_cast<size_t>(trial)];
      if (metric == kNobody) continue;
      const double want = reference.at(age[trial]++)[static_cast<size_t>(trial)];
      EXPECT_NEAR(metric, want, 1e-4 * std::abs(want)) << "trial " << trial;
    }
  };
  check();
  executor->retire(std::vector<int64_t>{0, 1, 2, 5, 8, 9, 10});
  executor->start(in_own_slots(std::span(all).subspan(16)));
  check();
  executor->retire(std::vector<int64_t>{3, 16, 20});
  check();
  check();
  EXPECT_EQ(age.at(4), 4u);
  EXPECT_EQ(age.at(0), 1u);
  EXPECT_EQ(age.at(17), 3u);
  EXPECT_EQ(age.at(16), 1u);
}

TEST(TorchExecutor, TestsTheWeightsThatWereKept) {
  const SmallTask task(true);
  const Configurations configurations = mixed();
  const Settings settings;
  const Objective loss{Goal::kMinimize, "loss", {}};
  TorchExecutorOptions options;
  options.seed = 3;
  auto executor = make_torch_executor(task, configurations, settings, loss, options);
  EXPECT_FALSE(executor->test_kept(7).has_value());
  executor->start(in_own_slots(iota(24)));
  train_interval(*executor, 24);
  executor->keep(7);
  const auto kept = executor->test_kept(7);
  ASSERT_TRUE(kept.has_value());
  train_interval(*executor, 24);
  EXPECT_EQ(executor->test_kept(7), kept);  // of then, not of now
  executor->keep(7);
  EXPECT_NE(executor->test_kept(7), kept);
}

TEST(TorchExecutor, ExploitingTrialGoesOnAsItsSource) {
  const SmallTask task(true);
  const Configurations configurations = mixed();
  const Settings settings;
  const Objective loss{Goal::kMinimize, "loss", {}};
  TorchExecutorOptions options;
  options.seed = 3;
  options.n_threads = 2;
  options.tile_size = 3;
  auto executor = make_torch_executor(task, configurations, settings, loss, options);
  ASSERT_EQ(executor->cohort(2), executor->cohort(8));
  ASSERT_NE(executor->cohort(2), executor->cohort(3));
  EXPECT_FALSE(executor->structural(0));
  EXPECT_TRUE(executor->structural(1));
  executor->start(in_own_slots(iota(24)));
  train_interval(*executor, 24);
  const auto before = train_interval(*executor, 24);
  EXPECT_NE(before[2], before[8]);
  // With the very configuration of its source it is the same trial from here on; with another it is not.
  const std::vector<double> same(configurations.row(8), configurations.row(8) + 3);
  std::vector<double> other(configurations.row(11), configurations.row(11) + 3);
  other[0] *= 3;
  executor->exploit(std::vector<Exploit>{{2, 8, same}, {5, 11, other}});
  for (int n = 0; n < 2; ++n) {
    const auto after = train_interval(*executor, 24);
    EXPECT_NEAR(after[2], after[8], 1e-5 * after[8]);
    EXPECT_GT(std::abs(after[5] - after[11]), 1e-3 * after[11]);
  }
}

TEST(TorchExecutor, FewTrialsLeftTrainOnAllCoresAsBefore) {
  const SmallTask task(true);
  const Configurations configurations = table({{"lr", spread(8, 0.01, 0.05)}});
  const Settings settings;
  const Objective loss{Goal::kMinimize, "loss", {}};
  TorchExecutorOptions options;
  options.seed = 3;
  options.n_threads = 4;
  const auto survivors = [&](const std::vector<int64_t>& gone) {
    auto executor = make_torch_executor(task, configurations, settings, loss, options);
    executor->start(in_own_slots(iota(8)));
    train_interval(*executor, 8);
    executor->retire(gone);
    train_interval(*executor, 8, -1);
    return train_interval(*executor, 8, -1);
  };
  const auto reference = survivors({});
  const auto few = survivors({0, 1, 4, 6, 7});  // the places of some cores are empty now
  for (const int64_t trial : {2, 3, 5}) EXPECT_NEAR(few[trial], reference[trial], 1e-4 * reference[trial]) << trial;
  EXPECT_EQ(few[0], -1);
}

TEST(TorchExecutor, LearnsTheTask) {
  const SmallTask task;
  const Configurations configurations = mixed();
  const Settings settings;
  auto executor = make_torch_executor(task, configurations, settings, kAccuracy, {});
  executor->start(in_own_slots(iota(24)));
  std::vector<double> metrics;
  for (int n = 0; n < 15; ++n) metrics = train_interval(*executor, 24);
  EXPECT_GT(*std::max_element(metrics.begin(), metrics.end()), 0.85);
}

TEST(TorchExecutor, RefusesAMetricThatIsNotReported) {
  const SmallTask task;
  const Configurations configurations = mixed();
  const Settings settings;
  const Objective objective{Goal::kMaximize, "acuracy", {"sweep.yml", 12, 1}};
  const auto message = message_of([&] { make_torch_executor(task, configurations, settings, objective, {}); });
  EXPECT_NE(message.find("sweep.yml:12"), std::string::npos) << message;
  EXPECT_NE(message.find("did you mean 'accuracy'"), std::string::npos) << message;
  EXPECT_NE(message.find("loss"), std::string::npos) << message;
}

TEST(TorchExecutor, RefusesNamesThatTheTaskNeverReads) {
  const SmallTask task;
  SearchSpace space;
  space.add("lrr", normal(0, 1), {"sweep.yml", 7, 3});
  const Configurations configurations(space, 0, 2, {0.1, 0.2});
  const Settings settings;
  auto message = message_of([&] { make_torch_executor(task, configurations, settings, kAccuracy, {}); });
  EXPECT_NE(message.find("sweep.yml:7: search_space.lrr"), std::string::npos) << message;
  EXPECT_NE(message.find("'lr'"), std::string::npos) << message;

  const Settings misspelt{{"epoch", {Value(3), {"sweep.yml", 20, 3}}}};
  message = message_of([&] { make_torch_executor(task, mixed(), misspelt, kAccuracy, {}); });
  EXPECT_NE(message.find("sweep.yml:20: trial.epoch"), std::string::npos) << message;
  EXPECT_NE(message.find("'epochs'"), std::string::npos) << message;
}

TEST(TorchExecutor, RefusesValuesOfTheWrongKind) {
  const SmallTask task;
  const Settings settings{{"epochs", {Value("many"), {"sweep.yml", 20, 3}}}};
  const auto message = message_of([&] { make_torch_executor(task, mixed(), settings, kAccuracy, {}); });
  EXPECT_NE(message.find("sweep.yml:20: trial.epochs"), std::string::npos) << message;
  EXPECT_NE(message.find("integer"), std::string::npos) << message;
}

/// A task whose trials are broken in a way that only running shows.
class BrokenTask : public SmallTask {
 public:
  TrialProgram build(const TrialConfig& config) const override {
    TrialProgram program = SmallTask::build(config);
    const std::string fault = config.text("fault");
    if (fault == "shape") program.forward = [](torch::Tensor x) { return x.matmul(torch::zeros({3, 3})); };
    if (fault == "vector loss") program.loss = [](torch::Tensor output, torch::Tensor) { return output.sum(1); };
    if (fault == "constant loss") program.loss = [](torch::Tensor, torch::Tensor) { return torch::tensor(1.0f); };
    return program;
  }
};

TEST(TorchExecutor, NamesTheFaultOfABrokenTask) {
  const BrokenTask task;
  const auto message = [&](const char* fault) {
    const Settings settings{{"fault", {Value(fault), {}}}};
    return message_of([&] { make_torch_executor(task, mixed(), settings, kAccuracy, {}); });
  };
  EXPECT_NE(message("shape").find("the task failed"), std::string::npos);
  EXPECT_NE(message("vector loss").find("must be a scalar"), std::string::npos);
  EXPECT_NE(message("constant loss").find("does not depend on the trial"), std::string::npos);
}

}  // namespace executor_test
}  // namespace lockstep
