// Batch norm. On a CPU floats are normalised by a kernel of our own, for all trials at once; what else there is a trial
// at a time by LibTorch's. functorch makes one of all trials' channels, for which it copies everything into another
// order and back, and whose vectors mix trials.

#include <algorithm>
#include <type_traits>

#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/functions/utils.h>
#include <torch/csrc/autograd/saved_variable.h>

#include "torch/autograd_node.h"
#include "torch/batching_rules/trial_by_trial.h"
#include "torch/device_context.h"
#include "torch/dispatch.h"
#include "torch/functorch.h"
#include "torch/trial_products.h"

namespace lockstep {
namespace {

using torch::Tensor;
using torch::autograd::variable_list;

/// The operands of one call, physical and of all trials; where trials share one, its stride over them is 0.
struct NormOperands {
  Tensor input;                      ///< [T, examples, channels, ...]
  Tensor weight, bias;               ///< [T, channels] or undefined
  Tensor running_mean, running_var;  ///< likewise
  bool training = true;
  double momentum = 0, eps = 0;
};

/// Whether all that one trial has of `x` lies together.
bool has_dense_trials(const Tensor& x) { return x.select(0, 0).is_contiguous(); }

/// Where [T, ...] is, if it is there: its memory, and how far it is from one trial to the next.
template <class T>
void locate(const Tensor& x, T*& data, int64_t& stride) {
  if (!x.defined()) return;
  if constexpr (std::is_const_v<T>) {
    data = x.const_data_ptr<std::remove_const_t<T>>();
  } else {
    data = x.mutable_data_ptr<T>();
  }
  stride = x.stride(0);
}

/// `mean` and `inverse` [T, channels] are not set.
BatchNorm described(const NormOperands& operands) {
  const Tensor& x = operands.input;
  BatchNorm norm;
  norm.n_trials = x.size(0);
  norm.n_examples = x.size(1);
  norm.n_channels = x.size(2);
  norm.n_places = x.numel() / (x.size(0) * x.size(1) * x.size(2));
  locate(x, norm.input, norm.input_stride);
  locate(operands.weight, norm.weight, norm.weight_stride);
  locate(operands.bias, norm.bias, norm.bias_stride);
  norm.training = operands.training;
  norm.momentum = operands.momentum;
  norm.eps = operands.eps;
  return norm;
}

struct BatchNormNode : public torch::autograd::Node {
  torch::autograd::SavedVariable input_, weight_;
  NormOperands operands_;      ///< without tensors
  Tensor mean_, inverse_;  ///< [T, channels]
  bool is_released_ = false;

  /// The gradients by ops that have gradients themselves.
  variable_list differentiable_gradients(const Tensor& input, const Tensor& weight, const Tensor& of_output) {
    const int64_t n_trials = input.size(0), n_channels = input.size(2);
    const Tensor x = input.reshape({n_trials, input.size(1), n_channels, -1});
    const Tensor gradient = of_output.reshape(x.sizes());
    const auto broadcast = [&](const Tensor& of_channels) { return of_channels.reshape({n_trials, 1, n_channels, 1}); };
    Tensor mean = broadcast(mean_), inverse = broadcast(inverse_);
    if (operands_.training) {
      mean = x.mean({1, 3}, true);
      inverse = ((x - mean).square().mean({1, 3}, true) + operands_.eps).rsqrt();
    }
    const Tensor normal = (x - mean) * inverse;
    const Tensor of_normal = weight.defined() ? gradient * broadcast(weight) : gradient;
    Tensor of_input = of_normal;
    if (operands_.training) {
      of_input = of_normal - of_normal.mean({1, 3}, true) - normal * (of_normal * normal).mean({1, 3}, true);
    }
    return {(of_input * inverse).reshape(input.sizes()), (gradient * normal).sum({1, 3}), gradient.sum({1, 3})};
  }

  variable_list apply(variable_list&& gradients) override {
    if (!gradients[0].defined()) return variable_list(3);
    TORCH_CHECK(!is_released_, "Trying to backward through the graph a second time; pass retain_graph");
    NormOperands operands = operands_;
    operands.input = input_.unpack();
    operands.weight = weight_.unpack();
    if (at::GradMode::is_enabled()) return differentiable_gradients(operands.input, operands.weight, gradients[0]);
    const Tensor of_output = gradients[0].contiguous();
    Tensor of_input = at::empty(operands.input.sizes(), of_output.options());
    Tensor of_weight = at::empty(mean_.sizes(), mean_.options()), of_bias = at::empty(mean_.sizes(), mean_.options());
    BatchNorm norm = described(operands);
    norm.mean = mean_.mutable_data_ptr<float>();
    norm.inverse = inverse_.mutable_data_ptr<float>();
    backend_of(of_output.device())
        .batch_norm_backward(device_context(of_output.device(), 0), norm,
                             {of_output.const_data_ptr<float>(), of_input.mutable_data_ptr<float>(),
                              of_weight.mutable_data_ptr<float>(), of_bias.mutable_data_ptr<float>()});
    return {of_input, of_weight, of_bias};
  }
  void release_variables() override {
    input_.reset_data();
    weight_.reset_data();
    is_released_ = true;
  }
  std::string name() const override { return "LockstepBatchNormBackward"; }
};

struct Normalised {
  Tensor output, mean, inverse;
};

Normalised normalised(const NormOperands& operands) {
  NodePointer<BatchNormNode> node;
  const Tensor &x = operands.input, &weight = operands.weight, &bias = operands.bias;
  if (torch::autograd::compute_requires_grad(x, weight, bias)) {
    node = make_node<BatchNormNode>();
    node->set_next_edges(torch::autograd::collect_next_edges(x, weight, bias));
    node->input_ = torch::autograd::SavedVariable(x, false);
    node->weight_ = torch::autograd::SavedVariable(weight, false);
    node->operands_.training = operands.training;
    node->operands_.eps = operands.eps;
  }
  Normalised out;
  {
    const functorch::BelowAutograd below_autograd;
    out.output = at::empty(x.sizes(), x.options());
    out.mean = at::empty({x.size(0), x.size(2)}, x.options());
    out.inverse = at::empty({x.size(0), x.size(2)}, x.options());
    BatchNorm norm = described(operands);
    locate(operands.running_mean, norm.running_mean, norm.running_mean_stride);
    locate(operands.running_var, norm.running_var, norm.running_var_stride);
    norm.output = out.output.mutable_data_ptr<float>();
    norm.mean = out.mean.mutable_data_ptr<float>();
    norm.inverse = out.inverse.mutable_data_ptr<float>();
    backend_of(x.device()).batch_norm(device_context(x.device(), 0), norm);
  }
  if (node) {
    node->mean_ = out.mean;
    node->inverse_ = out.inverse;
    torch::autograd::set_history(out.output, node);
  }
  return out;
}

/// As [n_trials, ...]. Call inside a functorch::InsideRule.
Tensor of_all_trials(const TrialOperand& x, int64_t n_trials) {
  if (!x.tensor().defined() || x.per_trial()) return x.tensor();
  auto sizes = x.tensor().sizes().vec();
  sizes.insert(sizes.begin(), n_trials);
  return x.tensor().unsqueeze(0).expand(sizes);
}

/// Whether our kernel takes them.
bool is_own(const NormOperands& operands) {
  const Tensor& x = operands.input;
  if (!x.is_cpu() || x.dim() < 3 || x.numel() == 0) return false;
  if (!operands.training && !(operands.running_mean.defined() && operands.running_var.defined())) return false;
  for (const auto* each :
       {&x, &operands.weight, &operands.bias, &operands.running_mean, &operands.running_var}) {
    if (each->defined() && (each->scalar_type() != torch::kFloat || !each->is_cpu())) return false;
    if (each != &x && each->defined() && (each->dim() != 2 || each->size(1) != x.size(2))) return false;
  }
  for (const auto& each : {operands.running_mean, operands.running_var}) {
    if (each.defined() && !has_dense_trials(each)) return false;  // it is written to
  }
  return true;
}

std::tuple<Tensor, Tensor, Tensor> batch_norm_rule(const Tensor& input, const std::optional<Tensor>& weight,
                                                   const std::optional<Tensor>& bias,
                                                   const std::optional<Tensor>& running_mean,
                                                   const std::optional<Tensor>& running_var, bool training,
                                                   double momentum, double eps) {
  const TrialOperand x(input), w(weight), b(bias), mean(running_mean), var(running_var);
  const bool shared_statistics = mean.tensor().defined() && !mean.per_trial();
  TORCH_CHECK(!training || !shared_statistics,
              "batch norm: the running statistics are shared by all trials, which would all write to them; make them "
              "by a factory "
              "(torch::zeros, torch::ones) while the trial is being built");
  const int64_t n_trials = std::max({x.n_trials(), w.n_trials(), b.n_trials(), mean.n_trials(), var.n_trials()});
  std::vector<Tensor> outputs, means, deviations;
  Tensor out, saved_mean, saved_deviation;
  {
    const functorch::InsideRule inside;
    NormOperands operands{of_all_trials(x, n_trials),
                          of_all_trials(w, n_trials),
                          of_all_trials(b, n_trials),
                          of_all_trials(mean, n_trials),
                          of_all_trials(var, n_trials),
                          training,
                          momentum,
                          eps};
    if (is_own(operands)) {
      for (auto* each : {&operands.input, &operands.weight, &operands.bias}) *each = with_contiguous_trials(*each);
      const Normalised result = normalised(operands);
      out = result.output;
      saved_mean = result.mean;
      saved_deviation = result.inverse;
    } else {
      for (int64_t t = 0; t < n_trials; ++t) {
        auto [one, one_mean, one_deviation] =
            at::native_batch_norm(x[t], w[t], b[t], mean[t], var[t], training, momentum, eps);
        outputs.push_back(one);
        means.push_back(one_mean);
        deviations.push_back(one_deviation);
      }
      out = at::stack(outputs);
      saved_mean = at::stack(means);
      saved_deviation = at::stack(deviations);
    }
  }
  return {functorch::wrap_innermost(out), functorch::wrap_innermost(saved_mean),
          functorch::wrap_innermost(saved_deviation)};
}

}  // namespace

void register_batch_norm() {
  functorch::register_rules([](torch::Library& library) { library.impl("native_batch_norm", batch_norm_rule); });
}

}  // namespace lockstep
