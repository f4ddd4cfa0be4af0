#include "torch/layers/layer_case.h"

namespace lockstep::testing {

namespace nn = torch::nn;
namespace F = torch::nn::functional;
using Tensors = std::vector<torch::Tensor>;

std::vector<LayerCase> activation_cases() {
  // 111 elements a trial: not a multiple of any vector's length.
  const std::vector<LayerInput> x{normal({3, 37})};
  return {
      layer(
          "ELU", [] { return nn::ELU(); }, x),
      layer(
          "SELU", [] { return nn::SELU(); }, x),
      layer(
          "CELU", [] { return nn::CELU(nn::CELUOptions().alpha(0.7)); }, x),
      layer(
          "GELU", [] { return nn::GELU(); }, x),
      layer(
          "GELU, tanh", [] { return nn::GELU(nn::GELUOptions().approximate("tanh")); }, x),
      layer("GLU", [] { return nn::GLU(); }, {normal({3, 38})}),
      layer(
          "Hardshrink", [] { return nn::Hardshrink(); }, x),
      layer(
          "Hardtanh", [] { return nn::Hardtanh(); }, x),
      layer(
          "LeakyReLU", [] { return nn::LeakyReLU(); }, x),
      layer(
          "LogSigmoid", [] { return nn::LogSigmoid(); }, x),
      layer(
          "LogSoftmax", [] { return nn::LogSoftmax(1); }, x),
      layer(
          "LogSoftmax, dim 0", [] { return nn::LogSoftmax(0); }, x),
      layer(
          "Mish", [] { return nn::Mish(); }, x),
      layer(
          "PReLU", [] { return nn::PReLU(); }, x),
      layer(
          "PReLU, a weight a channel", [] { return nn::PReLU(nn::PReLUOptions().num_parameters(37)); }, x),
      layer(
          "ReLU", [] { return nn::ReLU(); }, x),
      layer(
          "ReLU, inplace", [] { return nn::Sequential(nn::Linear(37, 5), nn::ReLU(nn::ReLUOptions().inplace(true))); },
          x),
      layer(
          "SiLU, after a layer", [] { return nn::Sequential(nn::Linear(37, 5), nn::SiLU(), nn::Linear(5, 3)); }, x),
      layer(
          "ELU, inplace", [] { return nn::Sequential(nn::Linear(37, 5), nn::ELU(nn::ELUOptions().inplace(true))); }, x),
      layer(
          "ReLU6", [] { return nn::ReLU6(); }, x),
      random(layer(
          "RReLU", [] { return nn::RReLU(); }, x)),
      random(layer(
          "RReLU, inplace",
          [] { return nn::Sequential(nn::Linear(37, 5), nn::RReLU(nn::RReLUOptions().inplace(true))); }, x)),
      layer(
          "Sigmoid", [] { return nn::Sigmoid(); }, x),
      layer(
          "SiLU", [] { return nn::SiLU(); }, x),
      layer(
          "Softmax", [] { return nn::Softmax(1); }, x),
      layer(
          "Softmax, dim 0", [] { return nn::Softmax(0); }, x),
      layer("Softmax2d", [] { return nn::Softmax2d(); }, {normal({3, 5, 3, 7})}),
      layer(
          "Softmin", [] { return nn::Softmin(1); }, x),
      layer(
          "Softplus", [] { return nn::Softplus(); }, x),
      layer(
          "Softshrink", [] { return nn::Softshrink(); }, x),
      layer(
          "Softsign", [] { return nn::Softsign(); }, x),
      layer(
          "Tanh", [] { return nn::Tanh(); }, x),
      layer(
          "Tanhshrink", [] { return nn::Tanhshrink(); }, x),
      layer(
          "Threshold", [] { return nn::Threshold(0.1, 0.5); }, x),
      random(function(
          "F::gumbel_softmax", [](const Tensors& in) { return F::gumbel_softmax(in[0]); }, x)),
      function(
          "F::normalize", [](const Tensors& in) { return F::normalize(in[0]); }, x),
      function(
          "at::hardswish", [](const Tensors& in) { return at::hardswish(in[0]); }, x),
      function(
          "at::hardsigmoid", [](const Tensors& in) { return at::hardsigmoid(in[0]); }, x),
      function(
          "exp", [](const Tensors& in) { return in[0].exp(); }, x),
      function("log", [](const Tensors& in) { return in[0].log(); }, {uniform({3, 37})}),
      function(
          "sin and cos", [](const Tensors& in) { return in[0].sin() * in[0].cos(); }, x),
      function(
          "erf", [](const Tensors& in) { return in[0].erf(); }, x),
      function("pow", [](const Tensors& in) { return in[0].pow(1.7); }, {uniform({3, 37})}),
      function("pow, tensors", [](const Tensors& in) { return in[0].pow(in[1]); },
               {uniform({3, 37}), uniform({3, 37})}),
      function(
          "logsumexp", [](const Tensors& in) { return in[0].logsumexp(1); }, x),
      function(
          "norm", [](const Tensors& in) { return in[0].norm(2, 1); }, x),
      function(
          "mean and var", [](const Tensors& in) { return in[0].mean(0) / in[0].var(0); }, x),
      function(
          "cumsum", [](const Tensors& in) { return in[0].cumsum(1); }, x),
      function("matmul", [](const Tensors& in) { return torch::matmul(in[0], in[1]); },
               {normal({3, 5, 7}), normal({3, 7, 2})}),
      function("einsum",
               [](const Tensors& in) {
                 return torch::einsum("bik,bjk->bij", {in[0], in[1]});
               },
               {normal({3, 5, 7}), normal({3, 2, 7})}),
      function("baddbmm", [](const Tensors& in) { return torch::baddbmm(in[0], in[1], in[2]); },
               {normal({3, 5, 2}), normal({3, 5, 7}), normal({3, 7, 2})}),
      function("mv and dot", [](const Tensors& in) { return torch::mv(in[0], in[1]).dot(in[2]); },
               {normal({5, 7}), normal({7}), normal({5})}),
  };
}

}  // namespace lockstep::testing
