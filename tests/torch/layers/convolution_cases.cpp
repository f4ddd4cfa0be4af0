#include "torch/layers/layer_case.h"

namespace lockstep::testing {

namespace nn = torch::nn;

std::vector<LayerCase> linear_and_convolution_cases() {
  return {
      layer("Linear", [] { return nn::Linear(7, 5); }, {normal({3, 7})}),
      layer("Linear, sequences", [] { return nn::Linear(7, 5); }, {normal({3, 4, 7})}),
      layer("Linear, no bias", [] { return nn::Linear(nn::LinearOptions(7, 5).bias(false)); }, {normal({3, 7})}),
      layer("Linear, one example", [] { return nn::Linear(7, 5); }, {normal({7})}),
      layer("Bilinear", [] { return nn::Bilinear(5, 7, 3); }, {normal({4, 5}), normal({4, 7})}),
      layer("Identity", [] { return nn::Identity(); }, {normal({3, 7})}),
      layer("Flatten", [] { return nn::Flatten(); }, {normal({3, 5, 7})}),
      layer("Unflatten",
            [] {
              return nn::Unflatten(nn::UnflattenOptions(1, {3, 5}));
            },
            {normal({3, 15})}),
      layer("Conv1d", [] { return nn::Conv1d(nn::Conv1dOptions(3, 5, 3)); }, {normal({2, 3, 11})}),
      layer("Conv2d", [] { return nn::Conv2d(nn::Conv2dOptions(3, 5, 3).stride(2).padding(1)); },
            {normal({2, 3, 9, 7})}),
      layer("Conv2d, no batch", [] { return nn::Conv2d(nn::Conv2dOptions(3, 5, 3).bias(false)); }, {normal({3, 9, 7})}),
      layer("Conv2d, groups", [] { return nn::Conv2d(nn::Conv2dOptions(4, 6, 3).groups(2).dilation(2)); },
            {normal({2, 4, 9, 7})}),
      layer("Conv2d, same padding", [] { return nn::Conv2d(nn::Conv2dOptions(3, 5, 3).padding(torch::kSame)); },
            {normal({2, 3, 9, 7})}),
      layer("Conv2d, circular",
            [] { return nn::Conv2d(nn::Conv2dOptions(3, 5, 3).padding(1).padding_mode(torch::kCircular)); },
            {normal({2, 3, 9, 7})}),
      layer("Conv3d", [] { return nn::Conv3d(nn::Conv3dOptions(2, 3, 3)); }, {normal({2, 2, 5, 6, 5})}),
      layer("ConvTranspose1d", [] { return nn::ConvTranspose1d(nn::ConvTranspose1dOptions(3, 5, 3)); },
            {normal({2, 3, 7})}),
      layer("ConvTranspose2d",
            [] { return nn::ConvTranspose2d(nn::ConvTranspose2dOptions(3, 5, 3).stride(2).output_padding(1)); },
            {normal({2, 3, 5, 4})}),
      layer("ConvTranspose3d", [] { return nn::ConvTranspose3d(nn::ConvTranspose3dOptions(2, 3, 3)); },
            {normal({2, 2, 3, 4, 3})}),
      layer("Unfold",
            [] {
              return nn::Unfold(nn::UnfoldOptions({2, 3}));
            },
            {normal({2, 3, 5, 7})}),
      layer("Fold",
            [] {
              return nn::Fold(nn::FoldOptions({4, 5}, {2, 3}));
            },
            {normal({2, 18, 9})}),
      layer("PixelShuffle", [] { return nn::PixelShuffle(3); }, {normal({2, 9, 3, 5})}),
      layer("PixelUnshuffle", [] { return nn::PixelUnshuffle(3); }, {normal({2, 1, 6, 9})}),
      layer("Upsample, nearest",
            [] {
              return nn::Upsample(nn::UpsampleOptions().scale_factor(std::vector<double>({2, 3})));
            },
            {normal({2, 3, 3, 5})}),
      layer(
          "Upsample, linear",
          [] {
            return nn::Upsample(
                nn::UpsampleOptions().scale_factor(std::vector<double>({2})).mode(torch::kLinear).align_corners(false));
          },
          {normal({2, 3, 7})}),
      layer("Upsample, bilinear",
            [] {
              return nn::Upsample(nn::UpsampleOptions()
                                      .scale_factor(std::vector<double>({2, 3}))
                                      .mode(torch::kBilinear)
                                      .align_corners(true));
            },
            {normal({2, 3, 3, 5})}),
      layer("Upsample, bicubic",
            [] {
              return nn::Upsample(nn::UpsampleOptions()
                                      .scale_factor(std::vector<double>({2, 3}))
                                      .mode(torch::kBicubic)
                                      .align_corners(false));
            },
            {normal({2, 3, 3, 5})}),
      layer("Upsample, trilinear",
            [] {
              return nn::Upsample(nn::UpsampleOptions()
                                      .scale_factor(std::vector<double>({2, 3, 2}))
                                      .mode(torch::kTrilinear)
                                      .align_corners(false));
            },
            {normal({2, 3, 3, 2, 3})}),
      layer("Embedding", [] { return nn::Embedding(11, 5); }, {labels({3, 7}, 11)}),
      layer("Embedding, padding_idx", [] { return nn::Embedding(nn::EmbeddingOptions(11, 5).padding_idx(2)); },
            {labels({3, 7}, 11)}),
      layer("Embedding, max_norm", [] { return nn::Embedding(nn::EmbeddingOptions(11, 5).max_norm(1.0)); },
            {labels({3, 7}, 11)}),
      layer("EmbeddingBag, sum", [] { return nn::EmbeddingBag(nn::EmbeddingBagOptions(11, 5).mode(torch::kSum)); },
            {labels({3, 7}, 11)}),
      layer("EmbeddingBag, mean", [] { return nn::EmbeddingBag(nn::EmbeddingBagOptions(11, 5).mode(torch::kMean)); },
            {labels({3, 7}, 11)}),
      layer("EmbeddingBag, max", [] { return nn::EmbeddingBag(nn::EmbeddingBagOptions(11, 5).mode(torch::kMax)); },
            {labels({3, 7}, 11)}),
      layer("EmbeddingBag, offsets", [] { return nn::EmbeddingBag(nn::EmbeddingBagOptions(11, 5).mode(torch::kMean)); },
            {labels({9}, 11), same(torch::tensor({0, 2, 2, 6}, torch::kLong))}),
      layer("EmbeddingBag, per sample weights",
            [] { return nn::EmbeddingBag(nn::EmbeddingBagOptions(11, 5).mode(torch::kSum)); },
            {labels({9}, 11), same(torch::tensor({0, 2, 2, 6}, torch::kLong)), normal({9})}),
      random(layer("Dropout", [] { return nn::Dropout(0.3); }, {normal({3, 7})})),
      random(layer("Dropout2d", [] { return nn::Dropout2d(0.3); }, {normal({3, 7, 3, 5})})),
      random(layer("Dropout3d", [] { return nn::Dropout3d(0.3); }, {normal({3, 7, 3, 5, 2})})),
      random(layer("AlphaDropout", [] { return nn::AlphaDropout(0.3); }, {normal({3, 7})})),
      random(layer("FeatureAlphaDropout", [] { return nn::FeatureAlphaDropout(0.3); }, {normal({3, 7, 3})})),
      layer("CosineSimilarity", [] { return nn::CosineSimilarity(); }, {normal({5, 7}), normal({5, 7})}),
      layer("PairwiseDistance", [] { return nn::PairwiseDistance(); }, {normal({5, 7}), normal({5, 7})}),
      layer("PairwiseDistance, p=3", [] { return nn::PairwiseDistance(nn::PairwiseDistanceOptions().p(3)); },
            {normal({5, 7}), normal({5, 7})}),
  };
}

}  // namespace lockstep::testing
