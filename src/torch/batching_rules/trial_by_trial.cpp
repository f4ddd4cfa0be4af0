// Ops whose kernels are best called once for every trial: because there is no better way, or because together they
// would round otherwise than alone. functorch's own way for ops that it does not know does the same, with a warning and
// a stack trace each time.

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

}  // namespace

void register_trial_by_trial() {
  functorch::register_rules([](torch::Library& library) {
    for (const auto* name :
         {"affine_grid_generator", "ctc_loss.IntList", "ctc_loss.Tensor", "fractional_max_pool2d",
          "fractional_max_pool3d", "max_unpool2d", "max_unpool3d", "multi_margin_loss", "multilabel_margin_loss"}) {
      library.impl(name, torch::CppFunction::makeFromBoxedFunction<&trial_by_trial>());
    }
  });
}

}  // namespace lockstep
