// embedding_bag, a trial at a time. With weights of the examples their gradient would be MKL's dot products, which
// round by the alignment of their operands in memory, and so by the trial's slot: there it is put together of embedding
// and index_add.

#include <algorithm>

#include "torch/batching_rules/trial_by_trial.h"
#include "torch/dispatch.h"
#include "torch/functorch.h"

namespace lockstep {
namespace {

using torch::Tensor;
using Bags = std::tuple<Tensor, Tensor, Tensor, Tensor>;

/// [n bags, columns], by the sum of weight[indices[i]] * factors[i] over each bag.
Tensor weighted_sums(const Tensor& weight, const Tensor& indices, const Tensor& offsets, const Tensor& factors,
                     int64_t n_bags, std::optional<int64_t> padding_index) {
  const Tensor bag =
      at::bucketize(at::arange(indices.numel(), offsets.options()), offsets, /*out_int32=*/false, /*right=*/true) - 1;
  Tensor kept = factors.unsqueeze(1);
  if (padding_index) kept = kept.masked_fill(indices.eq(*padding_index).unsqueeze(1), 0);
  return at::zeros({n_bags, weight.size(1)}, weight.options()).index_add(0, bag, at::embedding(weight, indices) * kept);
}

Bags embedding_bag_rule(const Tensor& weight, const Tensor& indices, const Tensor& offsets, bool scale_grad_by_freq,
                        int64_t mode, bool sparse, const std::optional<Tensor>& per_sample_weights,
                        bool include_last_offset, std::optional<int64_t> padding_index) {
  TORCH_CHECK(!sparse, "embedding_bag: sparse gradients do not train in a batch of trials; leave sparse off");
  const TrialOperand w(weight), i(indices), o(offsets), f(per_sample_weights);
  const int64_t n_trials = std::max({w.n_trials(), i.n_trials(), o.n_trials(), f.n_trials()});
  std::vector<Tensor> results[4];
  Bags out;
  {
    const functorch::InsideRule inside;
    for (int64_t t = 0; t < n_trials; ++t) {
      auto [sums, bag, size, largest] = at::embedding_bag(w[t], i[t], o[t], scale_grad_by_freq, mode, sparse, f[t],
                                                          include_last_offset, padding_index);
      if (f[t].defined()) sums = weighted_sums(w[t], i[t], o[t], f[t], sums.size(0), padding_index);
      results[0].push_back(sums);
      results[1].push_back(bag);
      results[2].push_back(size);
      results[3].push_back(largest);
    }
    out = {at::stack(results[0]), at::stack(results[1]), at::stack(results[2]), at::stack(results[3])};
  }
  return std::apply([](const auto&... each) { return Bags{functorch::wrap_innermost(each)...}; }, out);
}

Bags embedding_bag_rule_without_padding(const Tensor& weight, const Tensor& indices, const Tensor& offsets,
                                        bool scale_grad_by_freq, int64_t mode, bool sparse,
                                        const std::optional<Tensor>& per_sample_weights, bool include_last_offset) {
  return embedding_bag_rule(weight, indices, offsets, scale_grad_by_freq, mode, sparse, per_sample_weights,
                            include_last_offset, {});
}

}  // namespace

void register_embedding_bag() {
  functorch::register_rules([](torch::Library& library) {
    library.impl("embedding_bag", embedding_bag_rule_without_padding);
    library.impl("embedding_bag.padding_idx", embedding_bag_rule);
  });
}

}  // namespace lockstep
