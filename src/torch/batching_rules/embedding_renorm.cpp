// embedding_renorm_, by which an embedding with `max_norm` scales down the rows of its table that it reads. LibTorch
// takes these one by one and reads each norm on the host; here the norms of all rows are taken at once, on the device.

#include "torch/batching_rules/trial_by_trial.h"
#include "torch/dispatch.h"
#include "torch/functorch.h"

namespace lockstep {
namespace {

using torch::Tensor;

Tensor& embedding_renorm_rule(Tensor& self, const Tensor& indices, double max_norm, double norm_type) {
  const TrialOperand table(self), named(indices);
  TORCH_CHECK(table.per_trial(), "embedding_renorm_: all trials write to one table");
  const functorch::InsideRule inside;
  Tensor rows = table.tensor();  // [T, rows, columns]
  const int64_t n_trials = rows.size(0);
  const Tensor index = named.per_trial() ? named.tensor().reshape({n_trials, -1})
                                         : named.tensor().reshape({1, -1}).expand({n_trials, -1});
  const Tensor is_named =
      at::zeros({n_trials, rows.size(1)}, rows.options().dtype(torch::kBool)).scatter_(1, index, true);
  const Tensor norms = at::norm(rows, norm_type, {2});
  const Tensor scales = max_norm / (norms + 1e-7);
  const Tensor kept = at::where(is_named.logical_and(norms.gt(max_norm)), scales, at::ones_like(scales));
  rows.mul_(kept.unsqueeze(2));
  return self;
}

}  // namespace

void register_embedding_renorm() {
  functorch::register_rules([](torch::Library& library) { library.impl("embedding_renorm_", embedding_renorm_rule); });
}

}  // namespace lockstep
