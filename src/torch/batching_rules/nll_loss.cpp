// functorch has no batching rule for nll_loss, so cross_entropy would loop over the trials. Autograd works below vmap
// here, so a rule of differentiable ops on the physical tensors is all that is needed: no rule for the backward.

#include <ATen/core/Reduction.h>

#include "torch/dispatch.h"
#include "torch/functorch.h"

namespace lockstep {
namespace {

using torch::Tensor;

/// [T, ...] -> [T]; a loss without a batch is [T] already.
Tensor sum_per_trial(const Tensor& values) { return values.reshape({values.size(0), -1}).sum(1); }

Tensor reduce(const Tensor& loss, const Tensor& weight, int64_t reduction) {
  if (reduction == at::Reduction::None) return loss;
  const Tensor sum = sum_per_trial(loss);
  return reduction == at::Reduction::Sum ? sum : sum / sum_per_trial(weight);
}

/// Works on physical tensors. `log_probabilities` [T, batch, classes, ...] or [T, classes]; `target` [batch, ...] or [] shared,
/// or with T in front. Returns (loss, total weight) with T in front.
std::tuple<Tensor, Tensor> nll_loss_physical(const Tensor& log_probabilities, Tensor target, bool target_per_trial,
                                             const std::optional<Tensor>& class_weight, bool weight_per_trial,
                                             int64_t reduction, int64_t ignore_index) {
  const int64_t n_trials = log_probabilities.size(0);
  const int64_t class_dim = log_probabilities.dim() == 2 ? 1 : 2;
  if (!target_per_trial) {
    target = target.unsqueeze(0).expand([&] {
      auto size = target.sizes().vec();
      size.insert(size.begin(), n_trials);
      return size;
    }());
  }
  const Tensor kept = target.ne(ignore_index);
  const Tensor index = target.masked_fill(kept.logical_not(), 0);
  const Tensor picked = log_probabilities.gather(class_dim, index.unsqueeze(class_dim)).squeeze(class_dim);
  Tensor weight;
  if (class_weight && class_weight->defined()) {
    const Tensor rows = weight_per_trial ? *class_weight : class_weight->unsqueeze(0).expand({n_trials, -1});
    weight = rows.gather(1, index.reshape({n_trials, -1})).view(index.sizes());
    weight = torch::where(kept, weight, torch::zeros_like(weight));
  } else {
    weight = kept.to(log_probabilities.scalar_type());
  }
  // where, not a product alone: an ignored example's -inf must not become NaN.
  const Tensor loss = torch::where(kept, -picked * weight, torch::zeros_like(picked));
  return {reduce(loss, weight, reduction), sum_per_trial(weight)};
}

std::tuple<Tensor, Tensor> nll_loss(const Tensor& self, const Tensor& target, const std::optional<Tensor>& weight,
                                    int64_t reduction, c10::SymInt ignore_index) {
  const auto physical_self = functorch::unwrap_innermost(self);
  const auto physical_target = functorch::unwrap_innermost(target);
  std::optional<Tensor> physical_weight;
  if (weight && weight->defined()) physical_weight = functorch::unwrap_innermost(*weight);
  const Tensor& any = physical_self ? *physical_self : physical_target ? *physical_target : *physical_weight;
  const int64_t n_trials = any.size(0);  // the rule runs only when one of them is per trial
  Tensor total_loss;
  Tensor total_weight;
  {
    functorch::InsideRule inside;
    Tensor log_probabilities = physical_self ? *physical_self : self.unsqueeze(0);
    if (!physical_self) {
      auto size = log_probabilities.sizes().vec();
      size[0] = n_trials;
      log_probabilities = log_probabilities.expand(size);
    }
    std::tie(total_loss, total_weight) = nll_loss_physical(
        log_probabilities, physical_target.value_or(target), physical_target.has_value(),
        physical_weight ? physical_weight : weight, physical_weight.has_value(), reduction, ignore_index.expect_int());
  }
  return {functorch::wrap_innermost(total_loss), functorch::wrap_innermost(total_weight)};
}

}  // namespace

void register_nll_loss() {
  functorch::register_rules([](torch::Library& library) {
    library.impl("nll_loss_forward", nll_loss);
    library.impl("nll_loss2d_forward", nll_loss);
  });
}

}  // namespace lockstep
