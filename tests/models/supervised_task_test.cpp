#include <lockstep/models/supervised_task.h>

#include <cmath>

#include <lockstep/backend.h>
#include <lockstep/models/metrics.h>
#include <lockstep/models/task_registry.h>
#include <lockstep/torch/executor.h>
#include <torch/torch.h>

#include "executor_calls.h"
#include "models/files.h"

namespace lockstep::models {
namespace {

const Metric& find(const std::vector<Metric>& metrics, const std::string& name) {
  for (const auto& each : metrics) {
    if (each.name == name) return each;
  }
  throw std::out_of_range(name);
}

/// A metric of plain tensors, as Task says: the mean over examples, finished.
double value_of(const Metric& metric, const torch::Tensor& output, const torch::Tensor& targets) {
  const double mean = metric.per_example(output, targets).to(torch::kDouble).mean().item<double>();
  return metric.finish ? metric.finish(mean, targets) : mean;
}

TEST(Metrics, ClassificationFollowsItsFormulas) {
  const std::vector<std::vector<double>> logits{{2, 1, 0}, {0, 3, 1}, {1, 1, 4}, {5, 0, 0}};
  const std::vector<int64_t> labels{0, 2, 2, 0};
  const auto output = torch::tensor({2., 1., 0., 0., 3., 1., 1., 1., 4., 5., 0., 0.}).view({4, 3}).to(torch::kFloat);
  const auto targets = torch::tensor(labels);
  double loss = 0;
  for (size_t i = 0; i < 4; ++i) {
    double sum = 0;
    for (const double x : logits[i]) sum += std::exp(x);
    loss -= (logits[i][static_cast<size_t>(labels[i])] - std::log(sum)) / 4;
  }
  const auto metrics = classification_metrics();
  EXPECT_DOUBLE_EQ(value_of(find(metrics, "accuracy"), output, targets), 0.75);
  EXPECT_DOUBLE_EQ(value_of(find(metrics, "error"), output, targets), 0.25);
  EXPECT_NEAR(value_of(find(metrics, "loss"), output, targets), loss, 1e-6);
}

TEST(Metrics, RegressionIsInTheTargetsUnits) {
  const std::vector<double> original{10, 20, 40, 90}, predicted{12, 18, 50, 70};
  const double mean = 30, std = 20;  // of some training part
  std::vector<float> y, p;
  for (const double v : original) y.push_back(static_cast<float>((v - mean) / std));
  for (const double v : predicted) p.push_back(static_cast<float>((v - mean) / std));
  double squares = 0, absolutes = 0, spread = 0;
  for (size_t i = 0; i < 4; ++i) {
    squares += (original[i] - predicted[i]) * (original[i] - predicted[i]) / 4;
    absolutes += std::abs(original[i] - predicted[i]) / 4;
    spread += (original[i] - 40) * (original[i] - 40) / 4;  // 40 is their mean
  }
  const auto metrics = regression_metrics(std);
  const auto value = [&](const char* name) {
    return value_of(find(metrics, name), torch::tensor(p), torch::tensor(y));
  };
  EXPECT_NEAR(value("mse"), squares, 1e-3);
  EXPECT_NEAR(value("rmse"), std::sqrt(squares), 1e-4);
  EXPECT_NEAR(value("mae"), absolutes, 1e-4);
  EXPECT_NEAR(value("r2"), 1 - squares / spread, 1e-6);
  EXPECT_NEAR(value("loss"), squares / (std * std), 1e-6);
  const auto same = torch::ones({3});
  EXPECT_EQ(value_of(find(metrics, "r2"), same, same), 1);
  EXPECT_EQ(value_of(find(metrics, "r2"), same + 1, same), 0);
}

/// Builds trial 0 of a spec as the executor does.
class Built {
 public:
  explicit Built(const SweepSpec& spec)
      : spec_(spec),
        task_(make_task(spec_)),
        configurations_(sample_random(host_backend(), context(), spec_.search_space, 0, 4)),
        executor_(make_torch_executor(*task_, configurations_, spec_.trial, spec_.objective, {})) {}
  Task& task() { return *task_; }
  Executor& executor() { return *executor_; }

 private:
  static Context context() {
    Context out;
    out.allocator = &host_backend().allocator();
    out.seed = 5;
    return out;
  }
  SweepSpec spec_;
  std::unique_ptr<Task> task_;
  Configurations configurations_;
  std::unique_ptr<Executor> executor_;
};

double best_after(Built& built, int n_intervals) {
  built.executor().start(in_own_slots(std::vector<int64_t>{0, 1, 2, 3}));
  double best = -INFINITY;
  for (int n = 0; n < n_intervals; ++n) {
    for (const double metric : train_interval(built.executor(), 4)) best = std::max(best, metric);
  }
  return best;
}

TEST(SupervisedTask, LearnsDigits) {
  Built built(Folder().spec("  model: mlp\n  dataset: digits\n  epochs: 8\n  hidden: 32\n  momentum: 0.9\n"));
  EXPECT_EQ(built.executor().n_intervals(0), 8);
  EXPECT_GT(best_after(built, 8), 0.94);
  EXPECT_NE(built.task().notes().at(0).find("digits"), std::string::npos);
}

TEST(SupervisedTask, LearnsARegressionInItsOwnUnits) {
  const Folder folder;
  std::string text = "a,b,y\n";
  for (int i = 0; i < 400; ++i) {
    const double a = std::sin(i * 1.7), b = std::cos(i * 2.9);
    text += std::to_string(a) + "," + std::to_string(b) + "," + std::to_string(1000 + 300 * a - 100 * b) + "\n";
  }
  folder.write("line.csv", text);
  const std::string trial =
      "  model: mlp\n  dataset: {csv: line.csv, target: y}\n  depth: 0\n  batch_size: 16\n  epochs: 20\n";
  SweepSpec spec = folder.spec(trial);
  spec.objective.primary_metric = "r2";
  Built built(spec);
  EXPECT_GT(best_after(built, 20), 0.999);  // a linear model of a linear law
  spec.objective.primary_metric = "mae";
  Built mae(spec);
  mae.executor().start(in_own_slots(std::vector<int64_t>{0, 1, 2, 3}));
  std::vector<double> metrics;
  for (int n = 0; n < 20; ++n) metrics = train_interval(mae.executor(), 4, INFINITY);
  for (const double metric : metrics) EXPECT_LT(metric, 20) << "of a spread of about 220";
}

TEST(SupervisedTask, TakesEveryHyperparameterWhateverTheOptimizer) {
  const Folder folder;
  const std::string trial =
      "  model: mlp\n  dataset: digits\n  epochs: 1\n  hidden: [16, 8]\n  dampening: 0.1\n  beta2: 0.99\n  eps: "
      "1.0e-7\n"
      "  validation_fraction: 0.2\n  test_fraction: 0.1\n  split_seed: 3\n";
  const std::string space =
      "  learning_rate: {type: uniform, min_value: 0.01, max_value: 0.1}\n"
      "  optimizer: {type: choice, values: [sgd, adam, adamw]}\n"
      "  momentum: {type: uniform, min_value: 0.0, max_value: 0.9}\n"
      "  nesterov: {type: choice, values: [true, false]}\n"
      "  beta1: {type: uniform, min_value: 0.8, max_value: 0.95}\n"
      "  weight_decay: {type: loguniform, min_value: -9, max_value: -4}\n"
      "  activation: {type: choice, values: [relu, tanh, gelu]}\n";
  Built built(folder.spec(trial, space));
  EXPECT_GT(best_after(built, 1), 0.1);
}

TEST(SupervisedTask, TakesTrainingOptionsThatVaryInsideABatch) {
  const Folder folder;
  const std::string trial =
      "  model: mlp\n  dataset: digits\n  epochs: 3\n  hidden: 32\n  momentum: 0.9\n  gamma: 0.5\n  eta_min: 0.001\n"
      "  pct_start: 0.4\n  div_factor: 10\n  final_div_factor: 100\n  warmup_factor: 0.2\n  cycle_momentum: true\n"
      "  base_momentum: 0.8\n  max_momentum: 0.9\n  max_lr: 0.1\n  loss_scale_growth_interval: 100\n"
      "  divergence_threshold: 1000\n";
  const std::string space =
      "  lr: {type: uniform, min_value: 0.02, max_value: 0.1}\n"
      "  schedule: {type: choice, values: [constant, step, cosine, one_cycle]}\n"
      "  step_size: {type: uniform, min_value: 0.5, max_value: 2}\n"
      "  warmup_epochs: {type: choice, values: [0, 0.5, 1]}\n"
      "  clip_grad_norm: {type: choice, values: [0, 1]}\n"
      "  clip_grad_value: {type: choice, values: [0, 0.5]}\n"
      "  loss_scale: {type: choice, values: [0, 1024]}\n"
      "  label_smoothing: {type: uniform, min_value: 0.0, max_value: 0.2}\n"
      "  dropout: {type: uniform, min_value: 0.0, max_value: 0.4}\n";
  Built built(folder.spec(trial, space));
  for (int64_t param = 0; param < 9; ++param) EXPECT_FALSE(built.executor().structural(param)) << param;
  EXPECT_GT(best_after(built, 3), 0.85);
}

/// The metrics of 4 trials after an interval of these settings.
std::vector<double> after_one(const std::string& more) {
  const Folder folder;
  Built built(folder.spec("  model: mlp\n  dataset: digits\n  epochs: 1\n  hidden: 16\n" + more));
  built.executor().start(in_own_slots(std::vector<int64_t>{0, 1, 2, 3}));
  return train_interval(built.executor(), 4);
}

TEST(SupervisedTask, EveryTrainingOptionDoesSomething) {
  const auto plain = after_one("");
  for (const char* option : {"schedule: cosine", "schedule: one_cycle", "warmup_epochs: 0.5", "clip_grad_norm: 0.1",
                             "clip_grad_value: 0.001", "label_smoothing: 0.3", "dropout: 0.5",
                             "schedule: step\n  step_size: 0.1", "schedule: cosine\n  eta_min: 1"}) {
    EXPECT_NE(after_one(std::string("  ") + option + "\n"), plain) << option;
  }
  for (const char* nothing : {"schedule: constant", "warmup_epochs: 0", "clip_grad_norm: 0", "clip_grad_value: 1000",
                              "dropout: 0", "loss_scale: 0", "loss_scale: 1024", "divergence_threshold: 1000"}) {
    EXPECT_EQ(after_one(std::string("  ") + nothing + "\n"), plain) << nothing;
  }
  for (const double metric : after_one("  divergence_threshold: 0.01\n")) EXPECT_TRUE(std::isnan(metric));
}

TEST(SupervisedTask, RefusesSettings) {
  const Folder folder;
  const auto refuses = [&](const std::string& trial, const std::vector<std::string>& parts) {
    expect_error<InputError>([&] { Built built(folder.spec(trial)); }, parts);
  };
  const std::string base = "  model: mlp\n  dataset: digits\n";
  refuses("  dataset: digits\n", {"trial.model", "needed", "mlp"});
  refuses("  model: mpl\n  dataset: digits\n", {"sweep.yml:4", "trial.model", "'mpl'", "did you mean 'mlp'"});
  refuses(base + "  epochs: 0\n", {"sweep.yml:6", "trial.epochs", "0", "from 1"});
  refuses(base + "  batch_size: -2\n", {"trial.batch_size", "-2"});
  refuses(base + "  hidden: 0\n", {"trial.hidden", "0 is not a width"});
  refuses(base + "  hidden: [16, 1.5]\n", {"trial.hidden", "1.5 is not a width"});
  refuses(base + "  hidden: wide\n", {"trial.hidden", "wide"});
  refuses(base + "  hidden: [16, 16]\n  depth: 2\n", {"trial.depth", "twice"});
  refuses(base + "  depth: -1\n", {"trial.depth", "-1", "from 0"});
  refuses(base + "  activation: rellu\n", {"trial.activation", "'rellu'", "did you mean 'relu'"});
  refuses(base + "  optimizer: adm\n", {"trial.optimizer", "'adm'", "did you mean 'adam'"});
  refuses(base + "  schedule: cosin\n",
          {"sweep.yml:6", "trial.schedule", "'cosin'", "did you mean 'cosine'", "one_cycle"});
  refuses(base + "  dropout: 1.5\n", {"sweep.yml:6", "trial.dropout", "1.5 is too large", "from 0.0 to 1.0"});
  refuses(base + "  label_smoothing: -0.1\n", {"trial.label_smoothing", "-0.1 is too small"});
  refuses(base + "  step_size: 0\n", {"trial.step_size", "0.0 is too small", "above 0"});
  refuses(base + "  clip_grad_norm: -1\n", {"trial.clip_grad_norm", "-1.0 is too small"});
  refuses(base + "  pct_start: 30\n", {"trial.pct_start", "30.0 is too large"});
  refuses(base + "  learning_rate: 0.1\n", {"given twice", "`learning_rate`"});
  refuses(base + "  epoch: 3\n", {"trial.epoch", "'epochs'"});
  expect_error<InputError>(
      [&] { Built built(folder.spec(base, "  momentum: {type: uniform, min_value: 0.0, max_value: 0.9}\n")); },
      {"trial.lr", "needed"});
  expect_error<InputError>(
      [&] { Built built(folder.spec(base + "  lr: 0.1\n", "  hidden: {type: choice, values: [16, 0]}\n")); },
      {"search_space.hidden", "0 is not a width"});
  expect_error<InputError>(
      [&] { Built built(folder.spec(base + "  lr: 0.1\n", "  schedule: {type: choice, values: [cosine, sine]}\n")); },
      {"search_space.schedule", "'sine'", "did you mean 'cosine'"});
}

}  // namespace
}  // namespace lockstep::models
