#pragma once

#include <functional>
#include <optional>
#include <vector>

#include <torch/types.h>

namespace lockstep {

/// An operand of a batching rule, by trial: its rows if it is per trial, else itself for all of them.
class TrialOperand {
 public:
  /// Call outside of functorch::InsideRule. `tensor` may be undefined.
  explicit TrialOperand(const torch::Tensor& tensor);
  explicit TrialOperand(const std::optional<torch::Tensor>& tensor) : TrialOperand(tensor.value_or(torch::Tensor())) {}

  bool per_trial() const { return per_trial_; }
  /// The number of trials; 0 where the operand is shared.
  int64_t n_trials() const { return per_trial_ ? tensor_.size(0) : 0; }
  /// Physical: [T, ...] where per trial.
  const torch::Tensor& tensor() const { return tensor_; }
  /// One trial's. Call inside a functorch::InsideRule: its gradient finds its way back.
  torch::Tensor operator[](int64_t trial) const;

 private:
  torch::Tensor tensor_;
  bool per_trial_ = false;
  mutable std::vector<torch::Tensor> rows_;
};

}  // namespace lockstep
