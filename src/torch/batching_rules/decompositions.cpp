// Ops that LibTorch itself makes of others, and that functorch does not take apart: it would run each as a whole, trial
// by trial.

#include <ATen/CompositeImplicitAutogradFunctions.h>
#include <ATen/core/Reduction.h>

#include "torch/dispatch.h"
#include "torch/functorch.h"

namespace lockstep {
namespace {

using torch::Tensor;

/// Not a composite in LibTorch, but as short as one.
Tensor soft_margin_loss(const Tensor& self, const Tensor& target, int64_t reduction) {
  const Tensor loss = at::log1p(at::exp(-target * self));
  if (reduction == at::Reduction::None) return loss;
  return reduction == at::Reduction::Sum ? loss.sum() : loss.mean();
}

/// [..., in1] x [out, in1, in2] x [..., in2] -> [..., out]: one product with all the weights, then a sum with b.
Tensor bilinear(const Tensor& a, const Tensor& b, const Tensor& weight, const std::optional<Tensor>& bias) {
  const int64_t n_out = weight.size(0), n_a = weight.size(1), n_b = weight.size(2);
  const Tensor by_a = at::mm(a.reshape({-1, n_a}), weight.transpose(0, 1).reshape({n_a, n_out * n_b}));
  auto sizes = a.sizes().vec();
  sizes.back() = n_out;
  const Tensor out = (by_a.reshape({-1, n_out, n_b}) * b.reshape({-1, 1, n_b})).sum(-1).reshape(sizes);
  return bias && bias->defined() ? out + *bias : out;
}

}  // namespace

void register_decompositions() {
  namespace composite = at::compositeimplicitautograd;
  functorch::register_rules([](torch::Library& library) {
    library.impl("_pad_enum", composite::_pad_enum_symint);
    library.impl("bilinear", bilinear);
    library.impl("gru_cell", composite::gru_cell);
    library.impl("kl_div", composite::kl_div);
    library.impl("lstm_cell", composite::lstm_cell);
    library.impl("margin_ranking_loss", composite::margin_ranking_loss);
    library.impl("rnn_relu_cell", composite::rnn_relu_cell);
    library.impl("rnn_tanh_cell", composite::rnn_tanh_cell);
    library.impl("soft_margin_loss", soft_margin_loss);
    library.impl("triplet_margin_loss", composite::triplet_margin_loss);
  });
}

}  // namespace lockstep
