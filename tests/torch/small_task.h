#pragma once

#include <map>
#include <string>
#include <vector>

#include <lockstep/backend.h>
#include <lockstep/configurations.h>
#include <lockstep/torch/task.h>
#include <torch/torch.h>

namespace lockstep::testing {

/// A classifier of 8 numbers into 3 classes, with the shapes and the batch norm that trip batching up. No bias in front of the
/// batch norm: its gradient would be rounding noise, which Adam turns into full steps, different ones in every batch.
struct SmallNetImpl : torch::nn::Module {
  SmallNetImpl(int64_t width, bool batch_norm)
      : first(register_module("first", torch::nn::Linear(torch::nn::LinearOptions(8, width).bias(!batch_norm)))),
        second(register_module("second", torch::nn::Linear(width, 3))) {
    if (batch_norm) norm = register_module("norm", torch::nn::BatchNorm1d(width));
  }
  torch::Tensor forward(torch::Tensor x) {
    x = first(x);
    if (norm) x = norm(x);
    return second(torch::tanh(x));
  }
  torch::nn::Linear first, second;
  torch::nn::BatchNorm1d norm{nullptr};
};
TORCH_MODULE(SmallNet);

/// Separable data with noise; the same on every call.
inline DataSet small_data(int64_t n_train = 90, int64_t n_other = 40) {
  auto generator = at::make_generator<at::CPUGeneratorImpl>(3);
  const auto part = [&](int64_t n) {
    const auto x = torch::randn({n, 8}, generator);
    const auto y = (x.slice(1, 0, 3) * 2 + 0.3 * torch::randn({n, 3}, generator)).argmax(1);
    return DataPart{x, y};
  };
  return {"small", part(n_train), part(n_other), part(n_other)};
}

/// The value of a name per trial, undefined when the sweep does not give it.
inline torch::Tensor if_given(const TrialConfig& config, const std::string& name) {
  return config.is_given(name) ? config.tensor(name) : torch::Tensor();
}

/// What a trial does with its gradients and learning rate, each option a name of its own; `schedule` is a
/// ScheduleKind's number.
inline void read_training_options(const TrialConfig& config, OptimizerOptions& options) {
  auto& schedule = options.schedule;
  schedule.kind = if_given(config, "schedule");
  schedule.step_size = if_given(config, "step_size");
  schedule.gamma = if_given(config, "gamma");
  schedule.eta_min = if_given(config, "eta_min");
  schedule.max_lr = if_given(config, "max_lr");
  schedule.pct_start = if_given(config, "pct_start");
  schedule.div_factor = if_given(config, "div_factor");
  schedule.cycle_momentum = if_given(config, "cycle_momentum");
  schedule.warmup_epochs = if_given(config, "warmup_epochs");
  schedule.warmup_factor = if_given(config, "warmup_factor");
  options.clip_grad_value = if_given(config, "clip_grad_value");
  options.clip_grad_norm = if_given(config, "clip_grad_norm");
  options.loss_scale = if_given(config, "loss_scale");
  options.loss_scale_growth_interval = if_given(config, "loss_scale_growth_interval");
  options.divergence_threshold = if_given(config, "divergence_threshold");
}

/// Every option that the task may set beside the rates, the same for all trials.
inline void set_training_options(const TrialConfig& config, OptimizerOptions& options) {
  options.schedule.kind = config.tensor("schedule", LearningRateSchedule::kCosine);
  options.schedule.warmup_epochs = config.tensor("warmup", 1);
  options.clip_grad_value = config.tensor("clip_value", 0.5);
  options.clip_grad_norm = config.tensor("clip_norm", 1);
  options.loss_scale = config.tensor("scale", 128);
  options.divergence_threshold = config.tensor("threshold", 1e6);
}

/// Reads width, optimizer and batch_size as C++ values, everything else as tensors.
class SmallTask : public Task {
 public:
  explicit SmallTask(bool batch_norm = false) : batch_norm_(batch_norm), data_(small_data()) {
    metrics_.push_back({"accuracy", [](torch::Tensor output, torch::Tensor y) { return output.argmax(1).eq(y); }, {}});
    metrics_.push_back({"loss",
                        [](torch::Tensor output, torch::Tensor y) {
                          return torch::nn::functional::cross_entropy(
                              output, y, torch::nn::functional::CrossEntropyFuncOptions().reduction(torch::kNone));
                        },
                        {}});
  }
  TrialProgram build(const TrialConfig& config) const override {
    SmallNet net(config.integer("width", 12), batch_norm_);
    TrialProgram program;
    program.module = net.ptr();
    program.forward = [net](torch::Tensor x) mutable { return net->forward(x); };
    program.loss = [factor = if_given(config, "loss_factor")](torch::Tensor output, torch::Tensor y) {
      const auto loss = torch::nn::functional::cross_entropy(output, y);
      return factor.defined() ? loss * factor.to(torch::kFloat) : loss;
    };
    program.batch_size = config.integer("batch_size", 16);
    program.n_intervals = config.integer("epochs", 3);
    const std::string kind = config.text("optimizer", "sgd");
    auto& optimizer = program.optimizer;
    optimizer.kind = kind == "sgd" ? OptimizerKind::kSgd : kind == "adam" ? OptimizerKind::kAdam : OptimizerKind::kAdamW;
    optimizer.lr = config.tensor("lr", 0.05);
    optimizer.weight_decay = config.tensor("weight_decay", 0.0);
    optimizer.momentum = config.tensor("momentum", 0.0);
    optimizer.dampening = config.tensor("dampening", 0.0);
    optimizer.nesterov = config.tensor("nesterov", 0.0);
    optimizer.beta1 = config.tensor("beta1", 0.9);
    optimizer.beta2 = config.tensor("beta2", 0.999);
    optimizer.eps = config.tensor("eps", 1e-8);
    read_training_options(config, optimizer);
    return program;
  }
  const DataSet& data() const override { return data_; }
  const std::vector<Metric>& metrics() const override { return metrics_; }

 private:
  bool batch_norm_;
  DataSet data_;
  std::vector<Metric> metrics_;
};

/// A configuration matrix written by hand: one column a name, one row a trial.
inline Configurations table(const std::vector<std::pair<std::string, std::vector<double>>>& columns) {
  SearchSpace space;
  for (const auto& [name, values] : columns) space.add(name, normal(0, 1));  // any real distribution: draws are values
  const size_t n = columns.front().second.size();
  std::vector<double> draws;
  for (size_t t = 0; t < n; ++t) {
    for (const auto& column : columns) draws.push_back(column.second.at(t));
  }
  return Configurations(space, 0, static_cast<int64_t>(n), draws);
}

inline std::vector<int64_t> iota(int64_t n) {
  std::vector<int64_t> out(static_cast<size_t>(n));
  for (int64_t i = 0; i < n; ++i) out[static_cast<size_t>(i)] = i;
  return out;
}

/// Numbers from `from` to `to` in `n` equal steps: a different hyperparameter for every trial.
inline std::vector<double> spread(int64_t n, double from, double to) {
  std::vector<double> out;
  for (int64_t i = 0; i < n; ++i) out.push_back(from + (to - from) * static_cast<double>(i) / static_cast<double>(n - 1));
  return out;
}

using Settings = std::map<std::string, Setting>;

}  // namespace lockstep::testing
