#include <lockstep/models/supervised_task.h>

#include <limits>

#include <lockstep/models/metrics.h>
#include <lockstep/torch/functional.h>
#include <torch/torch.h>

namespace lockstep::models {

namespace {

namespace F = torch::nn::functional;

/// Copied, for LibTorch's own memory is aligned: a product's last bits can depend on that. The values' memory is freed.
template <class T>
torch::Tensor tensor_of(std::vector<T>& values, torch::IntArrayRef shape) {
  const std::vector<T> taken = std::move(values);
  return torch::from_blob(const_cast<T*>(taken.data()), shape, c10::CppTypeToScalarType<T>::value).clone();
}

DataPart to_tensors(PreparedPart& part, TaskKind task, const std::vector<int64_t>& input_shape) {
  if (part.size == 0) return {};
  std::vector<int64_t> shape = input_shape;
  shape.insert(shape.begin(), part.size);
  if (task == TaskKind::kLanguage) return {tensor_of(part.tokens, shape), tensor_of(part.labels, shape)};
  return {tensor_of(part.inputs, shape), task == TaskKind::kClassification ? tensor_of(part.labels, {part.size})
                                                                           : tensor_of(part.targets, {part.size})};
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

DataSet to_tensors(LoadedData loaded) {
  PreparedData& data = loaded.data;
  const auto part = [&](PreparedPart& from) { return to_tensors(from, data.task, data.input_shape); };
  return {loaded.name, part(data.train), part(data.validation), part(data.test)};
}

SupervisedTask::SupervisedTask(const SweepSpec& spec, std::vector<ModelEntry> models) : models_(std::move(models)) {
  lr_name_ = is_given(spec, "learning_rate") ? "learning_rate" : "lr";
  if (lr_name_ == "learning_rate" && is_given(spec, "lr")) {
    throw InputError({spec.file, 0, 0}, "lr", "the learning rate is given twice, as `lr` and as `learning_rate`",
                     "keep one of them");
  }
  LoadedData loaded = load_data(spec);
  notes_ = loaded.notes;
  const TaskKind kind = loaded.data.task;
  shape_ = {loaded.name, kind, loaded.data.input_shape,
            kind == TaskKind::kRegression ? 1 : static_cast<int64_t>(loaded.data.classes.size())};
  metrics_ = kind == TaskKind::kLanguage         ? language_metrics()
             : kind == TaskKind::kClassification ? classification_metrics()
                                                 : regression_metrics(loaded.data.target_std);
  data_ = to_tensors(std::move(loaded));
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
  const BuiltModel model = entry->build(config, shape_);

  TrialProgram program;
  program.module = model.module;
  if (shape_.task == TaskKind::kRegression) {
    program.forward = [forward = model.forward](torch::Tensor inputs) { return forward(inputs).squeeze(1); };
    program.loss = [](torch::Tensor output, torch::Tensor targets) { return F::mse_loss(output, targets); };
  } else {
    program.forward = model.forward;
    const torch::Tensor smoothing =
        config.is_given("label_smoothing") ? config.tensor("label_smoothing", 0, 0, 1) : torch::Tensor();
    program.loss = [smoothing](torch::Tensor output, torch::Tensor targets) {
      // Each character of a text is an example: [n * context, n_outputs].
      output = output.flatten(0, -2);
      targets = targets.flatten();
      return smoothing.defined() ? cross_entropy(output, targets, smoothing) : F::cross_entropy(output, targets);
    };
  }
  if (model.penalty) {
    program.loss = [loss = program.loss, penalty = model.penalty](torch::Tensor output, torch::Tensor targets) {
      return loss(output, targets) + penalty();
    };
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
