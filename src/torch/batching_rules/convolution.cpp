// Convolution, on a CPU a trial at a time: each costs what it costs alone and has the bits that it has alone. functorch makes one
// grouped convolution of all trials, which rounds by how many they are; small ones are faster so, large ones slower. On a GPU
// the grouped one is what is done here too.

#include <algorithm>

#include "torch/batching_rules/trial_by_trial.h"
#include "torch/dispatch.h"
#include "torch/functorch.h"

namespace lockstep {
namespace {

using torch::Tensor;

/// [T, B, C, ...] -> [B, T * C, ...]; without T it is repeated. Without B there is none in the result.
Tensor as_channels(const TrialOperand& x, int64_t n_trials, bool has_batch) {
  auto sizes = x.tensor().sizes().vec();
  if (!x.per_trial()) sizes.insert(sizes.begin(), n_trials);
  const Tensor all = x.tensor().expand(sizes);
  return has_batch ? all.transpose(0, 1).flatten(1, 2) : all.flatten(0, 1);
}

Tensor convolution_rule(const Tensor& input, const Tensor& weight, const std::optional<Tensor>& bias,
                        at::IntArrayRef stride, at::IntArrayRef padding, at::IntArrayRef dilation, bool transposed,
                        at::IntArrayRef output_padding, int64_t groups) {
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

}  // namespace

void register_convolution() {
  functorch::register_rules([](torch::Library& library) { library.impl("convolution", convolution_rule); });
}

}  // namespace lockstep
