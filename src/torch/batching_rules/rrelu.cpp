// Randomised leaky ReLU, which LibTorch draws the slopes of inside its kernel, from the global generator. Here they are
// drawn by `uniform_`, which each trial has a stream of its own for.

#include "torch/batching_rules/trial_by_trial.h"
#include "torch/dispatch.h"
#include "torch/functorch.h"

namespace lockstep {
namespace {

using torch::Tensor;

Tensor rrelu_rule(const Tensor& self, const at::Scalar& lower, const at::Scalar& upper, bool training,
                  std::optional<at::Generator> generator) {
  const double low = lower.toDouble(), high = upper.toDouble();
  if (!training) return at::leaky_relu(self, (low + high) / 2);
  const TrialOperand x(self);
  Tensor out;
  {
    const functorch::InsideRule inside;
    auto sizes = x.tensor().sizes().vec();
    if (!x.per_trial()) sizes.insert(sizes.begin(), functorch::innermost_batch_size());
    const Tensor slopes = at::empty(sizes, x.tensor().options()).uniform_(low, high, generator);
    out = at::where(x.tensor().le(0), x.tensor() * slopes, x.tensor());
  }
  return functorch::wrap_innermost(out);
}

Tensor& rrelu_rule_in_place(Tensor& self, const at::Scalar& lower, const at::Scalar& upper, bool training,
                            std::optional<at::Generator> generator) {
  return self.copy_(rrelu_rule(self, lower, upper, training, generator));
}

}  // namespace

void register_rrelu() {
  functorch::register_scope_rules([](torch::Library& library) {
    library.impl("rrelu", rrelu_rule);
    library.impl("rrelu_", rrelu_rule_in_place);
  });
}

}  // namespace lockstep
