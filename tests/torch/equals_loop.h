#pragma once

// A function of operands in a batch of trials against a loop over the trials.

#include <gtest/gtest.h>

#include <lockstep/torch/trial_scope.h>
#include <torch/torch.h>

namespace lockstep::testing {

using torch::Tensor;

inline constexpr int64_t kTrials = 3;

/// An operand of a product: a value a trial, or one for all.
struct Operand {
  Operand(bool per_trial, std::vector<int64_t> shape) : per_trial(per_trial) {
    if (per_trial) shape.insert(shape.begin(), kTrials);
    value = torch::randn(shape).requires_grad_();
  }
  Tensor in(const TrialScope& scope) const { return per_trial ? scope.batched(value) : value; }
  /// A leaf of its own with trial t's value.
  Tensor alone(int64_t t) const { return (per_trial ? value[t] : value).detach().clone().requires_grad_(); }

  bool per_trial;
  Tensor value;
};

/// Compares `function` of the operands in a batch with each trial alone: value, and the gradient of its weighted sum.
template <class Function>
void expect_equals_loop(const std::vector<Operand>& operands, const Function& function) {
  const Tensor weights = torch::randn({1000});
  const auto weighted_sum = [&](const Tensor& value) {
    return (value.flatten() * weights.narrow(0, 0, value.numel())).sum();
  };
  Tensor batch;
  {
    TrialScope scope(kTrials);
    std::vector<Tensor> inside;
    for (const auto& operand : operands) inside.push_back(operand.in(scope));
    batch = physical(function(inside));
  }
  Tensor total;
  std::vector<std::vector<Tensor>> alone;
  for (int64_t t = 0; t < kTrials; ++t) {
    total = t == 0 ? weighted_sum(batch[t]) : total + weighted_sum(batch[t]);
    alone.emplace_back();
    for (const auto& operand : operands) alone.back().push_back(operand.alone(t));
    const Tensor expected = function(alone.back());
    ASSERT_EQ(batch[t].sizes(), expected.sizes());
    EXPECT_TRUE(torch::allclose(batch[t], expected, 1e-5, 1e-5)) << "trial " << t;
    weighted_sum(expected).backward();
  }
  total.backward();
  for (size_t i = 0; i < operands.size(); ++i) {
    Tensor expected = alone[0][i].grad();
    std::vector<Tensor> gradients;
    for (int64_t t = 0; t < kTrials; ++t) gradients.push_back(alone[static_cast<size_t>(t)][i].grad());
    const Tensor stacked = torch::stack(gradients);
    EXPECT_TRUE(torch::allclose(operands[i].value.grad(), operands[i].per_trial ? stacked : stacked.sum(0), 1e-5, 1e-4))
        << "operand " << i;
  }
}

}  // namespace lockstep::testing
