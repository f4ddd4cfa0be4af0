// What a program can make its own: the training step, what is predicted, the data, the optimiser and its schedule, the metrics;
// and what it gets back: the best trials' weights, ensembles, a sweep that runs in the background.
#include <cmath>
#include <map>
#include <memory>
#include <set>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <lockstep/torch/ensemble.h>
#include <lockstep/torch/sweep.h>
#include <torch/torch.h>

#include "torch/small_task.h"

namespace lockstep {
namespace embedding_test {

using namespace lockstep::testing;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Change = std::function<void(const TrialConfig&, TrialProgram&)>;

/// The small task with something of one's own.
FunctionTask changed(const Change& change, bool batch_norm = false, const DataSet& data = small_data(),
                     const std::vector<Metric>& more = {}) {
  const auto small = std::make_shared<SmallTask>(batch_norm);
  std::vector<Metric> metrics = small->metrics();
  metrics.insert(metrics.end(), more.begin(), more.end());
  return FunctionTask(data, metrics, [small, change](const TrialConfig& config) {
    TrialProgram program = small->build(config);
    if (change) change(config, program);
    return program;
  });
}

/// Every trial's reports, and what it reported beside.
class Reports : public SweepObserver {
 public:
  void on_interval(const IntervalReport& report) override {
    for (size_t i = 0; i < report.metrics.size(); ++i) {
      const MetricReport& each = report.metrics[i];
      EXPECT_EQ(each.interval, static_cast<int64_t>(primary[each.trial].size()) + 1);
      primary[each.trial].push_back(each.metric);
      const size_t n = report.other_metrics.size() / report.metrics.size();
      for (size_t k = 0; k < n; ++k) others[each.trial].push_back(report.other_metrics[i * n + k]);
    }
  }
  std::map<int64_t, std::vector<double>> primary, others;
};

/// 24 trials in 8 slots: they are refilled and compacted on the way.
SweepSpec spec_of(const std::string& metric = "loss") {
  SweepSpec spec;
  spec.search_space.add("lr", uniform(0.02, 0.4)).add("momentum", uniform(0, 0.9)).add("epochs", choice({2, 3, 5}));
  spec.objective = {metric == "accuracy" ? Goal::kMaximize : Goal::kMinimize, metric, {}};
  spec.limits.max_total_trials = 24;
  spec.limits.max_concurrent_trials = 8;
  return spec;
}

std::map<int64_t, std::vector<double>> reports(const Task& task, SweepSpec spec = spec_of(), SweepOptions options = {}) {
  Reports observer;
  options.seed = 5;
  options.observers.push_back(&observer);
  options.executor.n_threads = 2;
  run_sweep(task, spec, options);
  return observer.primary;
}

void expect_near(const std::map<int64_t, std::vector<double>>& actual, const std::map<int64_t, std::vector<double>>& expected,
                 double tolerance) {
  ASSERT_EQ(actual.size(), expected.size());
  for (const auto& [trial, curve] : expected) {
    ASSERT_EQ(actual.at(trial).size(), curve.size()) << trial;
    for (size_t i = 0; i < curve.size(); ++i) {
      EXPECT_NEAR(actual.at(trial)[i], curve[i], tolerance * std::abs(curve[i])) << trial << " at " << i;
    }
  }
}

// ---- the step and what is predicted

TEST(OwnStep, OfLossAndForwardIsTheSame) {
  const FunctionTask own = changed([](const TrialConfig&, TrialProgram& program) {
    program.step = [forward = program.forward](torch::Tensor x, torch::Tensor y) {
      return torch::nn::functional::cross_entropy(forward(x), y);
    };
    program.loss = nullptr;
  });
  EXPECT_EQ(reports(own), reports(changed({})));
}

TEST(OwnStep, OfTrialsOneByOneToo) {
  // `item` cannot run as a batch.
  const auto read = [](const TrialConfig&, TrialProgram& program) {
    program.step = [forward = program.forward](torch::Tensor x, torch::Tensor y) {
      const auto loss = torch::nn::functional::cross_entropy(forward(x), y);
      EXPECT_TRUE(std::isfinite(loss.item<double>()));
      return loss;
    };
  };
  expect_near(reports(changed(read)), reports(changed({})), 1e-4);
}

TEST(OwnStep, MissingFunctionsAreNamed) {
  const auto without = [](auto member) {
    return changed([member](const TrialConfig&, TrialProgram& program) { program.*member = nullptr; });
  };
  for (const auto& task : {without(&TrialProgram::loss), without(&TrialProgram::forward)}) {
    try {
      reports(task);
      ADD_FAILURE() << "nothing was thrown";
    } catch (const TaskError& error) {
      EXPECT_THAT(error.what(), HasSubstr("without a forward function"));
    }
  }
}

TEST(OwnPrediction, IsWhatMetricsSee) {
  const Metric mean{"mean", [](torch::Tensor output, torch::Tensor) { return output.mean(1); }};
  const FunctionTask ones = changed(
      [](const TrialConfig&, TrialProgram& program) {
        program.predict = [forward = program.forward](torch::Tensor x) { return forward(x) * 0 + 7; };
      },
      false, small_data(), {mean});
  for (const auto& [trial, curve] : reports(ones, spec_of("mean"))) {
    for (const double each : curve) EXPECT_EQ(each, 7) << trial;
  }
}

TEST(Augmentation, IsEachTrialsOwnAtEachStep) {
  const auto noisy = [](const TrialConfig&, TrialProgram& program) {
    program.augment = [](torch::Tensor x) { return x + torch::randn_like(x); };
  };
  const FunctionTask task = changed(noisy);
  const auto together = reports(task);
  EXPECT_NE(together, reports(changed({})));
  // In other company, and in other tiles: the same noise.
  SweepSpec one_by_one = spec_of();
  one_by_one.limits.max_concurrent_trials = 3;
  expect_near(reports(task, one_by_one, {.executor = {.tile_size = 1}}), together, 1e-5);
}

// ---- data

/// The same data, fetched.
DataSet fetched(DataSet data) {
  for (auto* part : {&data.train, &data.validation, &data.test}) {
    const DataPart tensors = *part;
    part->inputs = part->targets = torch::Tensor();
    part->n_examples = tensors.size();
    part->fetch = [tensors](const torch::Tensor& examples) {
      return Batch{tensors.inputs.index_select(0, examples), tensors.targets.index_select(0, examples)};
    };
  }
  return data;
}

TEST(FetchedData, TrainsAsTensorsDo) {
  for (const bool own_order : {false, true}) {
    const auto ordered = [own_order](const TrialConfig&, TrialProgram& program) { program.own_order = own_order; };
    EXPECT_EQ(reports(changed(ordered, false, fetched(small_data()))), reports(changed(ordered))) << own_order;
  }
}

TEST(FetchedData, HasTargetsForMetricsThatAreFinished) {
  const Metric share{"share", [](torch::Tensor output, torch::Tensor y) { return output.argmax(1).eq(y); },
                     [](double mean, const torch::Tensor& targets) { return mean * static_cast<double>(targets.size(0)); }};
  const SweepSpec spec = spec_of("share");
  EXPECT_EQ(reports(changed({}, false, fetched(small_data()), {share}), spec), reports(changed({}, false, small_data(), {share}), spec));
}

TEST(FetchedData, HasAFingerprintOfItsExamples) {
  const DataSet data = fetched(small_data());
  EXPECT_EQ(data_fingerprint(data), data_fingerprint(fetched(small_data())));
  DataSet other = small_data();
  other.validation.targets[0] = 2 - other.validation.targets[0];
  EXPECT_NE(data_fingerprint(data), data_fingerprint(fetched(other)));
}

TEST(FetchedData, OfAnotherSizeIsRefused) {
  DataSet data = fetched(small_data());
  data.train.fetch = [](const torch::Tensor& examples) {
    return Batch{torch::zeros({examples.size(0), 8}), torch::zeros({1}, torch::kLong)};
  };
  try {
    reports(changed({}, false, data));
    ADD_FAILURE() << "nothing was thrown";
  } catch (const TaskError& error) {
    EXPECT_THAT(error.what(), HasSubstr("16 examples and gave 1 targets"));
  }
}

// ---- optimiser and schedule

/// SGD with momentum as torch::optim has it, written anew.
void own_sgd(const TrialConfig& config, TrialProgram& program) {
  const auto momentum = config.tensor("momentum");
  program.optimizer.own.n_states = 1;
  program.optimizer.own.step = [momentum](const RowStep& rows) {
    const auto& buffer = rows.state[0];
    buffer.copy_(torch::where(rows.step.eq(1), rows.gradients, buffer * rows.column(momentum) + rows.gradients));
    rows.parameters.sub_(rows.learning_rate * buffer);
  };
}

TEST(OwnOptimizer, IsRefilledAndCompactedAsTheBuiltInOnes) { expect_near(reports(changed(own_sgd)), reports(changed({})), 1e-4); }

TEST(OwnOptimizer, SeesWhatTheOptionsDoToTheGradients) {
  SweepSpec spec = spec_of();
  spec.trial["schedule"] = {Value(LearningRateSchedule::kCosine), {}};
  spec.trial["warmup_epochs"] = {Value(1.0), {}};
  spec.trial["clip_grad_norm"] = {Value(0.5), {}};
  spec.trial["clip_grad_value"] = {Value(0.1), {}};
  spec.trial["loss_scale"] = {Value(256.0), {}};
  expect_near(reports(changed(own_sgd), spec), reports(changed({}), spec), 1e-4);
}

TEST(OwnOptimizer, HasTheRateOfACyclingSchedule) {
  SweepSpec spec = spec_of();
  spec.trial["schedule"] = {Value(LearningRateSchedule::kOneCycle), {}};
  spec.trial["cycle_momentum"] = {Value(0.0), {}};
  const auto expected = reports(changed({}), spec);
  spec.trial["cycle_momentum"] = {Value(1.0), {}};  // which is the built-in optimisers' affair
  expect_near(reports(changed(own_sgd), spec), expected, 1e-4);
}

TEST(OwnOptimizer, RowsThatSkipStayAsTheyAre) {
  // The scale overflows at first, in some trials for longer than in others.
  SweepSpec spec = spec_of();
  spec.search_space.add("loss_scale", choice({1e30, 1e36, 3e38}));
  expect_near(reports(changed(own_sgd), spec), reports(changed({}), spec), 1e-4);
}

TEST(OwnOptimizer, DivergedTrialsEnd) {
  SweepSpec spec = spec_of();
  spec.trial["divergence_threshold"] = {Value(0.0), {}};
  for (const auto& [trial, curve] : reports(changed(own_sgd), spec)) {
    ASSERT_EQ(curve.size(), 1u) << trial;
    EXPECT_TRUE(std::isnan(curve[0])) << trial;
  }
}

TEST(OwnSchedule, IsAskedAtEveryStep) {
  const Change own = [](const TrialConfig& config, TrialProgram& program) {
    const auto epochs = static_cast<double>(config.integer("epochs"));
    program.optimizer.schedule.own = [epochs](const RowTimes& rows) {
      EXPECT_EQ(rows.n_epochs, epochs);
      return rows.learning_rate * 0.5 * (1 + (M_PI * rows.epoch / rows.n_epochs).cos());
    };
  };
  SweepSpec spec = spec_of();
  spec.trial["schedule"] = {Value(LearningRateSchedule::kCosine), {}};
  const auto expected = reports(changed({}), spec);
  expect_near(reports(changed(own), spec), expected, 1e-4);
  const Change both = [own](const TrialConfig& config, TrialProgram& program) {
    own(config, program);
    own_sgd(config, program);
  };
  expect_near(reports(changed(both), spec), expected, 1e-4);
}

TEST(OwnSchedule, OfAnotherShapeIsRefused) {
  const FunctionTask own = changed([](const TrialConfig&, TrialProgram& program) {
    program.optimizer.schedule.own = [](const RowTimes& rows) { return rows.learning_rate.unsqueeze(1); };
  });
  EXPECT_THROW(reports(own), TaskError);
}

// ---- metrics

/// Median over examples of the largest output: no mean over examples.
torch::Tensor median_of_largest(torch::Tensor outputs, torch::Tensor) { return std::get<0>(std::get<0>(outputs.max(1)).median(0)); }

TEST(Metrics, OfAWholePartAreOfAllExamplesAtOnce) {
  Metric whole{"median"};
  whole.whole = median_of_largest;
  const DataSet data = small_data(90, 300);  // some passes
  const FunctionTask task = changed({}, false, data, {whole});
  SweepSpec spec = spec_of("median");
  const TaskSweep sweep = run_sweep(task, spec, {.seed = 5});
  const TrialProgram best = restore_trial(task, sweep.configurations, spec.trial, sweep.result.best.trial, sweep.weights.front());
  const torch::NoGradGuard no_grad;
  EXPECT_NEAR(sweep.result.best.metric, median_of_largest(best.forward(data.validation.inputs), {}).item<double>(), 1e-5);
  EXPECT_NEAR(*sweep.result.test_metric, median_of_largest(best.forward(data.test.inputs), {}).item<double>(), 1e-5);
  // And of trials that cannot run as a batch.
  const auto read = [](const TrialConfig&, TrialProgram& program) {
    program.predict = [forward = program.forward](torch::Tensor x) {
      const auto out = forward(x);
      EXPECT_TRUE(std::isfinite(out.sum().item<double>()));
      return out;
    };
  };
  expect_near(reports(changed(read, false, data, {whole}), spec), reports(task, spec), 1e-4);
}

TEST(Metrics, OthersAreReportedBesideThePrimaryOne) {
  Metric whole{"median"};
  whole.whole = median_of_largest;
  const FunctionTask task = changed({}, false, small_data(), {whole});
  Reports observer;
  SweepSpec spec = spec_of("accuracy");
  const TaskSweep sweep =
      run_sweep(task, spec, {.seed = 5, .other_metrics = {"loss", "median"}, .observers = {&observer}, .executor = {.n_threads = 2}});
  const auto accuracies = reports(task, spec), losses = reports(task, spec_of("loss")), medians = reports(task, spec_of("median"));
  EXPECT_EQ(observer.primary, accuracies);
  for (const auto& [trial, curve] : losses) {
    ASSERT_EQ(observer.others.at(trial).size(), 2 * curve.size());
    for (size_t i = 0; i < curve.size(); ++i) {
      EXPECT_EQ(observer.others.at(trial)[2 * i], curve[i]);
      EXPECT_EQ(observer.others.at(trial)[2 * i + 1], medians.at(trial)[i]);
    }
  }
  EXPECT_EQ(sweep.validation_metrics.at("accuracy"), sweep.result.best.metric);
  EXPECT_EQ(sweep.test_metrics.at("accuracy"), *sweep.result.test_metric);
  const BestTrial& best = sweep.result.best;
  EXPECT_NEAR(sweep.validation_metrics.at("loss"), losses.at(best.trial)[static_cast<size_t>(best.interval) - 1], 1e-5);
  EXPECT_EQ(sweep.test_metrics.size(), 3u);
  EXPECT_THROW(run_sweep(task, spec, {.other_metrics = {"los"}}), TaskError);
}

// ---- the best trials

TEST(Kept, AreTheBestTrialsWithTheirBestWeights) {
  const FunctionTask task = changed({}, /*batch_norm=*/true);
  SweepSpec spec = spec_of();
  spec.search_space.add("width", choice({8, 12}));
  const auto curves = reports(task, spec);
  std::vector<std::pair<double, int64_t>> best;  // by value, then by trial
  for (const auto& [trial, curve] : curves) best.emplace_back(*std::min_element(curve.begin(), curve.end()), trial);
  std::sort(best.begin(), best.end());
  const TaskSweep sweep = run_sweep(task, spec, {.seed = 5, .n_kept = 6, .executor = {.n_threads = 2}});
  ASSERT_EQ(sweep.result.leaders.size(), 6u);
  ASSERT_EQ(sweep.weights.size(), 6u);
  const torch::NoGradGuard no_grad;
  for (size_t i = 0; i < 6; ++i) {
    const Leader& leader = sweep.result.leaders[i];
    EXPECT_EQ(leader.best.trial, best[i].second) << i;
    EXPECT_EQ(leader.best.metric, best[i].first) << i;
    const TrialProgram program = restore_trial(task, sweep.configurations, spec.trial, leader.best.trial, sweep.weights[i]);
    const auto& part = task.data().validation;
    EXPECT_NEAR(program.loss(program.forward(part.inputs), part.targets).item<double>(), leader.best.metric, 1e-5) << i;
  }
  EXPECT_EQ(sweep.best_value("lr").as_real(), sweep.configurations.value(sweep.result.best.trial, 0).as_real());
  EXPECT_THROW(sweep.best_value("learning_rate"), InputError);

  // The last of them has another shape, so the ensemble has two batches.
  const Ensemble ensemble(task, sweep);
  EXPECT_EQ(ensemble.n_trials(), 6);
  const torch::Tensor outputs = ensemble.forward(task.data().test.inputs);
  ASSERT_EQ(outputs.sizes(), (std::vector<int64_t>{6, 40, 3}));
  std::set<std::string> widths;
  for (size_t i = 0; i < 6; ++i) {
    const int64_t trial = sweep.result.leaders[i].best.trial;
    widths.insert(sweep.configurations.value(trial, 3).to_string());
    const TrialProgram program = restore_trial(task, sweep.configurations, spec.trial, trial, sweep.weights[i]);
    EXPECT_TRUE(torch::allclose(outputs[static_cast<int64_t>(i)], program.forward(task.data().test.inputs), 1e-4, 1e-5)) << i;
  }
  EXPECT_EQ(widths.size(), 2u) << "choose another seed: both kinds are to be there";
}

TEST(Kept, OfModulesThatCannotRunAsABatchPredictTogetherToo) {
  const auto read = [](const TrialConfig&, TrialProgram& program) {
    program.forward = [forward = program.forward](torch::Tensor x) {
      const auto out = forward(x);
      EXPECT_TRUE(std::isfinite(out.sum().item<double>()));
      return out;
    };
  };
  const FunctionTask task = changed(read);
  const TaskSweep sweep = run_sweep(task, spec_of(), {.seed = 5, .n_kept = 3});
  const torch::Tensor outputs = Ensemble(task, sweep).forward(task.data().test.inputs);
  ASSERT_EQ(outputs.sizes(), (std::vector<int64_t>{3, 40, 3}));
  const TrialProgram best = restore_trial(task, sweep.configurations, {}, sweep.result.best.trial, sweep.weights.front());
  EXPECT_TRUE(torch::equal(outputs[0], best.forward(task.data().test.inputs)));
}

TEST(Kept, FewerThanOneAreRefused) { EXPECT_THROW(run_sweep(changed({}), spec_of(), {.n_kept = 0}), InputError); }

// ---- in the background

TEST(Background, GivesWhatAForegroundSweepGives) {
  const FunctionTask task = changed({});
  Reports observer;
  RunningSweep running(task, spec_of(), {.seed = 5, .observers = {&observer}, .executor = {.n_threads = 2}});
  const TaskSweep sweep = running.get();
  EXPECT_TRUE(running.is_done());
  EXPECT_EQ(running.progress().n_finished, 24);
  EXPECT_EQ(observer.primary, reports(task));
  EXPECT_EQ(sweep.result.end, SweepEnd::kCompleted);
}

TEST(Background, StopsWhenItIsAsked) {
  const FunctionTask task = changed({});
  SweepSpec spec = spec_of();
  spec.search_space = {};
  spec.search_space.add("lr", uniform(0.02, 0.4));
  spec.trial["epochs"] = {Value(1'000'000), {}};
  std::atomic<bool> asked = false;
  for (const bool by_caller : {false, true}) {
    RunningSweep running(task, spec, {.seed = 5, .stop_requested = &asked});
    EXPECT_FALSE(running.is_done());
    while (running.progress().trial_intervals == 0) std::this_thread::yield();
    if (by_caller) asked = true;
    if (!by_caller) running.stop();
    const TaskSweep sweep = running.get();
    EXPECT_EQ(sweep.result.end, SweepEnd::kInterrupted);
    EXPECT_EQ(sweep.result.progress.n_aborted, 8);
    EXPECT_EQ(sweep.weights.size(), 1u);
  }
  const RunningSweep forgotten(task, spec, {.seed = 5});  // ends with its scope
}

TEST(Background, ThrowsWhatTheSweepThrew) {
  SweepSpec spec = spec_of("nothing");
  const FunctionTask task = changed({});
  RunningSweep running(task, spec);
  EXPECT_THROW(running.get(), TaskError);
}

// ---- one's own sampler

class Halving : public Proposer {
 public:
  std::vector<double> propose(int64_t n) override {
    std::vector<double> draws;
    for (int64_t i = 0; i < n; ++i, lr_ /= 2) draws.insert(draws.end(), {lr_, 0.5, 0});
    return draws;
  }

 private:
  double lr_ = 0.4;
};

TEST(OwnSampler, ChoosesTheConfigurations) {
  Halving halving;
  SweepSpec spec = spec_of();
  spec.limits.max_total_trials = 6;
  spec.limits.max_concurrent_trials = 2;
  const TaskSweep sweep = run_sweep(changed({}), spec, {.seed = 5, .proposer = &halving});
  EXPECT_EQ(sweep.result.progress.n_finished, 6);
  for (int64_t trial = 0; trial < 6; ++trial) EXPECT_EQ(sweep.configurations.draw(trial, 0), std::ldexp(0.4, -static_cast<int>(trial)));
}

}  // namespace embedding_test
}  // namespace lockstep
