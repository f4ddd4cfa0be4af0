#include "models/supervised_task.h"

#include <limits>

#include <lockstep/torch/functional.h>
#include <torch/torch.h>

#include "models/metrics.h"

namespace lockstep::models {

namespace {

namespace F = torch::nn::functional;

DataPart to_tensors(const PreparedPart& part, TaskKind task, int64_t n_inputs) {
  if (part.size == 0) return {};
  const auto copy = [](const auto& values, torch::IntArrayRef shape, torch::Dtype dtype) {
    return torch::from_blob(const_cast<void*>(static_cast<const void*>(values.data())), shape, dtype).clone();
  };
  DataPart out;
  out.inputs = copy(part.inputs, {part.size, n_inputs}, torch::kFloat);
  out.targets = task == TaskKind::kClassification ? copy(part.labels, {part.size}, torch::kLong)
                                                  : copy(part.targets, {part.size}, torch::kFloat);
  return out;
}

bool is_given(const SweepSpec& spec, const std::string& name) {
  return spec.trial.count(name) != 0 || spec.search_space.find(name).has_value();
}

std::string listed(const std::vector<std::string>& names, const std::string& wrong) {
  const std::string near = nearest_name(wrong, names);
  std::string out = near.empty() ? "it can be" : "did you mean '" + near + "'? It can be";
  for (size_t i = 0; i < names.size(); ++i) out += (i == 0 ? " " : ", ") + names[i];
  return out;
}

int64_t read_at_least_one(const TrialConfig& config, const std::string& name, int64_t default_value) {
  const int64_t value = config.integer(name, default_value);
  if (value < 1) throw config.error(name, std::to_string(value) + " is too small", "give an integer from 1");
  return value;
}

}  // namespace

SupervisedTask::SupervisedTask(const SweepSpec& spec, std::vector<ModelEntry> models) : models_(std::move(models)) {
  lr_name_ = is_given(spec, "learning_rate") ? "learning_rate" : "lr";
  if (lr_name_ == "learning_rate" && is_given(spec, "lr")) {
    throw InputError({spec.file, 0, 0}, "lr", "the learning rate is given twice, as `lr` and as `learning_rate`",
                     "keep one of them");
  }
  const LoadedData loaded = load_data(spec);
  notes_ = loaded.notes;
  classification_ = loaded.data.task == TaskKind::kClassification;
  n_inputs_ = loaded.data.n_inputs();
  n_outputs_ = classification_ ? static_cast<int64_t>(loaded.data.classes.size()) : 1;
  data_.name = loaded.name;
  data_.train = to_tensors(loaded.data.train, loaded.data.task, n_inputs_);
  data_.validation = to_tensors(loaded.data.validation, loaded.data.task, n_inputs_);
  data_.test = to_tensors(loaded.data.test, loaded.data.task, n_inputs_);
  metrics_ = classification_ ? classification_metrics() : regression_metrics(loaded.data.target_std);
}

namespace {

/// A tensor where the sweep gives the name, undefined where it does not: an option that nobody uses costs nothing.
torch::Tensor if_given(const TrialConfig& config, const std::string& name, double lowest, double highest) {
  return config.is_given(name) ? config.tensor(name, 0, lowest, highest) : torch::Tensor();
}

constexpr double kAnyLarger = std::numeric_limits<double>::infinity();
constexpr double kAboveZero = std::numeric_limits<double>::min();

ScheduleOptions read_schedule(const TrialConfig& config) {
  ScheduleOptions out;
  if (config.is_given("schedule")) {
    out.kind =
        config.option("schedule", {"constant", "step", "cosine", "one_cycle"}, "constant");  // ScheduleKind's order
  }
  out.step_size = if_given(config, "step_size", kAboveZero, kAnyLarger);
  out.gamma = if_given(config, "gamma", 0, kAnyLarger);
  out.eta_min = if_given(config, "eta_min", 0, kAnyLarger);
  out.max_lr = if_given(config, "max_lr", 0, kAnyLarger);
  out.pct_start = if_given(config, "pct_start", 0, 1);
  out.div_factor = if_given(config, "div_factor", kAboveZero, kAnyLarger);
  out.final_div_factor = if_given(config, "final_div_factor", kAboveZero, kAnyLarger);
  out.cycle_momentum = if_given(config, "cycle_momentum", 0, 1);
  out.base_momentum = if_given(config, "base_momentum", 0, 1);
  out.max_momentum = if_given(config, "max_momentum", 0, 1);
  out.warmup_epochs = if_given(config, "warmup_epochs", 0, kAnyLarger);
  out.warmup_factor = if_given(config, "warmup_factor", 0, 1);
  return out;
}

}  // namespace

OptimizerOptions SupervisedTask::read_optimizer(const TrialConfig& config) const {
  OptimizerOptions out;
  const std::string kind = config.text("optimizer", "sgd");
  if (kind == "sgd") {
    out.kind = OptimizerKind::kSgd;
  } else if (kind == "adam") {
    out.kind = OptimizerKind::kAdam;
  } else if (kind == "adamw") {
    out.kind = OptimizerKind::kAdamW;
  } else {
    throw config.error("optimizer", "there is no optimizer '" + kind + "'", listed({"sgd", "adam", "adamw"}, kind));
  }
  // All of them, whatever the kind: a hyperparameter that one trial's optimiser does not use is no misspelt name.
  out.lr = config.tensor(lr_name_);
  out.weight_decay = config.tensor("weight_decay", out.kind == OptimizerKind::kAdamW ? 0.01 : 0.0);
  out.momentum = config.tensor("momentum", 0.0);
  out.dampening = config.tensor("dampening", 0.0);
  out.nesterov = config.tensor("nesterov", 0.0);
  out.beta1 = config.tensor("beta1", 0.9);
  out.beta2 = config.tensor("beta2", 0.999);
  out.eps = config.tensor("eps", 1e-8);
  out.schedule = read_schedule(config);
  out.clip_grad_value = if_given(config, "clip_grad_value", 0, kAnyLarger);
  out.clip_grad_norm = if_given(config, "clip_grad_norm", 0, kAnyLarger);
  out.loss_scale = if_given(config, "loss_scale", 0, std::numeric_limits<float>::max());
  out.loss_scale_growth_interval = if_given(config, "loss_scale_growth_interval", 0, kAnyLarger);
  out.divergence_threshold = if_given(config, "divergence_threshold", -kAnyLarger, kAnyLarger);
  return out;
}

TrialProgram SupervisedTask::build(const TrialConfig& config) const {
  // Read when the task was made; asked for here so that they count as read.
  for (const auto& name : data_setting_names()) config.value(name, Value());

  std::vector<std::string> names;
  const ModelEntry* entry = nullptr;
  const std::string name = config.text("model");
  for (const auto& each : models_) {
    names.push_back(each.name);
    if (each.name == name) entry = &each;
  }
  if (entry == nullptr) throw config.error("model", "there is no model '" + name + "'", listed(names, name));
  const BuiltModel model = entry->build(config, n_inputs_, n_outputs_);

  TrialProgram program;
  program.module = model.module;
  if (classification_) {
    program.forward = model.forward;
    if (config.is_given("label_smoothing")) {
      program.loss = [smoothing = config.tensor("label_smoothing", 0, 0, 1)](torch::Tensor output,
                                                                             torch::Tensor targets) {
        return cross_entropy(output, targets, smoothing);
      };
    } else {
      program.loss = [](torch::Tensor output, torch::Tensor targets) { return F::cross_entropy(output, targets); };
    }
  } else {
    program.forward = [forward = model.forward](torch::Tensor inputs) { return forward(inputs).squeeze(1); };
    program.loss = [](torch::Tensor output, torch::Tensor targets) { return F::mse_loss(output, targets); };
  }
  program.optimizer = read_optimizer(config);
  program.batch_size = read_at_least_one(config, "batch_size", 64);
  program.n_intervals = read_at_least_one(config, "epochs", 10);
  const std::string order = config.text("data_order", "shared");
  if (order != "shared" && order != "own") {
    throw config.error("data_order", "there is no order '" + order + "'", listed({"shared", "own"}, order));
  }
  program.own_order = order == "own";
  return program;
}

}  // namespace lockstep::models
