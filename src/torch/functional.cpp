#include <lockstep/torch/functional.h>

#include <torch/torch.h>

namespace lockstep {

torch::Tensor cross_entropy(const torch::Tensor& output, const torch::Tensor& targets,
                            const torch::Tensor& label_smoothing) {
  constexpr int64_t kIgnored = -100;
  TORCH_CHECK(!targets.is_floating_point(), "cross_entropy: targets must be class indices, not probabilities");
  const int64_t class_dim = output.dim() == 1 ? 0 : 1;
  const torch::Tensor log_probabilities = torch::log_softmax(output, class_dim);
  const torch::Tensor hard = torch::nll_loss_nd(log_probabilities, targets);
  const torch::Tensor kept = targets.ne(kIgnored);
  const torch::Tensor uniform = log_probabilities.sum(class_dim).neg();
  // In double until here: F::cross_entropy takes the number so.
  const auto number = [&](const torch::Tensor& value) { return value.to(output.scalar_type()); };
  const torch::Tensor soft = torch::where(kept, uniform, torch::zeros_like(uniform)).sum() / kept.sum();
  const torch::Tensor mixed =
      number(1 - label_smoothing) * hard + soft * number(label_smoothing / static_cast<double>(output.size(class_dim)));
  // Not times zero: a class whose probability is 0 makes `soft` infinite.
  return torch::where(label_smoothing.eq(0), hard, mixed);
}

torch::Tensor dropout(const torch::Tensor& input, const torch::Tensor& p, bool training) {
  if (!training) return input;
  const torch::Tensor keep = (1 - p).to(input.scalar_type());
  // 0 where nothing is kept, not infinity.
  const torch::Tensor scale = torch::where(keep.gt(0), 1 / keep, torch::zeros_like(keep));
  return input * (torch::rand_like(input).lt(keep) * scale);
}

}  // namespace lockstep
