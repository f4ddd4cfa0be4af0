#include <lockstep/models/linear.h>

#include <torch/torch.h>

namespace lockstep::models {

LinearModelImpl::LinearModelImpl(const LinearModelOptions& options)
    : linear_(register_module("linear", torch::nn::Linear(options.n_inputs, options.n_outputs))), l2_(options.l2) {}

torch::Tensor LinearModelImpl::forward(const torch::Tensor& inputs) { return linear_->forward(inputs.flatten(1)); }

torch::Tensor LinearModelImpl::penalty() const {
  if (!l2_.defined()) return {};
  return l2_.to(linear_->weight.scalar_type()) * linear_->weight.square().sum();
}

}  // namespace lockstep::models
