#include "torch/row_optimizer.h"

#include <lockstep/error.h>
#include <lockstep/torch/trial_scope.h>

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

}  // namespace

RowOptimizer::RowOptimizer(const OptimizerOptions& options, const torch::Tensor& parameters) : kind_(options.kind) {
  if (!options.lr.defined()) throw TaskError("the task's optimiser has no learning rate; set OptimizerOptions::lr");
  const auto rows = [&](const torch::Tensor& option, double default_value, const char* name) {
    return hyperparameter(option, default_value, parameters, name);
  };
  lr_ = rows(options.lr, 0, "lr");
  weight_decay_ = rows(options.weight_decay, kind_ == OptimizerKind::kAdamW ? 0.01 : 0.0, "weight_decay");
  steps_ = torch::zeros({parameters.size(0)}, parameters.options().dtype(torch::kLong).requires_grad(false));
  const auto state = [&] { return torch::zeros(parameters.sizes(), parameters.options().requires_grad(false)); };
  if (kind_ == OptimizerKind::kSgd) {
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

void RowOptimizer::step(const Backend& backend, const Context& context, const torch::Tensor& parameters,
                        std::span<const GradientSegment> segments) {
  RowUpdate rows;
  rows.n_rows = parameters.size(0);
  rows.row_stride = parameters.stride(0);
  rows.parameters = parameters.mutable_data_ptr<float>();
  rows.segments = segments.data();
  rows.n_segments = static_cast<int64_t>(segments.size());
  rows.steps = steps_.mutable_data_ptr<int64_t>();
  rows.learning_rate = lr_.const_data_ptr<double>();
  rows.weight_decay = weight_decay_.const_data_ptr<double>();
  if (kind_ == OptimizerKind::kSgd) {
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

std::vector<torch::Tensor*> RowOptimizer::row_tensors() {
  auto out = state_tensors();
  for (auto* tensor : {&lr_, &weight_decay_, &momentum_, &dampening_, &beta1_, &beta2_, &eps_, &nesterov_}) {
    if (tensor->defined()) out.push_back(tensor);
  }
  return out;
}

std::vector<torch::Tensor*> RowOptimizer::state_tensors() {
  std::vector<torch::Tensor*> out;
  for (auto* tensor : {&steps_, &momentum_buffer_, &exp_avg_, &exp_avg_sq_}) {
    if (tensor->defined()) out.push_back(tensor);
  }
  return out;
}

}  // namespace lockstep
