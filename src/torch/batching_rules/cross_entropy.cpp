// cross_entropy with class indices, as classifiers have it: the losses and the gradient of the scores in one pass
// over them, where LibTorch goes through log_softmax and nll_loss and some twenty ops more.

#include <ATen/CompositeImplicitAutogradFunctions.h>
#include <ATen/core/Reduction.h>
#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/functions/utils.h>
#include <torch/csrc/autograd/saved_variable.h>

#include "torch/autograd_node.h"
#include "torch/device_context.h"
#include "torch/dispatch.h"
#include "torch/functorch.h"

namespace lockstep {
namespace {

using torch::Tensor;
using torch::autograd::variable_list;

/// What one call is about, on physical tensors.
struct Problem {
  Tensor scores;   ///< [T, examples, classes]
  Tensor targets;  ///< [T, examples], or [examples] and shared
  bool mean = true;
  int64_t ignored = -100;
};

struct CrossEntropyBackward : public torch::autograd::Node {
  torch::autograd::SavedVariable scores_;
  Problem problem_;  ///< without scores
  Tensor gradients_;

  /// The gradient of the scores [T, examples, classes] by ops that have a gradient themselves.
  Tensor differentiable_gradients() {
    const Tensor scores = scores_.unpack();
    const Tensor& targets = problem_.targets;
    const Tensor all = targets.dim() == 1 ? targets.unsqueeze(0).expand({scores.size(0), -1}) : targets;
    const Tensor kept = all.ne(problem_.ignored);
    const Tensor index = all.masked_fill(kept.logical_not(), 0).unsqueeze(2);
    const Tensor chosen = at::zeros_like(scores).scatter(2, index, 1);
    const Tensor weight = problem_.mean ? kept.to(scores.dtype()) / kept.sum(1, true) : kept.to(scores.dtype());
    return (at::softmax(scores, 2) - chosen) * weight.unsqueeze(2);
  }

  variable_list apply(variable_list&& gradients) override {
    if (!gradients[0].defined()) return variable_list(1);
    TORCH_CHECK(gradients_.defined(), "Trying to backward through the graph a second time; pass retain_graph");
    const Tensor of_trial = gradients[0].view({-1, 1, 1});
    return {(at::GradMode::is_enabled() ? differentiable_gradients() : gradients_) * of_trial};
  }
  void release_variables() override {
    scores_.reset_data();
    gradients_.reset();
  }
  std::string name() const override { return "LockstepCrossEntropyBackward"; }
};

/// On a CPU, where it costs nothing; elsewhere the loss of such a trial is NaN.
void refuse_wrong_targets(const Problem& problem) {
  if (!problem.targets.is_cpu()) return;
  const int64_t* targets = problem.targets.const_data_ptr<int64_t>();
  for (int64_t i = 0; i < problem.targets.numel(); ++i) {
    const bool right = targets[i] == problem.ignored || (targets[i] >= 0 && targets[i] < problem.scores.size(2));
    TORCH_CHECK_INDEX(right, "Target ", targets[i], " is out of bounds.");
  }
}

/// The loss of each trial, [T].
Tensor losses_of(const Problem& problem) {
  refuse_wrong_targets(problem);
  NodePointer<CrossEntropyBackward> node;
  if (at::GradMode::is_enabled() && problem.scores.requires_grad()) {
    node = make_node<CrossEntropyBackward>();
    node->set_next_edges(torch::autograd::collect_next_edges(problem.scores));
    node->scores_ = torch::autograd::SavedVariable(problem.scores, false);
    node->problem_ = {{}, problem.targets, problem.mean, problem.ignored};
  }
  Tensor out;
  {
    const functorch::BelowAutograd below_autograd;
    const Tensor& scores = problem.scores;
    out = at::empty({scores.size(0)}, scores.options());
    CrossEntropy options;
    options.scores = scores.const_data_ptr<float>();
    options.targets = problem.targets.const_data_ptr<int64_t>();
    options.target_stride = problem.targets.dim() == 1 ? 0 : scores.size(1);
    options.n_trials = scores.size(0);
    options.n_examples = scores.size(1);
    options.n_classes = scores.size(2);
    options.ignored_target = problem.ignored;
    options.mean = problem.mean;
    options.losses = out.mutable_data_ptr<float>();
    if (node) {
      node->gradients_ = at::empty(scores.sizes(), scores.options());
      options.gradients = node->gradients_.mutable_data_ptr<float>();
    }
    backend_of(scores.device()).cross_entropy(device_context(scores.device(), 0), options);
  }
  if (node) torch::autograd::set_history(out, node);
  return out;
}

/// With label smoothing and class weights that all trials share LibTorch would pick out the targets that are not
/// ignored, for which the host waits for the device; with weights that each trial has its own of it masks them.
std::optional<Tensor> weight_of_trials(const std::optional<Tensor>& weight) {
  if (!weight || !weight->defined() || functorch::is_wrapped(*weight)) return weight;
  const functorch::InsideRule inside;
  return functorch::wrap_innermost(weight->unsqueeze(0).expand({functorch::innermost_batch_size(), -1}));
}

Tensor cross_entropy_loss(const Tensor& self, const Tensor& target, const std::optional<Tensor>& weight,
                          int64_t reduction, c10::SymInt ignore_index, double label_smoothing) {
  const auto scores = functorch::unwrap_innermost(self);
  const bool is_plain = scores && scores->dim() == 3 && scores->scalar_type() == torch::kFloat && scores->numel() > 0 &&
                        scores->size(2) <= kMaxSoftmaxColumns && target.dim() == 1 &&
                        target.size(0) == scores->size(1) && target.scalar_type() == torch::kLong &&
                        reduction != at::Reduction::None && label_smoothing == 0 && !(weight && weight->defined());
  if (!is_plain) {
    const bool smoothes_classes = label_smoothing > 0 && self.sizes() != target.sizes();
    return at::compositeimplicitautograd::cross_entropy_loss_symint(
        self, target, smoothes_classes ? weight_of_trials(weight) : weight, reduction, ignore_index, label_smoothing);
  }
  Tensor out;
  {
    const functorch::InsideRule inside;
    const auto targets = functorch::unwrap_innermost(target).value_or(target).contiguous();
    out = losses_of({scores->contiguous(), targets, reduction == at::Reduction::Mean, ignore_index.expect_int()});
  }
  return functorch::wrap_innermost(out);
}

}  // namespace

void register_cross_entropy() {
  functorch::register_rules([](torch::Library& library) { library.impl("cross_entropy_loss", cross_entropy_loss); });
}

}  // namespace lockstep
