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

/// The order of uniform numbers. (LibTorch's kernel shuffles with the global generator.)
Tensor randperm_rule(int64_t n, std::optional<at::Generator> generator, std::optional<at::ScalarType> dtype,
                     std::optional<at::Layout> layout, std::optional<at::Device> device, std::optional<bool> pin) {
  Tensor out;
  {
    const functorch::InsideRule inside;
    const auto options = at::TensorOptions().dtype(at::kFloat).device(device.value_or(at::kCPU));
    const Tensor numbers = at::empty({functorch::innermost_batch_size(), n}, options).uniform_(0, 1, generator);
    out = at::argsort(numbers, /*stable=*/true, 1).to(dtype.value_or(at::kLong));
  }
  return functorch::wrap_innermost(out);
}

Tensor randperm_rule_without_generator(int64_t n, std::optional<at::ScalarType> dtype, std::optional<at::Layout> layout,
                                       std::optional<at::Device> device, std::optional<bool> pin) {
  return randperm_rule(n, {}, dtype, layout, device, pin);
}

/// Without replacement LibTorch draws by exponential_, which has a stream per trial.
Tensor multinomial_rule(const Tensor& self, int64_t n_samples, bool replacement,
                        std::optional<at::Generator> generator) {
  TORCH_CHECK(!replacement || n_samples == 1,
              "multinomial with replacement has no random stream per trial; draw one sample at a time");
  const TrialOperand weights(self);
  Tensor out;
  {
    const functorch::InsideRule inside;
    auto sizes = weights.tensor().sizes().vec();
    if (!weights.per_trial()) sizes.insert(sizes.begin(), functorch::innermost_batch_size());
    const Tensor waits = at::empty(sizes, weights.tensor().options()).exponential_(1, generator);
    out = std::get<1>(at::topk(weights.tensor() / waits, n_samples));
  }
  return functorch::wrap_innermost(out);
}

}  // namespace

void register_samples() {
  functorch::register_scope_rules([](torch::Library& library) {
    library.impl("rrelu", rrelu_rule);
    library.impl("rrelu_", rrelu_rule_in_place);
    library.impl("randperm", randperm_rule_without_generator);
    library.impl("randperm.generator", randperm_rule);
    library.impl("multinomial", multinomial_rule);
  });
}

}  // namespace lockstep
