// Layer norm. On a CPU floats are normalised by a kernel of our own, with the way back to input, weight and bias in one
// pass. functorch normalises without weight and bias, which then are ops of their own, each with a pass or more.

#include <algorithm>

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

/// The operands of one call, physical and of all trials, each trial's contiguous; where trials share one, its stride over
/// them is 0.
struct LayerNormOperands {
  Tensor input;         ///< [T, ..., row]
  Tensor weight, bias;  ///< [T, row] or undefined
  int64_t size = 1;     ///< of a row
  double eps = 0;
};

/// `mean` and `inverse` [T, rows] are not set.
LayerNorm described_rows(const LayerNormOperands& operands) {
  const Tensor& x = operands.input;
  LayerNorm norm;
  norm.n_trials = x.size(0);
  norm.n_rows = x.numel() / x.size(0) / operands.size;
  norm.size = operands.size;
  norm.eps = operands.eps;
  norm.input = x.const_data_ptr<float>();
  norm.input_stride = x.stride(0);
  if (operands.weight.defined()) {
    norm.weight = operands.weight.const_data_ptr<float>();
    norm.weight_stride = operands.weight.stride(0);
  }
  if (operands.bias.defined()) {
    norm.bias = operands.bias.const_data_ptr<float>();
    norm.bias_stride = operands.bias.stride(0);
  }
  return norm;
}

struct LayerNormNode : public torch::autograd::Node {
  torch::autograd::SavedVariable input_, weight_;
  LayerNormOperands operands_;  ///< without tensors
  Tensor mean_, inverse_;       ///< [T, rows]
  bool is_released_ = false;

  /// The gradients by ops that have gradients themselves.
  variable_list differentiable_gradients(const LayerNormOperands& operands, const Tensor& of_output) {
    const int64_t n_trials = operands.input.size(0);
    const Tensor x = operands.input.reshape({n_trials, -1, operands.size}), gradient = of_output.reshape(x.sizes());
    const Tensor centred = x - x.mean(2, true);
    const Tensor inverse = (centred.square().mean(2, true) + operands.eps).rsqrt();
    const Tensor normal = centred * inverse;
    const Tensor of_normal = operands.weight.defined() ? gradient * operands.weight.unsqueeze(1) : gradient;
    const Tensor of_input =
        of_normal - of_normal.mean(2, true) - normal * (of_normal * normal).mean(2, true);
    return {(of_input * inverse).reshape(operands.input.sizes()), (gradient * normal).sum(1), gradient.sum(1)};
  }

  variable_list apply(variable_list&& gradients) override {
    if (!gradients[0].defined()) return variable_list(3);
    TORCH_CHECK(!is_released_, "Trying to backward through the graph a second time; pass retain_graph");
    LayerNormOperands operands = operands_;
    operands.input = input_.unpack();
    operands.weight = weight_.unpack();
    if (at::GradMode::is_enabled()) return differentiable_gradients(operands, gradients[0]);
    const Tensor of_output = gradients[0].contiguous();
    Tensor of_input = at::empty(operands.input.sizes(), of_output.options());
    Tensor of_weight = at::empty({operands.input.size(0), operands.size}, of_output.options());
    Tensor of_bias = at::empty(of_weight.sizes(), of_output.options());
    LayerNorm norm = described_rows(operands);
    norm.mean = mean_.mutable_data_ptr<float>();
    norm.inverse = inverse_.mutable_data_ptr<float>();
    backend_of(of_output.device())
        .layer_norm_backward(device_context(of_output.device(), 0), norm,
                             {of_output.const_data_ptr<float>(), of_input.mutable_data_ptr<float>(),
                              of_weight.mutable_data_ptr<float>(), of_bias.mutable_data_ptr<float>()});
    return {of_input, of_weight, of_bias};
  }
  void release_variables() override {
    input_.reset_data();
    weight_.reset_data();
    is_released_ = true;
  }
  std::string name() const override { return "LockstepLayerNormBackward"; }
};

struct NormalisedRows {
  Tensor output, mean, inverse;
};

NormalisedRows normalised_rows(const LayerNormOperands& operands) {
  NodePointer<LayerNormNode> node;
  const Tensor &x = operands.input, &weight = operands.weight, &bias = operands.bias;
  if (torch::autograd::compute_requires_grad(x, weight, bias)) {
    node = make_node<LayerNormNode>();
    node->set_next_edges(torch::autograd::collect_next_edges(x, weight, bias));
    node->input_ = torch::autograd::SavedVariable(x, false);
    node->weight_ = torch::autograd::SavedVariable(weight, false);
    node->operands_.size = operands.size;
    node->operands_.eps = operands.eps;
  }
  NormalisedRows out;
  {
    const functorch::BelowAutograd below_autograd;
    LayerNorm norm = described_rows(operands);
    out.output = at::empty(x.sizes(), x.options());
    out.mean = at::empty({norm.n_trials, norm.n_rows}, x.options());
    out.inverse = at::empty(out.mean.sizes(), x.options());
    norm.output = out.output.mutable_data_ptr<float>();
    norm.mean = out.mean.mutable_data_ptr<float>();
    norm.inverse = out.inverse.mutable_data_ptr<float>();
    backend_of(x.device()).layer_norm(device_context(x.device(), 0), norm);
  }
  if (node) {
    node->mean_ = out.mean;
    node->inverse_ = out.inverse;
    torch::autograd::set_history(out.output, node);
  }
  return out;
}

bool is_float_on_cpu(const Tensor& x) { return !x.defined() || (x.is_cpu() && x.scalar_type() == torch::kFloat); }

std::tuple<Tensor, Tensor, Tensor> layer_norm_rule(const Tensor& input, c10::SymIntArrayRef normalized_shape,
                                                   const std::optional<Tensor>& weight,
                                                   const std::optional<Tensor>& bias, double eps) {
  const TrialOperand x(input), w(weight), b(bias);
  const auto row = C10_AS_INTARRAYREF_SLOW(normalized_shape);
  const auto n_outer = static_cast<int64_t>(input.dim()) - static_cast<int64_t>(row.size());
  TORCH_CHECK(!row.empty() && n_outer >= 0 && input.sizes().slice(static_cast<size_t>(n_outer)) == row,
              "layer norm: the shape ", row, " is not that of the input's last dimensions, ", input.sizes());
  for (const auto* each : {&weight, &bias}) {
    TORCH_CHECK(!each->has_value() || !(*each)->defined() || (*each)->sizes() == row,
                "layer norm: weight and bias must be of the shape ", row);
  }
  const int64_t n_trials = std::max({x.n_trials(), w.n_trials(), b.n_trials()});
  Tensor out, mean, inverse;
  {
    const functorch::InsideRule inside;
    const auto of_all = [&](const TrialOperand& operand) {
      if (!operand.tensor().defined() || operand.per_trial()) return operand.tensor();
      auto sizes = operand.tensor().sizes().vec();
      sizes.insert(sizes.begin(), n_trials);
      return operand.tensor().unsqueeze(0).expand(sizes);
    };
    const Tensor all = of_all(x), weights = of_all(w), biases = of_all(b);
    if (all.numel() > 0 && is_float_on_cpu(all) && is_float_on_cpu(weights) && is_float_on_cpu(biases)) {
      LayerNormOperands operands;
      operands.size = c10::multiply_integers(row);
      operands.eps = eps;
      operands.input = with_contiguous_trials(all);
      const auto flat = [&](const Tensor& of_row) {
        return of_row.defined() && of_row.dim() != 2 ? of_row.reshape({n_trials, operands.size}) : of_row;
      };
      operands.weight = with_contiguous_trials(flat(weights));
      operands.bias = with_contiguous_trials(flat(biases));
      const NormalisedRows found = normalised_rows(operands);
      auto sizes = all.sizes().vec();
      std::fill(sizes.begin() + 1 + n_outer, sizes.end(), 1);
      out = found.output;
      mean = found.mean.view(sizes);
      inverse = found.inverse.view(sizes);
    } else {
      std::tie(out, mean, inverse) = at::native_layer_norm(all, row, {}, {}, eps);
      auto sizes = all.sizes().vec();
      std::fill(sizes.begin() + 1, sizes.begin() + 1 + n_outer, 1);
      if (weights.defined()) out = out * weights.reshape(sizes);
      if (biases.defined()) out = out + biases.reshape(sizes);
    }
  }
  return {functorch::wrap_innermost(out), functorch::wrap_innermost(mean), functorch::wrap_innermost(inverse)};
}

}  // namespace

void register_layer_norm() {
  functorch::register_rules([](torch::Library& library) { library.impl("native_layer_norm", layer_norm_rule); });
}

}  // namespace lockstep
