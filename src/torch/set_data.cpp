// `set_data` of a per-trial tensor. Module::clone copies parameters with it (torch::nn::TransformerEncoder clones its
// layer), and functorch refuses it. It goes past the dispatcher, through LibTorch's table of what autograd does for
// tensors: ours is in front of LibTorch's and differs in this one entry.

#include <ATen/core/VariableHooksInterface.h>

#include "torch/autograd_node.h"
#include "torch/dispatch.h"
#include "torch/functorch.h"

namespace lockstep {
namespace {

using at::TensorBase;

class Hooks final : public at::impl::VariableHooksInterface {
 public:
  explicit Hooks(const VariableHooksInterface& theirs) : theirs_(theirs) {}

  void set_data(const TensorBase& self, const TensorBase& new_data) const override {
    const torch::Tensor tensor(self), data(new_data);
    const bool per_trial = functorch::is_wrapped(tensor);
    TORCH_CHECK(per_trial == functorch::is_wrapped(data),
                "set_data: one of the tensors is per trial and the other is not");
    if (!per_trial) return theirs_.set_data(self, new_data);
    functorch::reseat(tensor, functorch::unwrap(data).detach());
  }

  TensorBase tensor_data(const TensorBase& self) const override { return theirs_.tensor_data(self); }
  TensorBase variable_data(const TensorBase& self) const override { return theirs_.variable_data(self); }
  const AutogradNode& grad_fn(const TensorBase& self) const override {
    return theirs_.grad_fn(self);
  }
  unsigned _register_hook(const TensorBase& self, std::function<TensorBase(const TensorBase&)> hook) const override {
    return theirs_._register_hook(self, std::move(hook));
  }
  void remove_hook(const TensorBase& self, unsigned position) const override { theirs_.remove_hook(self, position); }
  bool is_view(const TensorBase& self) const override { return theirs_.is_view(self); }
  const TensorBase& base(const TensorBase& self) const override { return theirs_.base(self); }
  const std::string& name(const TensorBase& self) const override { return theirs_.name(self); }
  bool is_leaf(const TensorBase& self) const override { return theirs_.is_leaf(self); }
  int64_t output_nr(const TensorBase& self) const override { return theirs_.output_nr(self); }
  TensorBase data(const TensorBase& self) const override { return theirs_.data(self); }
  int64_t _version(const TensorBase& self) const override { return theirs_._version(self); }
  void retain_grad(const TensorBase& self) const override { theirs_.retain_grad(self); }
  bool retains_grad(const TensorBase& self) const override { return theirs_.retains_grad(self); }
  void _backward(const at::Tensor& self, at::TensorList inputs, const std::optional<at::Tensor>& gradient,
                 std::optional<bool> keep_graph, bool create_graph) const override {
    theirs_._backward(self, inputs, gradient, keep_graph, create_graph);
  }
  void requires_grad_(const TensorBase& self, bool value) const override { theirs_.requires_grad_(self, value); }
  void basic_autograd_not_implemented_fallback(const c10::OperatorHandle& op, c10::DispatchKeySet keys,
                                               torch::jit::Stack* stack) const override {
    theirs_.basic_autograd_not_implemented_fallback(op, keys, stack);
  }
  std::optional<c10::ScalarType> grad_dtype(const TensorBase& self) const override { return theirs_.grad_dtype(self); }
  void set_grad_dtype(const TensorBase& self, const std::optional<c10::ScalarType>& dtype) const override {
    theirs_.set_grad_dtype(self, dtype);
  }

 private:
  const VariableHooksInterface& theirs_;
};

}  // namespace

void register_set_data() { at::impl::SetVariableHooks(new Hooks(*at::impl::GetVariableHooks())); }

}  // namespace lockstep
