#include <lockstep/models/transformer.h>

#include <lockstep/torch/functional.h>
#include <torch/torch.h>

namespace lockstep::models {

namespace {

torch::nn::LayerNorm norm_over(int64_t width) { return torch::nn::LayerNorm(torch::nn::LayerNormOptions({width})); }

}  // namespace

/// Of [steps, n, width], as torch::nn::MultiheadAttention has it. Not torch::nn::TransformerEncoderLayer, whose dropout is
/// a number of C++'s, which could not vary within a batch.
struct TransformerImpl::Layer : torch::nn::Module {
  explicit Layer(const TransformerOptions& options)
      : attention(register_module("attention", torch::nn::MultiheadAttention(torch::nn::MultiheadAttentionOptions(
                                                   options.width, options.heads)))),
        linear1(register_module("linear1", torch::nn::Linear(options.width, options.feedforward))),
        linear2(register_module("linear2", torch::nn::Linear(options.feedforward, options.width))),
        norm1(register_module("norm1", norm_over(options.width))),
        norm2(register_module("norm2", norm_over(options.width))),
        activation(find_activation(options.activation)),
        norm_first(options.norm_first),
        dropout(options.dropout) {}

  torch::Tensor drop(const torch::Tensor& x) const {
    return dropout.defined() ? lockstep::dropout(x, dropout, is_training()) : x;
  }
  torch::Tensor attend(const torch::Tensor& x, const torch::Tensor& mask) {
    return drop(std::get<0>(attention->forward(x, x, x, {}, /*need_weights=*/false, mask)));
  }
  torch::Tensor feed_forward(const torch::Tensor& x) { return drop(linear2(drop(activation(linear1(x))))); }

  torch::Tensor forward(torch::Tensor x, const torch::Tensor& mask) {
    if (norm_first) {
      x = x + attend(norm1(x), mask);
      return x + feed_forward(norm2(x));
    }
    x = norm1(x + attend(x, mask));
    return norm2(x + feed_forward(x));
  }

  torch::nn::MultiheadAttention attention;
  torch::nn::Linear linear1, linear2;
  torch::nn::LayerNorm norm1, norm2;
  Activation activation;
  bool norm_first;
  torch::Tensor dropout;
};

TransformerImpl::TransformerImpl(const TransformerOptions& options)
    : embedding_(register_module("embedding", torch::nn::Embedding(options.vocabulary, options.width))),
      positions_(register_module("positions", torch::nn::Embedding(options.context, options.width))),
      dropout_(options.dropout) {
  for (int64_t i = 0; i < options.layers; ++i) {
    layers_.push_back(register_module("layer" + std::to_string(i), std::make_shared<Layer>(options)));
  }
  if (options.norm_first) norm_ = register_module("norm", norm_over(options.width));
  last_ = register_module("last", torch::nn::Linear(options.width, options.vocabulary));
  mask_ = register_buffer("mask", torch::nn::TransformerImpl::generate_square_subsequent_mask(options.context));
}

torch::Tensor TransformerImpl::forward(const torch::Tensor& tokens) {
  const int64_t steps = tokens.size(1);
  auto x = embedding_->forward(tokens) + positions_->weight.narrow(0, 0, steps);
  if (dropout_.defined()) x = lockstep::dropout(x, dropout_, is_training());
  const auto mask = mask_.narrow(0, 0, steps).narrow(1, 0, steps);
  x = x.transpose(0, 1);
  for (const auto& layer : layers_) x = layer->forward(x, mask);
  if (!norm_.is_empty()) x = norm_->forward(x);
  return last_->forward(x.transpose(0, 1));
}

}  // namespace lockstep::models
