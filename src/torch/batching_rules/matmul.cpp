// mm and addmm, which LibTorch's linear layers and 2-d products come down to. functorch makes one batched product of them, whose
// weight gradient comes out transposed and is copied back, and adds the bias in a pass of its own. Here each trial's product is
// computed by itself and written once, where it belongs.

#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/functions/utils.h>
#include <torch/csrc/autograd/saved_variable.h>

#include "torch/batching_rules/linear.h"
#include "torch/dispatch.h"
#include "torch/functorch.h"
#include "torch/trial_products.h"

namespace lockstep {
namespace {

using torch::Tensor;
using torch::autograd::variable_list;

/// The sum over trials where the operand is shared by all: it has one gradient.
Tensor of_operand(const Tensor& gradient, const Tensor& operand) {
  return operand.dim() == 2 ? gradient.sum(0) : gradient;
}

/// The way back through a product of a and b. (A node and not a torch::autograd::Function, which LibTorch refuses as long as a
/// vmap level is there.)
struct ProductBackward : public torch::autograd::Node {
  torch::autograd::SavedVariable a_, b_;

  void release_variables() override {
    a_.reset_data();
    b_.reset_data();
  }
};

/// Through a b^T + bias, where b is stored as it is read: a linear layer's weight [T, out, in].
struct TimesTransposedBackward : public ProductBackward {
  variable_list apply(variable_list&& gradients) override {
    const Tensor a = a_.unpack(), b = b_.unpack();
    const Tensor& gradient = gradients[0];
    const bool differentiable = at::GradMode::is_enabled();  // a gradient of this gradient is wanted: LibTorch's ops have one
    variable_list out(3);
    if (!gradient.defined()) return out;
    if (task_should_compute_output(0)) out[0] = of_operand(differentiable ? at::matmul(gradient, b) : times(gradient, b), a);
    if (task_should_compute_output(1)) {
      out[1] = of_operand(differentiable ? at::matmul(gradient.transpose(1, 2), a) : transposed_times(gradient, a), b);
    }
    if (task_should_compute_output(2)) out[2] = gradient.sum(1);
    return out;
  }
  std::string name() const override { return "LockstepTimesTransposedBackward"; }
};

/// Through a b, where b is stored as it is read.
struct TimesBackward : public ProductBackward {
  variable_list apply(variable_list&& gradients) override {
    const Tensor a = a_.unpack(), b = b_.unpack();
    const Tensor& gradient = gradients[0];
    const bool differentiable = at::GradMode::is_enabled();
    variable_list out(2);
    if (!gradient.defined()) return out;
    if (task_should_compute_output(0)) {
      out[0] = of_operand(differentiable ? at::matmul(gradient, b.transpose(-2, -1)) : times_transposed(gradient, b), a);
    }
    if (task_should_compute_output(1)) {
      out[1] = of_operand(differentiable ? at::matmul(a.transpose(-2, -1), gradient) : transposed_times(a, gradient), b);
    }
    return out;
  }
  std::string name() const override { return "LockstepTimesBackward"; }
};

/// Runs `compute` without autograd and puts a `Backward` of a and b behind its result where `inputs` ask for one.
template <class Backward, class Compute>
Tensor with_backward(const Tensor& a, const Tensor& b, const variable_list& inputs, const Compute& compute) {
  c10::intrusive_ptr<Backward> node;
  if (at::GradMode::is_enabled() && torch::autograd::any_variable_requires_grad(inputs)) {
    node = c10::make_intrusive<Backward>();
    node->set_next_edges(torch::autograd::collect_next_edges(inputs));
    node->a_ = torch::autograd::SavedVariable(a, false);
    node->b_ = torch::autograd::SavedVariable(b, false);
  }
  Tensor out;
  {
    const at::AutoDispatchBelowADInplaceOrView below_autograd;
    out = compute();
  }
  if (node) torch::autograd::set_history(out, node);
  return out;
}

/// a b, plus `bias` [T, columns] where it is defined. A b that is a transposed view is read as it is stored.
Tensor product(const Tensor& a, const Tensor& b, const Tensor& bias) {
  if (b.stride(-2) == 1 && b.stride(-1) != 1) {
    const Tensor stored = b.transpose(-2, -1);
    return with_backward<TimesTransposedBackward>(a, stored, {a, stored, bias},
                                                  [&] { return times_transposed(a, stored, bias); });
  }
  const Tensor out = with_backward<TimesBackward>(a, b, {a, b}, [&] { return times(a, b); });
  return bias.defined() ? out + bias.unsqueeze(1) : out;
}

Tensor mm(const Tensor& a, const Tensor& b) {
  const auto physical_a = functorch::unwrap_innermost(a);
  const auto physical_b = functorch::unwrap_innermost(b);
  Tensor out;
  {
    functorch::InsideRule inside;
    out = product(physical_a.value_or(a), physical_b.value_or(b), {});
  }
  return functorch::wrap_innermost(out);
}

Tensor addmm(const Tensor& self, const Tensor& a, const Tensor& b, const at::Scalar& beta, const at::Scalar& alpha) {
  const auto physical_self = functorch::unwrap_innermost(self);
  const auto physical_a = functorch::unwrap_innermost(a);
  const auto physical_b = functorch::unwrap_innermost(b);
  Tensor out;
  {
    functorch::InsideRule inside;
    const Tensor left = physical_a.value_or(a), right = physical_b.value_or(b);
    const bool per_trial = physical_a || physical_b;
    const bool is_bias = self.dim() == 1 && self.size(0) == right.size(-1) && beta.equal(1) && alpha.equal(1);
    if (per_trial && is_bias) {
      const int64_t n_trials = physical_a ? left.size(0) : right.size(0);
      out = product(left, right, physical_self ? *physical_self : self.unsqueeze(0).expand({n_trials, -1}));
    } else {
      const Tensor made = per_trial ? product(left, right, {}) : at::mm(left, right).unsqueeze(0);
      Tensor added = physical_self.value_or(self);
      // The added tensor may have fewer dimensions than the product: they are missing after the trials.
      if (physical_self) {
        while (added.dim() < 3) added = added.unsqueeze(1);
      }
      out = made * alpha + added * beta;
    }
  }
  return functorch::wrap_innermost(out);
}

}  // namespace

Tensor linear_of_trials(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  return product(x, weight.transpose(-2, -1), bias);
}

void register_matmul() {
  functorch::register_rules([](torch::Library& library) {
    library.impl("mm", mm);
    library.impl("addmm", addmm);
  });
}

}  // namespace lockstep
