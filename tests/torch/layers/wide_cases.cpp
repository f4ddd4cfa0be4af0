// Layers at sizes where kernels work in whole vectors, unroll, and have something left over.

#include "torch/layers/layer_case.h"

namespace lockstep::testing {

namespace nn = torch::nn;
using Tensors = std::vector<torch::Tensor>;

std::vector<LayerCase> wide_cases() {
  const std::vector<LayerInput> rows{normal({33, 131})};
  const auto self_attention = [](const Tensors& x) { return at::scaled_dot_product_attention(x[0], x[0], x[0]); };
  return {
      layer(
          "Linear, wide", [] { return nn::Linear(131, 67); }, rows),
      layer(
          "Linear, one output", [] { return nn::Linear(131, 1); }, rows),
      layer("Bilinear, wide", [] { return nn::Bilinear(33, 18, 21); }, {normal({35, 33}), normal({35, 18})}),
      layer("Conv2d, wide", [] { return nn::Conv2d(nn::Conv2dOptions(19, 35, 3).padding(1)); },
            {normal({5, 19, 13, 11})}),
      layer("Conv2d, 1x1", [] { return nn::Conv2d(nn::Conv2dOptions(19, 35, 1)); }, {normal({5, 19, 13, 11})}),
      layer("Conv2d, one example", [] { return nn::Conv2d(nn::Conv2dOptions(19, 35, 3).padding(1)); },
            {normal({1, 19, 13, 11})}),
      layer("Conv2d, depthwise", [] { return nn::Conv2d(nn::Conv2dOptions(19, 19, 3).groups(19)); },
            {normal({5, 19, 13, 11})}),
      layer(
          "BatchNorm1d, wide", [] { return nn::BatchNorm1d(131); }, rows),
      layer(
          "LayerNorm, wide", [] { return nn::LayerNorm(nn::LayerNormOptions({131})); }, rows),
      layer("GroupNorm, wide", [] { return nn::GroupNorm(nn::GroupNormOptions(3, 33)); }, {normal({5, 33, 17})}),
      layer(
          "Softmax, wide", [] { return nn::Softmax(1); }, rows),
      layer(
          "Softmax, wide, dim 0", [] { return nn::Softmax(0); }, rows),
      layer(
          "LogSoftmax, wide", [] { return nn::LogSoftmax(1); }, rows),
      layer("Embedding, wide", [] { return nn::Embedding(37, 131); }, {labels({33}, 37)}),
      layer("LSTM, wide", [] { return nn::LSTM(35, 67); }, {normal({9, 17, 35})}),
      layer("LSTM, one unit", [] { return nn::LSTM(3, 1); }, {normal({5, 1, 3})}),
      layer("GRU, wide", [] { return nn::GRU(35, 67); }, {normal({9, 17, 35})}),
      layer("Sequential of activations, one feature",
            [] {
              return nn::Sequential(nn::Linear(5, 1), nn::GELU(), nn::Linear(1, 1), nn::SiLU(), nn::Linear(1, 1),
                                    nn::Sigmoid());
            },
            {normal({7, 5})}),
      layer("Sequential of activations, one example",
            [] {
              return nn::Sequential(nn::Linear(5, 33), nn::GELU(), nn::Linear(33, 35), nn::Mish(), nn::Linear(35, 3),
                                    nn::ELU());
            },
            {normal({1, 5})}),
      layer(
          "Sequential of activations, wide",
          [] {
            return nn::Sequential(nn::Linear(131, 67), nn::GELU(), nn::LayerNorm(nn::LayerNormOptions({67})),
                                  nn::Linear(67, 35), nn::Softplus(), nn::Linear(35, 3), nn::LogSigmoid());
          },
          rows),
      layer("TransformerEncoderLayer, wide",
            [] {
              return nn::TransformerEncoderLayer(
                  nn::TransformerEncoderLayerOptions(36, 3).dim_feedforward(67).dropout(0).activation(torch::kGELU));
            },
            {normal({17, 5, 36})}),
      function("scaled_dot_product_attention, wide", self_attention, {normal({3, 2, 19, 33})}),
      function("permuted",
               [](const Tensors& x) {
                 return (x[0].permute({2, 0, 1}).sigmoid() * x[1]).pow(1.5).sum(0);
               },
               {normal({3, 17, 35}), uniform({35, 3, 17})}),
      function(
          "sums", [](const Tensors& x) { return x[0].sum() + x[0].sum(0).mean() + x[0].mean(1).prod() + x[0].var(); },
          rows),
      function(
          "maxima",
          [](const Tensors& x) { return x[0].amax(1) - x[0].amin(1) + std::get<0>(x[0].max(1)) + x[0].logsumexp(1); },
          rows),
      function("broadcast", [](const Tensors& x) { return (x[0] + x[1]).tanh() * x[2] / (x[0].exp() + 1).log1p(); },
               {normal({33, 67}), normal({67}), normal({33, 1})}),
      function("functions of numerics",
               [](const Tensors& x) {
                 return x[0].rsqrt() + x[0].sqrt() + x[0].reciprocal() + x[0].expm1() + x[0].log2() + x[0].log10() +
                        x[0].exp2() + x[0].erfc() + x[0].erfinv() + x[0].logit() + x[0].lgamma() + x[0].digamma() +
                        x[0].asin() + x[0].acos() + x[0].atan() + x[0].sinh() + x[0].cosh() + x[0].asinh() +
                        x[0].atanh() + x[0].tan() + x[0].sinc();
               },
               {uniform({3, 37})}),
      function("functions of two",
               [](const Tensors& x) {
                 return at::atan2(x[0], x[1]) + at::hypot(x[0], x[1]) + at::logaddexp(x[0], x[1]) +
                        at::xlogy(x[0], x[1]) + at::addcmul(x[0], x[0], x[1], 0.3) +
                        at::addcdiv(x[0], x[0], x[1], 0.3) + at::lerp(x[0], x[1], 0.3) + at::lerp(x[0], x[1], x[0]) +
                        at::add(x[0], x[1], 0.3) + at::sub(x[0], x[1], 0.7) + at::fmod(x[0], x[1]) +
                        at::remainder(x[0], x[1]) + at::copysign(x[0], x[1]) + at::pow(2.5, x[0]) + x[0].pow(3) +
                        x[0].pow(-0.5);
               },
               {uniform({3, 37}), uniform({3, 37})}),
  };
}

}  // namespace lockstep::testing
