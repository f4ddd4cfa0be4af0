// linear, matmul, mm and addmm, which LibTorch's linear layers and 2-d products come down to, and the sum with a bias. functorch makes one batched product of them, whose
// weight gradient comes out transposed and is copied back, and adds the bias in a pass of its own. Here each trial's product is
// computed by itself and written once, where it belongs.

#include <ATen/CompositeImplicitAutogradFunctions.h>
#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/functions/utils.h>
#include <torch/csrc/autograd/saved_variable.h>

#include "torch/autograd_node.h"
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

/// Through a b^T + bias, where b is stored as it is read: a linear layer's weight [T, out, in]; or through relu of that.
struct TimesTransposedBackward : public ProductBackward {
  Tensor rectified_;  ///< what relu gave; undefined without one
  bool has_bias_ = false;

  variable_list apply(variable_list&& gradients) override {
    const Tensor a = a_.unpack(), b = b_.unpack();
    variable_list out(3);
    if (!gradients[0].defined()) return out;
    const bool want_a = task_should_compute_output(0), want_b = task_should_compute_output(1);
    // The result may have had more dimensions for its rows.
    const auto as_rows = [](const Tensor& x) {
      return x.defined() && x.dim() != 3 ? x.reshape({x.size(0), -1, x.size(-1)}) : x;
    };
    if (at::GradMode::is_enabled()) {  // a gradient of this gradient is wanted: LibTorch's ops have one
      const Tensor gradient = as_rows(rectified_.defined() ? gradients[0] * rectified_.gt(0) : gradients[0]);
      if (want_a) out[0] = of_operand(at::matmul(gradient, b), a);
      if (want_b) out[1] = of_operand(at::matmul(gradient.transpose(1, 2), a), b);
      if (task_should_compute_output(2)) out[2] = gradient.sum(1);
      return out;
    }
    const LinearGradients found =
        linear_backward(as_rows(gradients[0]), a, b, as_rows(rectified_), want_a, want_b, task_should_compute_output(2));
    if (want_a) out[0] = of_operand(found.input, a);
    if (want_b) out[1] = of_operand(found.weight, b);
    out[2] = found.bias;
    return out;
  }
  void release_variables() override {
    ProductBackward::release_variables();
    rectified_.reset();
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
  NodePointer<Backward> node;
  if (at::GradMode::is_enabled() && torch::autograd::any_variable_requires_grad(inputs)) {
    node = make_node<Backward>();
    node->set_next_edges(torch::autograd::collect_next_edges(inputs));
    node->a_ = torch::autograd::SavedVariable(a, false);
    node->b_ = torch::autograd::SavedVariable(b, false);
  }
  Tensor out;
  {
    const functorch::BelowAutograd below_autograd;
    out = compute();
  }
  if (node) torch::autograd::set_history(out, node);
  return out;
}

/// a b, plus `bias` [T, columns] where it is defined, of `sizes` where there are some. A b that is a transposed view is read
/// as it is stored.
Tensor product(const Tensor& a, const Tensor& b, const Tensor& bias, at::IntArrayRef sizes = {}) {
  if (b.stride(-2) == 1 && b.stride(-1) != 1) return linear_of_trials(a, b.transpose(-2, -1), bias, sizes);
  const Tensor out = with_backward<TimesBackward>(a, b, {a, b}, [&] { return times(a, b); });
  const Tensor all = bias.defined() ? out + bias.unsqueeze(1) : out;
  return sizes.empty() ? all : all.view(sizes);
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

/// `compute` of the rows of x, [T, rows, columns] or [rows, columns] and shared, and of the sizes of its result: x's with
/// n_out columns.
template <class Compute>
Tensor of_rows(const Tensor& x, bool per_trial, int64_t n_trials, int64_t n_out, const Compute& compute) {
  auto sizes = x.sizes().vec();
  const Tensor rows = per_trial ? x.reshape({n_trials, -1, sizes.back()}) : x.reshape({-1, sizes.back()});
  if (!per_trial) sizes.insert(sizes.begin(), n_trials);
  sizes.back() = n_out;
  return compute(rows, sizes);
}

/// Rows of more dimensions times a matrix, as linear layers of sequences have it. LibTorch makes a product an example of
/// them where the rows do not lie in their order, each with a weight gradient of its own.
Tensor matmul(const Tensor& a, const Tensor& b) {
  const auto physical_a = functorch::unwrap_innermost(a);
  const auto physical_b = functorch::unwrap_innermost(b);
  if (a.dim() < 3 || b.dim() != 2 || !(physical_a || physical_b)) return at::compositeimplicitautograd::matmul(a, b);
  TORCH_CHECK(a.size(-1) == b.size(0), "matmul: a has ", a.size(-1), " columns, but b has ", b.size(0), " rows");
  Tensor out;
  {
    functorch::InsideRule inside;
    const Tensor left = physical_a.value_or(a), right = physical_b.value_or(b);
    const int64_t n_trials = physical_a ? left.size(0) : right.size(0);
    out = of_rows(left, physical_a.has_value(), n_trials, right.size(-1),
                  [&](const Tensor& rows, at::IntArrayRef sizes) { return product(rows, right, {}, sizes); });
  }
  return functorch::wrap_innermost(out);
}

/// x [..., in] of any number of dimensions.
Tensor linear(const Tensor& input, const Tensor& weight, const std::optional<Tensor>& bias) {
  const auto x = functorch::unwrap_innermost(input);
  const auto w = functorch::unwrap_innermost(weight);
  if ((!x && !w) || weight.dim() != 2) {  // only the bias is per trial; or a vector of weights
    return at::compositeimplicitautograd::linear(input, weight, bias);
  }
  TORCH_CHECK(input.size(-1) == weight.size(1), "linear: input has ", input.size(-1), " features, but weight ",
              weight.sizes(), " takes ", weight.size(1));
  std::optional<Tensor> b;
  if (bias && bias->defined()) b = functorch::unwrap_innermost(*bias);
  Tensor out;
  {
    functorch::InsideRule inside;
    const Tensor given = x.value_or(input), weights = w.value_or(weight);
    const int64_t n_trials = x ? given.size(0) : weights.size(0);
    Tensor added;
    if (b) {
      added = *b;
    } else if (bias && bias->defined()) {
      added = bias->unsqueeze(0).expand({n_trials, -1});
    }
    out = of_rows(given, x.has_value(), n_trials, weights.size(-2), [&](const Tensor& rows, at::IntArrayRef sizes) {
      return linear_of_trials(rows, weights, added, sizes);
    });
  }
  return functorch::wrap_innermost(out);
}

/// The node behind `x` where it is that of a linear layer alone, without relu.
TimesTransposedBackward* layer_behind(const Tensor& x) {
  auto* const layer = dynamic_cast<TimesTransposedBackward*>(x.grad_fn().get());
  return layer == nullptr || layer->rectified_.defined() ? nullptr : layer;
}

/// One that does the same.
NodePointer<TimesTransposedBackward> again(const TimesTransposedBackward& layer) {
  auto node = make_node<TimesTransposedBackward>();
  for (const auto& edge : layer.next_edges()) node->add_next_edge(edge);
  node->a_ = torch::autograd::SavedVariable(layer.a_.unpack(), false);
  node->b_ = torch::autograd::SavedVariable(layer.b_.unpack(), false);
  node->has_bias_ = layer.has_bias_;
  return node;
}

/// Whether `added` [T, columns] may become the bias of the layer that gave x, which is then written to.
bool is_bias_of_layer(const Tensor& x, const Tensor& added, const at::Scalar& alpha) {
  if (!at::GradMode::is_enabled() || added.dim() != 2 || !alpha.equal(1) || x.is_view()) return false;
  const auto* const layer = layer_behind(x);
  return layer != nullptr && !layer->has_bias_ && x.dim() >= 3 && added.size(0) == x.size(0) &&
         added.size(1) == x.size(-1) && added.scalar_type() == x.scalar_type() && added.device() == x.device();
}

/// A sum in place. LibTorch's linear of sequences adds its bias so: its way back joins that of the product, and a relu behind
/// it finds the layer.
Tensor& add_(Tensor& self, const Tensor& other, const at::Scalar& alpha) {
  const auto x = functorch::unwrap_innermost(self);
  const auto own = functorch::unwrap_innermost(other);
  TORCH_CHECK(x || !own, "add_: all trials write to one tensor; make it by an op on something that is per trial");
  const functorch::InsideRule inside;
  if (own && is_bias_of_layer(*x, *own, alpha)) {
    auto node = again(*layer_behind(*x));
    node->has_bias_ = true;
    node->set_next_edge(2, torch::autograd::impl::gradient_edge(*own));
    auto sizes = std::vector<int64_t>(static_cast<size_t>(x->dim()), 1);
    sizes.front() = own->size(0);
    sizes.back() = own->size(1);
    {
      const functorch::BelowAutograd below_autograd;
      x->add_(own->view(sizes));
    }
    x->unsafeGetTensorImpl()->bump_version();
    torch::autograd::set_history(*x, node);
    return self;
  }
  Tensor added = own.value_or(other);
  if (own) {  // its missing dimensions come after the trials
    while (added.dim() < x->dim()) added = added.unsqueeze(1);
  }
  x->add_(added, alpha);
  return self;
}

/// Right behind a linear layer its way back joins that of the layer, whose own is still there for whatever else uses what the
/// layer gave.
Tensor relu(const Tensor& self) {
  const Tensor x = *functorch::unwrap_innermost(self);
  Tensor out;
  {
    functorch::InsideRule inside;
    const auto* layer = layer_behind(x);
    if (layer == nullptr || !at::GradMode::is_enabled()) {
      out = at::relu(x);
    } else {
      auto node = again(*layer);
      {
        const functorch::BelowAutograd below_autograd;
        out = at::relu(x);
      }
      node->rectified_ = out.detach();
      torch::autograd::set_history(out, node);
    }
  }
  return functorch::wrap_innermost(out);
}

}  // namespace

Tensor linear_of_trials(const Tensor& x, const Tensor& weight, const Tensor& bias, at::IntArrayRef sizes) {
  const Tensor out = with_backward<TimesTransposedBackward>(x, weight, {x, weight, bias}, [&] {
    const Tensor rows = times_transposed(x, weight, bias);
    // Below autograd: a view of its would hide from a sum or relu what it stands behind.
    return sizes.empty() || rows.sizes() == sizes ? rows : rows.view(sizes);
  });
  if (auto* const layer = layer_behind(out)) layer->has_bias_ = bias.defined();
  return out;
}

void register_matmul() {
  functorch::register_rules([](torch::Library& library) {
    library.impl("linear", linear);
    library.impl("matmul", matmul);
    library.impl("mm", mm);
    library.impl("relu", relu);
    library.impl("add_.Tensor", add_);
    library.impl("addmm", addmm);
  });
}

}  // namespace lockstep
