// Reads of a per-trial tensor as a C++ value: answered where all trials agree by their nature, else refused with the
// cure.

#include "torch/batching_rules/trial_by_trial.h"
#include "torch/dispatch.h"
#include "torch/functorch.h"

namespace lockstep {
namespace {

using torch::Tensor;

at::Scalar item(const Tensor& self) {
  TORCH_CHECK(
      false,
      "a tensor that each trial has its own of was read as a C++ value (.item(), or a condition on it): write it with "
      "tensor operations such as torch::where. A batch norm with momentum(std::nullopt) reads its counter so: give "
      "it a momentum, such as 0.1");
}

/// Multi-head attention asks whether query, key and value are one. Two tensors of which some trials' rows are equal and
/// others' are not have no one answer.
bool equal(const Tensor& self, const Tensor& other) {
  if (self.is_same(other)) return true;
  if (self.sizes() != other.sizes()) return false;
  const TrialOperand a(self), b(other);
  const functorch::BelowVmap below;
  const Tensor unequal = a.tensor().ne(b.tensor());  // with the trials in front, where one of them is per trial
  const Tensor trials = unequal.reshape({unequal.size(0), -1}).any(1);
  const bool any = trials.any().item<bool>(), all = trials.all().item<bool>();
  TORCH_CHECK(
      any == all,
      "torch::equal has one answer in some trials and another in others; compare with tensor operations such as "
      "torch::eq and torch::where");
  return !any;
}

}  // namespace

void register_refusals() {
  functorch::register_rules([](torch::Library& library) {
    library.impl("_local_scalar_dense", item);
    library.impl("item", item);
    library.impl("equal", equal);
  });
}

}  // namespace lockstep
