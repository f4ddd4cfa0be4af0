#include "torch/row_optimizer.h"

#include <cstddef>
#include <limits>

#include <lockstep/error.h>
#include <lockstep/torch/trial_scope.h>

#include "torch/heap.h"

namespace lockstep {
namespace {

/// [n_trials] double of our own: rows of `option`, or the same value for all.
torch::Tensor hyperparameter(const torch::Tensor& option, double default_value, const torch::Tensor& parameters,
                             const char* name) {
  const auto options = parameters.options().dtype(torch::kDouble).requires_grad(false);
  if (!option.defined()) return torch::full({parameters.size(0)}, default_value, options);
  const torch::Tensor rows = physical(option).detach();
  const int64_t expected = is_batched(option) ? parameters.size(0) : 1;
  if (rows.numel() != expected) {
    throw TaskError(std::string("the optimiser's ") + name + " must be a scalar for one trial, but has " +
                    std::to_string(rows.numel() / std::max<int64_t>(1, is_batched(option) ? parameters.size(0) : 1)) +
                    " elements");
  }
  return rows.to(options).reshape({-1}).expand({parameters.size(0)}).clone();
}

/// [n_trials, 13]: LearningRateSchedule's fields in their order.
torch::Tensor schedule_rows(const ScheduleOptions& options, const torch::Tensor& parameters) {
  const LearningRateSchedule defaults;
  const auto column = [&](const torch::Tensor& option, double default_value, const char* name) {
    return hyperparameter(option, default_value, parameters, name);
  };
  const torch::Tensor rows =
      torch::stack({column(options.kind, defaults.kind, "schedule.kind"),
                    column(options.step_size, defaults.step_size, "schedule.step_size"),
                    column(options.gamma, defaults.gamma, "schedule.gamma"),
                    column(options.eta_min, defaults.eta_min, "schedule.eta_min"),
                    column(options.max_lr, std::numeric_limits<double>::quiet_NaN(), "schedule.max_lr"),
                    column(options.pct_start, defaults.pct_start, "schedule.pct_start"),
                    column(options.div_factor, defaults.div_factor, "schedule.div_factor"),
                    column(options.final_div_factor, defaults.final_div_factor, "schedule.final_div_factor"),
                    column(options.cycle_momentum, defaults.cycle_momentum, "schedule.cycle_momentum"),
                    column(options.base_momentum, defaults.base_momentum, "schedule.base_momentum"),
                    column(options.max_momentum, defaults.max_momentum, "schedule.max_momentum"),
                    column(options.warmup_epochs, defaults.warmup_epochs, "schedule.warmup_epochs"),
                    column(options.warmup_factor, defaults.warmup_factor, "schedule.warmup_factor")},
                   1);
  TORCH_INTERNAL_ASSERT(rows.size(1) * sizeof(double) == sizeof(LearningRateSchedule));
  return rows;
}

/// The column of schedule_rows that says whether momentum goes the other way.
constexpr int64_t kCycleMomentum = offsetof(LearningRateSchedule, cycle_momentum) / sizeof(double);

template <class T>
T* pointer_or_null(torch::Tensor& tensor) {
  return tensor.defined() ? tensor.mutable_data_ptr<T>() : nullptr;
}

}  // namespace

RowOptimizer::RowOptimizer(const OptimizerOptions& options, const torch::Tensor& parameters,
                           const TrainingLength& length)
    : kind_(options.kind), own_(options.own), own_schedule_(options.schedule.own), length_(length) {
  if (!options.lr.defined()) throw TaskError("the task's optimiser has no learning rate; set OptimizerOptions::lr");
  const auto rows = [&](const torch::Tensor& option, double default_value, const char* name) {
    return hyperparameter(option, default_value, parameters, name);
  };
  lr_ = rows(options.lr, 0, "lr");
  weight_decay_ = rows(options.weight_decay, kind_ == OptimizerKind::kAdamW ? 0.01 : 0.0, "weight_decay");
  const auto& schedule = options.schedule;
  const bool has_schedule = schedule.kind.defined() || schedule.warmup_epochs.defined();
  if (has_schedule && !own_schedule_) schedule_ = schedule_rows(schedule, parameters);
  steps_ = torch::zeros({parameters.size(0)}, parameters.options().dtype(torch::kLong).requires_grad(false));
  diverged_ = torch::zeros_like(steps_, torch::kByte);
  read_gradient_options(options, parameters);
  const auto state = [&] { return lasting_zeros(parameters.sizes(), parameters.options().requires_grad(false)); };
  if (own_.step) {
    for (int64_t i = 0; i < own_.n_states; ++i) own_state_.push_back(state());
  } else if (kind_ == OptimizerKind::kSgd) {
    momentum_ = rows(options.momentum, 0, "momentum");
    dampening_ = rows(options.dampening, 0, "dampening");
    nesterov_ = rows(options.nesterov, 0, "nesterov").ne(0).to(torch::kByte);
    momentum_buffer_ = state();
  } else {
    beta1_ = rows(options.beta1, 0.9, "beta1");
    beta2_ = rows(options.beta2, 0.999, "beta2");
    eps_ = rows(options.eps, 1e-8, "eps");
    exp_avg_ = state();
    exp_avg_sq_ = state();
  }
}

/// Options that the task does not set stay undefined, and cost nothing.
void RowOptimizer::read_gradient_options(const OptimizerOptions& options, const torch::Tensor& parameters) {
  const auto given = [&](const torch::Tensor& option, const char* name) {
    return option.defined() ? hyperparameter(option, 0, parameters, name) : torch::Tensor();
  };
  clip_value_ = given(options.clip_grad_value, "clip_grad_value");
  clip_norm_ = given(options.clip_grad_norm, "clip_grad_norm");
  divergence_threshold_ = given(options.divergence_threshold, "divergence_threshold");
  const torch::Tensor scale = given(options.loss_scale, "loss_scale");
  if (!scale.defined()) return;
  const torch::Tensor scales = scale.gt(0);
  const torch::Tensor growth =
      hyperparameter(options.loss_scale_growth_interval, 2000, parameters, "loss_scale_growth_interval");
  loss_scale_ = torch::where(scales, scale, torch::ones_like(scale)).to(torch::kFloat);
  growth_interval_ = torch::where(scales, growth.clamp_min(0), -torch::ones_like(growth));
  good_steps_ = torch::zeros_like(steps_);
  skipped_ = torch::zeros_like(steps_);
}

RowUpdate RowOptimizer::rows_of(const torch::Tensor& parameters, std::span<const GradientSegment> segments,
                                const torch::Tensor& losses) {
  RowUpdate rows;
  rows.n_rows = parameters.size(0);
  rows.row_stride = parameters.stride(0);
  rows.parameters = parameters.mutable_data_ptr<float>();
  rows.segments = segments.data();
  rows.n_segments = static_cast<int64_t>(segments.size());
  rows.steps = steps_.mutable_data_ptr<int64_t>();
  rows.learning_rate = lr_.const_data_ptr<double>();
  rows.weight_decay = weight_decay_.const_data_ptr<double>();
  rows.gradients.clip_value = pointer_or_null<double>(clip_value_);
  rows.gradients.clip_norm = pointer_or_null<double>(clip_norm_);
  rows.gradients.loss_scale = pointer_or_null<float>(loss_scale_);
  rows.gradients.growth_interval = pointer_or_null<double>(growth_interval_);
  rows.gradients.good_steps = pointer_or_null<int64_t>(good_steps_);
  rows.gradients.skipped = pointer_or_null<int64_t>(skipped_);
  rows.schedule = reinterpret_cast<const LearningRateSchedule*>(pointer_or_null<double>(schedule_));
  rows.steps_per_epoch = length_.steps_per_epoch;
  rows.n_epochs = length_.n_epochs;
  rows.loss = losses.const_data_ptr<float>();
  rows.divergence_threshold = pointer_or_null<double>(divergence_threshold_);
  rows.diverged = diverged_.mutable_data_ptr<uint8_t>();
  return rows;
}

void RowOptimizer::step(const Backend& backend, const Context& context, const torch::Tensor& parameters,
                        std::span<const GradientSegment> segments, const torch::Tensor& losses) {
  const torch::Tensor float_losses = losses.to(torch::kFloat).contiguous();
  RowUpdate rows = rows_of(parameters, segments, float_losses);
  torch::Tensor rates;
  if (own_schedule_) {
    rates = own_rates();
    rows.learning_rate = rates.const_data_ptr<double>();
  }
  if (own_.step) {
    step_own(backend, context, parameters, rows);
  } else if (kind_ == OptimizerKind::kSgd) {
    SgdUpdate update;
    update.rows = rows;
    update.momentum_buffer = momentum_buffer_.mutable_data_ptr<float>();
    update.momentum = momentum_.const_data_ptr<double>();
    update.dampening = dampening_.const_data_ptr<double>();
    update.nesterov = nesterov_.const_data_ptr<uint8_t>();
    backend.sgd_update(context, update);
  } else {
    AdamUpdate update;
    update.rows = rows;
    update.exp_avg = exp_avg_.mutable_data_ptr<float>();
    update.exp_avg_sq = exp_avg_sq_.mutable_data_ptr<float>();
    update.beta1 = beta1_.const_data_ptr<double>();
    update.beta2 = beta2_.const_data_ptr<double>();
    update.eps = eps_.const_data_ptr<double>();
    update.decoupled_weight_decay = kind_ == OptimizerKind::kAdamW;
    backend.adam_update(context, update);
  }
}

torch::Tensor RowOptimizer::own_rates() const {
  RowTimes times;
  times.learning_rate = lr_;
  times.epoch = steps_.to(torch::kDouble) / static_cast<double>(length_.steps_per_epoch);
  times.n_epochs = static_cast<double>(length_.n_epochs);
  const torch::NoGradGuard no_grad;
  const torch::Tensor rates = own_schedule_(times);
  if (rates.dim() != 1 || rates.size(0) != lr_.size(0)) {
    throw TaskError("the task's schedule must give a learning rate a row, [" + std::to_string(lr_.size(0)) + "], but gave " +
                    std::to_string(rates.dim()) + " dimensions with " + std::to_string(rates.numel()) + " elements");
  }
  return rates.to(lr_.options()).contiguous();
}

/// SGD without momentum or decay does what is common to all optimisers: it counts steps, sees divergence, unscales and clips. Of
/// zeros it makes the negative of what the task's own optimiser is to see: at a rate of 1 the gradients, and of one gradient of -1
/// the learning rates.
void RowOptimizer::step_own(const Backend& backend, const Context& context, const torch::Tensor& parameters, RowUpdate rows) {
  const torch::NoGradGuard no_grad;
  const int64_t n = parameters.size(0);
  const torch::Tensor zeros = torch::zeros_like(lr_), ones = torch::ones_like(lr_);
  const torch::Tensor no_nesterov = torch::zeros_like(diverged_);
  const auto descend = [&](torch::Tensor matrix, const RowUpdate& update_rows) {
    SgdUpdate update;
    update.rows = update_rows;
    update.rows.row_stride = matrix.stride(0);
    update.rows.parameters = matrix.mutable_data_ptr<float>();
    update.rows.weight_decay = zeros.const_data_ptr<double>();
    update.momentum_buffer = matrix.mutable_data_ptr<float>();  // not looked at without momentum
    update.momentum = update.dampening = zeros.const_data_ptr<double>();
    update.nesterov = no_nesterov.const_data_ptr<uint8_t>();
    backend.sgd_update(context, update);
  };
  RowStep step;
  step.learning_rate = torch::zeros({n, 1}, parameters.options().requires_grad(false));
  const torch::Tensor minus_one = torch::full_like(step.learning_rate, -1);
  const GradientSegment one{minus_one.const_data_ptr<float>(), 0, 1};
  torch::Tensor steps = steps_.clone();
  torch::Tensor schedule;
  if (schedule_.defined()) {
    schedule = schedule_.clone();
    schedule.select(1, kCycleMomentum).zero_();
  }
  RowUpdate rate = rows;
  rate.segments = &one;
  rate.n_segments = 1;
  rate.steps = steps.mutable_data_ptr<int64_t>();
  rate.schedule = reinterpret_cast<const LearningRateSchedule*>(pointer_or_null<double>(schedule));
  rate.gradients = {};
  rate.loss = nullptr;
  descend(step.learning_rate, rate);

  const torch::Tensor skipped_before = skipped_.defined() ? skipped_.clone() : torch::Tensor();
  step.gradients = torch::zeros({n, parameters.size(1)}, step.learning_rate.options());
  RowUpdate treated = rows;
  treated.learning_rate = ones.const_data_ptr<double>();
  treated.schedule = nullptr;
  descend(step.gradients, treated);
  step.gradients.neg_();

  step.step = (skipped_.defined() ? steps_ - skipped_ : steps_).to(torch::kFloat).unsqueeze(1);
  step.parameters = parameters.detach();
  step.state = own_state_;
  if (!skipped_.defined()) return own_.step(step);
  // Rows that skip are to stay as they are, bit for bit.
  std::vector<torch::Tensor> all = own_state_, before;
  all.push_back(step.parameters);
  for (const auto& each : all) before.push_back(each.clone());
  own_.step(step);
  const torch::Tensor skips = skipped_.ne(skipped_before).unsqueeze(1);
  for (size_t i = 0; i < all.size(); ++i) all[i].copy_(torch::where(skips, before[i], all[i]));
}

std::vector<torch::Tensor*> RowOptimizer::row_tensors() {
  auto out = state_tensors();
  for (auto* tensor : {&lr_, &weight_decay_, &momentum_, &dampening_, &beta1_, &beta2_, &eps_, &nesterov_, &schedule_,
                       &clip_value_, &clip_norm_, &growth_interval_, &divergence_threshold_}) {
    if (tensor->defined()) out.push_back(tensor);
  }
  return out;
}

std::vector<torch::Tensor*> RowOptimizer::state_tensors() {
  std::vector<torch::Tensor*> out;
  for (auto* tensor :
       {&steps_, &diverged_, &loss_scale_, &good_steps_, &skipped_, &momentum_buffer_, &exp_avg_, &exp_avg_sq_}) {
    if (tensor->defined()) out.push_back(tensor);
  }
  for (auto& tensor : own_state_) out.push_back(&tensor);
  return out;
}

}  // namespace lockstep
