// Ops whose kernels are best called once for every trial: because there is no better way, or because together they
// would round otherwise than alone. functorch's own way for ops that it does not know does the same, with a warning and
// a stack trace each time.
//
// Convolution is one of them: functorch makes one grouped convolution of it, which on a CPU is slower than a loop. On a
// GPU it is the grouped one that is made here.

#include "torch/batching_rules/trial_by_trial.h"

#include <algorithm>

#include <ATen/core/dispatch/Dispatcher.h>

#include "torch/dispatch.h"
#include "torch/functorch.h"

namespace lockstep {

using torch::Tensor;

TrialOperand::TrialOperand(const Tensor& tensor) : tensor_(tensor) {
  if (!tensor.defined()) return;
  if (const auto physical = functorch::unwrap_innermost(tensor)) {
    tensor_ = *physical;
    per_trial_ = true;
  }
}

Tensor TrialOperand::operator[](int64_t trial) const {
  if (!per_trial_) return tensor_;
  if (rows_.empty()) rows_ = tensor_.unbind(0);  // one node for all rows, which puts their gradients together
  return rows_[static_cast<size_t>(trial)];
}

namespace {

/// One argument of an op: a tensor, a list of them, or something that all trials share.
struct Argument {
  c10::IValue given;
  std::vector<TrialOperand> operands;

  explicit Argument(const c10::IValue& value) : given(value) {
    if (value.isTensor()) operands.emplace_back(value.toTensor());
    if (value.isTensorList()) {
      for (const auto& each : value.toTensorVector()) operands.emplace_back(each);
    }
  }
  c10::IValue of(int64_t trial) const {
    if (operands.empty()) return given;
    if (given.isTensor()) return operands.front()[trial];
    std::vector<Tensor> list;
    for (const auto& each : operands) list.push_back(each[trial]);
    return list;
  }
};

/// Any op. One that writes to its first argument writes to that trial's row of it.
void trial_by_trial(const c10::OperatorHandle& op, torch::jit::Stack* stack) {
  const auto& schema = op.schema();
  std::vector<Argument> arguments;
  int64_t n_trials = 0;
  for (const auto& value : torch::jit::pop(*stack, schema.arguments().size())) {
    arguments.emplace_back(value);
    for (const auto& operand : arguments.back().operands) n_trials = std::max(n_trials, operand.n_trials());
  }
  const auto* alias = schema.arguments().front().alias_info();
  const bool writes = alias != nullptr && alias->isWrite();
  TORCH_CHECK(!writes || arguments.front().operands.front().per_trial(), schema.name(),
              ": all trials write to one tensor");
  std::vector<std::vector<Tensor>> results(schema.returns().size());
  {
    const functorch::InsideRule inside;
    for (int64_t t = 0; t < n_trials; ++t) {
      torch::jit::Stack one;
      for (const auto& argument : arguments) one.push_back(argument.of(t));
      op.callBoxed(&one);
      for (size_t i = 0; i < results.size(); ++i) results[i].push_back(one[i].toTensor());
    }
  }
  if (writes) return torch::jit::push(*stack, arguments.front().given);
  for (const auto& each : results) {
    Tensor together;
    {
      const functorch::InsideRule inside;
      together = at::stack(each);
    }
    torch::jit::push(*stack, functorch::wrap_innermost(together));
  }
}

/// [T, B, C, ...] -> [B, T * C, ...]; without T it is repeated. Without B there is none in the result.
Tensor as_channels(const TrialOperand& x, int64_t n_trials, bool has_batch) {
  auto sizes = x.tensor().sizes().vec();
  if (!x.per_trial()) sizes.insert(sizes.begin(), n_trials);
  const Tensor all = x.tensor().expand(sizes);
  return has_batch ? all.transpose(0, 1).flatten(1, 2) : all.flatten(0, 1);
}

Tensor convolution(const Tensor& input, const Tensor& weight, const std::optional<Tensor>& bias, at::IntArrayRef stride,
                   at::IntArrayRef padding, at::IntArrayRef dilation, bool transposed, at::IntArrayRef output_padding,
                   int64_t groups) {
  const TrialOperand x(input), w(weight), b(bias);
  const int64_t n_trials = std::max({x.n_trials(), w.n_trials(), b.n_trials()});
  Tensor out;
  {
    const functorch::InsideRule inside;
    if (x.tensor().is_cpu()) {
      std::vector<Tensor> outputs;
      for (int64_t t = 0; t < n_trials; ++t) {
        outputs.push_back(
            at::convolution(x[t], w[t], b[t], stride, padding, dilation, transposed, output_padding, groups));
      }
      out = at::stack(outputs);
    } else {
      const bool has_batch = input.dim() == weight.dim();
      std::optional<Tensor> biases;
      if (b.tensor().defined()) biases = as_channels(b, n_trials, false);
      const Tensor grouped =
          at::convolution(as_channels(x, n_trials, has_batch), as_channels(w, n_trials, false), biases, stride, padding,
                          dilation, transposed, output_padding, groups * n_trials);
      const int64_t channels = has_batch ? 1 : 0;
      out = grouped.unflatten(channels, {n_trials, grouped.size(channels) / n_trials}).movedim(channels, 0);
    }
  }
  return functorch::wrap_innermost(out);
}

std::tuple<Tensor, Tensor, Tensor> native_batch_norm(const Tensor& input, const std::optional<Tensor>& weight,
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
  return {functorch::wrap_innermost(out), functorch::wrap_innermost(saved_mean),
          functorch::wrap_innermost(saved_deviation)};
}

}  // namespace

void register_trial_by_trial() {
  functorch::register_rules([](torch::Library& library) {
    library.impl("convolution", convolution);
    library.impl("native_batch_norm", native_batch_norm);
    for (const auto* name :
         {"affine_grid_generator", "ctc_loss.IntList", "ctc_loss.Tensor", "embedding_renorm_", "fractional_max_pool2d",
          "fractional_max_pool3d", "max_unpool2d", "max_unpool3d", "multi_margin_loss", "multilabel_margin_loss"}) {
      library.impl(name, torch::CppFunction::makeFromBoxedFunction<&trial_by_trial>());
    }
  });
}

}  // namespace lockstep
