// Batch norm, a trial at a time. functorch makes one of all trials' channels, for which it copies everything into
// another order and back, and whose vectors mix trials.

#include <algorithm>

#include "torch/batching_rules/trial_by_trial.h"
#include "torch/dispatch.h"
#include "torch/functorch.h"

namespace lockstep {
namespace {

using torch::Tensor;

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

void register_batch_norm() {
  functorch::register_rules([](torch::Library& library) { library.impl("native_batch_norm", batch_norm_rule); });
}

}  // namespace lockstep
