#include "torch/layers/layer_case.h"

namespace lockstep::testing {

namespace nn = torch::nn;
namespace F = torch::nn::functional;
using Tensors = std::vector<torch::Tensor>;

std::vector<LayerCase> pooling_and_padding_cases() {
  const std::vector<LayerInput> line{normal({2, 3, 11})}, image{normal({2, 3, 7, 9})}, volume{normal({2, 3, 5, 7, 6})};
  return {
      layer(
          "AvgPool1d", [] { return nn::AvgPool1d(3); }, line),
      layer(
          "AvgPool2d", [] { return nn::AvgPool2d(nn::AvgPool2dOptions(3).stride(2).padding(1)); }, image),
      layer(
          "AvgPool3d", [] { return nn::AvgPool3d(2); }, volume),
      layer(
          "MaxPool1d", [] { return nn::MaxPool1d(3); }, line),
      layer(
          "MaxPool2d", [] { return nn::MaxPool2d(nn::MaxPool2dOptions(3).stride(2).padding(1)); }, image),
      layer(
          "MaxPool3d", [] { return nn::MaxPool3d(2); }, volume),
      layer(
          "AdaptiveAvgPool1d", [] { return nn::AdaptiveAvgPool1d(4); }, line),
      layer(
          "AdaptiveAvgPool2d",
          [] {
            return nn::AdaptiveAvgPool2d(nn::AdaptiveAvgPool2dOptions({3, 4}));
          },
          image),
      layer(
          "AdaptiveAvgPool2d, to one", [] { return nn::AdaptiveAvgPool2d(1); }, image),
      layer(
          "AdaptiveAvgPool3d",
          [] {
            return nn::AdaptiveAvgPool3d(nn::AdaptiveAvgPool3dOptions({2, 3, 4}));
          },
          volume),
      layer(
          "AdaptiveMaxPool1d", [] { return nn::AdaptiveMaxPool1d(4); }, line),
      layer(
          "AdaptiveMaxPool2d",
          [] {
            return nn::AdaptiveMaxPool2d(nn::AdaptiveMaxPool2dOptions({3, 4}));
          },
          image),
      layer(
          "AdaptiveMaxPool3d",
          [] {
            return nn::AdaptiveMaxPool3d(nn::AdaptiveMaxPool3dOptions({2, 3, 4}));
          },
          volume),
      random(layer(
          "FractionalMaxPool2d",
          [] {
            return nn::FractionalMaxPool2d(nn::FractionalMaxPool2dOptions(2).output_size(std::vector<int64_t>{3, 4}));
          },
          image)),
      random(layer(
          "FractionalMaxPool3d",
          [] {
            return nn::FractionalMaxPool3d(
                nn::FractionalMaxPool3dOptions(2).output_size(std::vector<int64_t>{2, 3, 4}));
          },
          volume)),
      layer("LPPool1d", [] { return nn::LPPool1d(nn::LPPool1dOptions(2, 3)); }, {uniform({2, 3, 11})}),
      layer("LPPool2d",
            [] {
              return nn::LPPool2d(nn::LPPool2dOptions(2, {2, 3}));
            },
            {uniform({2, 3, 7, 9})}),
      layer("LPPool3d",
            [] {
              return nn::LPPool3d(nn::LPPool3dOptions(2, {2, 3, 2}));
            },
            {uniform({2, 3, 5, 7, 6})}),
      function(
          "MaxUnpool1d",
          [](const Tensors& in) {
            nn::MaxPool1d pool(2);
            const auto [values, indices] = pool->forward_with_indices(in[0]);
            return nn::MaxUnpool1d(2)->forward(values, indices, in[0].sizes().vec());
          },
          line),
      function(
          "MaxUnpool2d",
          [](const Tensors& in) {
            nn::MaxPool2d pool(2);
            const auto [values, indices] = pool->forward_with_indices(in[0]);
            return nn::MaxUnpool2d(2)->forward(values, indices, in[0].sizes().vec());
          },
          image),
      function(
          "MaxUnpool3d",
          [](const Tensors& in) {
            nn::MaxPool3d pool(2);
            const auto [values, indices] = pool->forward_with_indices(in[0]);
            return nn::MaxUnpool3d(2)->forward(values, indices, in[0].sizes().vec());
          },
          volume),
      layer(
          "ReflectionPad1d", [] { return nn::ReflectionPad1d(2); }, line),
      layer(
          "ReflectionPad2d", [] { return nn::ReflectionPad2d(2); }, image),
      layer(
          "ReflectionPad3d", [] { return nn::ReflectionPad3d(2); }, volume),
      layer(
          "ReplicationPad1d", [] { return nn::ReplicationPad1d(2); }, line),
      layer(
          "ReplicationPad2d", [] { return nn::ReplicationPad2d(2); }, image),
      layer(
          "ReplicationPad3d", [] { return nn::ReplicationPad3d(2); }, volume),
      layer(
          "ConstantPad1d", [] { return nn::ConstantPad1d(2, 0.5); }, line),
      layer(
          "ConstantPad2d", [] { return nn::ConstantPad2d(2, 0.5); }, image),
      layer(
          "ConstantPad3d", [] { return nn::ConstantPad3d(2, 0.5); }, volume),
      layer(
          "ZeroPad1d", [] { return nn::ZeroPad1d(2); }, line),
      layer(
          "ZeroPad2d", [] { return nn::ZeroPad2d(2); }, image),
      layer(
          "ZeroPad3d", [] { return nn::ZeroPad3d(2); }, volume),
      function(
          "F::pad, circular",
          [](const Tensors& in) {
            return F::pad(in[0], F::PadFuncOptions({1, 2}).mode(torch::kCircular));
          },
          line),
      function("F::grid_sample",
               [](const Tensors& in) {
                 return F::grid_sample(in[0], in[1], F::GridSampleFuncOptions().align_corners(false));
               },
               {normal({2, 3, 7, 9}), uniform({2, 3, 5, 2}, -0.9, 0.9)}),
      function("F::affine_grid",
               [](const Tensors& in) {
                 return F::affine_grid(in[0], {2, 3, 5, 7}, false);
               },
               {normal({2, 2, 3})}),
      function(
          "F::interpolate, area",
          [](const Tensors& in) {
            return F::interpolate(in[0],
                                  F::InterpolateFuncOptions().size(std::vector<int64_t>{3, 4}).mode(torch::kArea));
          },
          image),
  };
}

std::vector<LayerCase> normalisation_cases() {
  const std::vector<LayerInput> rows{normal({9, 7})}, line{normal({3, 5, 7})}, image{normal({3, 5, 3, 7})},
      volume{normal({2, 3, 3, 5, 3})};
  return {
      layer(
          "BatchNorm1d", [] { return nn::BatchNorm1d(7); }, rows),
      layer(
          "BatchNorm1d, sequences", [] { return nn::BatchNorm1d(5); }, line),
      layer(
          "BatchNorm1d, no affine", [] { return nn::BatchNorm1d(nn::BatchNorm1dOptions(7).affine(false)); }, rows),
      layer(
          "BatchNorm1d, no statistics",
          [] { return nn::BatchNorm1d(nn::BatchNorm1dOptions(7).track_running_stats(false)); }, rows),
      layer(
          "BatchNorm1d, evaluated",
          [] {
            nn::BatchNorm1d norm(7);
            norm->eval();
            return norm;
          },
          rows),
      layer(
          "BatchNorm2d", [] { return nn::BatchNorm2d(5); }, image),
      layer(
          "BatchNorm3d", [] { return nn::BatchNorm3d(3); }, volume),
      layer(
          "InstanceNorm1d", [] { return nn::InstanceNorm1d(5); }, line),
      layer(
          "InstanceNorm1d, affine, with statistics",
          [] { return nn::InstanceNorm1d(nn::InstanceNorm1dOptions(5).affine(true).track_running_stats(true)); }, line),
      layer(
          "InstanceNorm2d", [] { return nn::InstanceNorm2d(nn::InstanceNorm2dOptions(5).affine(true)); }, image),
      layer(
          "InstanceNorm2d, with statistics",
          [] { return nn::InstanceNorm2d(nn::InstanceNorm2dOptions(5).affine(true).track_running_stats(true)); },
          image),
      layer(
          "InstanceNorm3d", [] { return nn::InstanceNorm3d(3); }, volume),
      layer(
          "LayerNorm", [] { return nn::LayerNorm(nn::LayerNormOptions({7})); }, rows),
      layer(
          "LayerNorm, two dimensions",
          [] {
            return nn::LayerNorm(nn::LayerNormOptions({5, 7}));
          },
          line),
      layer(
          "LayerNorm, no affine", [] { return nn::LayerNorm(nn::LayerNormOptions({7}).elementwise_affine(false)); },
          rows),
      layer("GroupNorm", [] { return nn::GroupNorm(nn::GroupNormOptions(2, 6)); }, {normal({3, 6, 5})}),
      layer("GroupNorm, no affine", [] { return nn::GroupNorm(nn::GroupNormOptions(2, 6).affine(false)); },
            {normal({3, 6, 5, 3})}),
      layer(
          "LocalResponseNorm", [] { return nn::LocalResponseNorm(2); }, image),
  };
}

}  // namespace lockstep::testing
