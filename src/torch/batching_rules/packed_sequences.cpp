// Packing of sequences of several lengths, which all trials share: a trial's examples are packed with those of the
// others as if they were longer vectors, so that the lengths stay what they are.

#include "torch/batching_rules/trial_by_trial.h"
#include "torch/dispatch.h"
#include "torch/functorch.h"

namespace lockstep {
namespace {

using torch::Tensor;

void check_shared(const Tensor& lengths) {
  TORCH_CHECK(
      !functorch::is_wrapped(lengths),
      "packed sequences: the lengths are a tensor that each trial has its own of; packing needs ones that all share");
}

/// [T, length, batch, ...] -> packed [T, sum of lengths, ...].
std::tuple<Tensor, Tensor> pack(const Tensor& input, const Tensor& lengths, bool batch_first) {
  check_shared(lengths);
  const TrialOperand x(input);
  Tensor data, batch_sizes;
  {
    const functorch::InsideRule inside;
    std::tie(data, batch_sizes) = at::_pack_padded_sequence(x.tensor().movedim(0, 2), lengths, batch_first);
    data = data.movedim(1, 0);
  }
  return {functorch::wrap_innermost(data), batch_sizes};
}

std::tuple<Tensor, Tensor> unpack(const Tensor& input, const Tensor& batch_sizes, bool batch_first,
                                  const at::Scalar& padding, int64_t total_length) {
  check_shared(batch_sizes);
  const TrialOperand data(input);
  Tensor out, lengths;
  {
    const functorch::InsideRule inside;
    std::tie(out, lengths) =
        at::_pad_packed_sequence(data.tensor().movedim(0, 1), batch_sizes, batch_first, padding, total_length);
    out = out.movedim(2, 0);
  }
  return {functorch::wrap_innermost(out), lengths};
}

}  // namespace

void register_packed_sequences() {
  functorch::register_rules([](torch::Library& library) {
    library.impl("_pack_padded_sequence", pack);
    library.impl("_pad_packed_sequence", unpack);
  });
}

}  // namespace lockstep
