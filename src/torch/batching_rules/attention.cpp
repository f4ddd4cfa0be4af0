// scaled_dot_product_attention. functorch has no rule for the CPU's fused kernel. Here it is the formula, whose
// products are each trial's own; on a GPU it is left to functorch, which has rules for the fused kernels there.

#include <algorithm>

#include <ATen/CompositeImplicitAutogradFunctions.h>

#include "torch/batching_rules/trial_by_trial.h"
#include "torch/dispatch.h"
#include "torch/functorch.h"

namespace lockstep {
namespace {

using torch::Tensor;

/// With the trials in front, in `n_dims` dimensions of a trial.
Tensor with_trials(const TrialOperand& x, int64_t n_trials, int64_t n_dims) {
  auto sizes = x.tensor().sizes().vec();
  if (x.per_trial()) sizes.erase(sizes.begin());
  sizes.insert(sizes.begin(), static_cast<size_t>(n_dims) - sizes.size(), 1);
  sizes.insert(sizes.begin(), x.per_trial() ? n_trials : 1);
  const Tensor out = x.tensor().reshape(sizes);
  sizes[0] = n_trials;
  return out.expand(sizes);
}

Tensor attention(const Tensor& query, const Tensor& key, const Tensor& value, const std::optional<Tensor>& mask,
                 double dropout, bool is_causal, std::optional<double> scale, bool enable_gqa) {
  const TrialOperand q(query), k(key), v(value), m(mask);
  const bool shared = !q.per_trial() && !k.per_trial() && !v.per_trial() && !m.per_trial() && dropout == 0;
  if (shared || !query.is_cpu()) {
    return at::compositeimplicitautograd::scaled_dot_product_attention(query, key, value, mask, dropout, is_causal,
                                                                       scale, enable_gqa);
  }
  const int64_t n_trials = functorch::innermost_batch_size();
  const int64_t n_dims = std::max({query.dim(), key.dim(), value.dim()});
  Tensor out;
  {
    const functorch::InsideRule inside;
    std::optional<Tensor> masks;
    if (m.tensor().defined()) masks = with_trials(m, n_trials, n_dims);
    out = std::get<0>(at::_scaled_dot_product_attention_math(
        with_trials(q, n_trials, n_dims), with_trials(k, n_trials, n_dims), with_trials(v, n_trials, n_dims), masks,
        dropout, is_causal, {}, scale, enable_gqa));
  }
  return functorch::wrap_innermost(out);
}

}  // namespace

void register_attention() {
  functorch::register_scope_rules(
      [](torch::Library& library) { library.impl("scaled_dot_product_attention", attention); });
}

}  // namespace lockstep
