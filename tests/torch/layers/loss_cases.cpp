#include "torch/layers/layer_case.h"

namespace lockstep::testing {

namespace nn = torch::nn;
namespace F = torch::nn::functional;
using Tensors = std::vector<torch::Tensor>;

namespace {

/// The loss with its mean, its sum and without reduction: one case each.
template <class Loss, class Options>
void add(std::vector<LayerCase>& out, const std::string& name, Options options, const std::vector<LayerInput>& inputs) {
  out.push_back(layer(
      name, [=] { return Loss(options); }, inputs));
  auto sum = options, none = options;
  sum.reduction(torch::kSum);
  none.reduction(torch::kNone);
  out.push_back(layer(
      name + ", sum", [=] { return Loss(sum); }, inputs));
  out.push_back(layer(
      name + ", none", [=] { return Loss(none); }, inputs));
}

void add_classification(std::vector<LayerCase>& out) {
  const auto weight = torch::tensor({0.5f, 1.0f, 2.0f, 0.1f, 1.5f});
  const auto with_ignored = torch::tensor({0, -100, 2, 1, -100, 4, 3}, torch::kLong);
  add<nn::NLLLoss>(out, "NLLLoss", nn::NLLLossOptions(), {normal({7, 5}), labels({7}, 5)});
  add<nn::CrossEntropyLoss>(out, "CrossEntropyLoss", nn::CrossEntropyLossOptions(), {normal({7, 5}), labels({7}, 5)});
  add<nn::CrossEntropyLoss>(out, "CrossEntropyLoss, class weights", nn::CrossEntropyLossOptions().weight(weight),
                            {normal({7, 5}), labels({7}, 5)});
  add<nn::CrossEntropyLoss>(out, "CrossEntropyLoss, images", nn::CrossEntropyLossOptions(),
                            {normal({2, 5, 3, 3}), labels({2, 3, 3}, 5)});
  const auto cross_entropy = [](F::CrossEntropyFuncOptions options) {
    return [options](const Tensors& x) { return F::cross_entropy(x[0], x[1], options); };
  };
  out.push_back(function("F::cross_entropy, ignore_index", cross_entropy({}), {normal({7, 5}), same(with_ignored)}));
  out.push_back(function("F::cross_entropy, class weights, ignore_index",
                         cross_entropy(F::CrossEntropyFuncOptions().weight(weight)),
                         {normal({7, 5}), same(with_ignored)}));
  out.push_back(function("F::cross_entropy, label smoothing",
                         cross_entropy(F::CrossEntropyFuncOptions().label_smoothing(0.1)),
                         {normal({7, 5}), labels({7}, 5)}));
  out.push_back(function("F::cross_entropy, label smoothing, class weights",
                         cross_entropy(F::CrossEntropyFuncOptions().label_smoothing(0.1).weight(weight)),
                         {normal({7, 5}), same(with_ignored)}));
  out.push_back(function("F::cross_entropy, probabilities", cross_entropy({}), {normal({7, 5}), uniform({7, 5})}));
  add<nn::MultiMarginLoss>(out, "MultiMarginLoss", nn::MultiMarginLossOptions(), {normal({7, 5}), labels({7}, 5)});
  out.push_back(layer("MultiMarginLoss, class weights",
                      [=] { return nn::MultiMarginLoss(nn::MultiMarginLossOptions().p(2).weight(weight)); },
                      {normal({7, 5}), labels({7}, 5)}));
  add<nn::MultiLabelMarginLoss>(
      out, "MultiLabelMarginLoss", nn::MultiLabelMarginLossOptions(),
      {normal({2, 5}), same(torch::tensor({{3, 0, -1, 1, 2}, {2, -1, 0, 1, 3}}, torch::kLong))});
  add<nn::MultiLabelSoftMarginLoss>(out, "MultiLabelSoftMarginLoss", nn::MultiLabelSoftMarginLossOptions(),
                                    {normal({7, 5}),
                                     {[](at::Generator g) {
                                        return torch::randint(2, {7, 5}, g).to(torch::kFloat);
                                      },
                                      {}}});
  add<nn::BCELoss>(out, "BCELoss", nn::BCELossOptions(), {uniform({7, 5}), uniform({7, 5})});
  add<nn::BCEWithLogitsLoss>(out, "BCEWithLogitsLoss", nn::BCEWithLogitsLossOptions(),
                             {normal({7, 5}), uniform({7, 5})});
  out.push_back(layer("BCEWithLogitsLoss, pos_weight",
                      [=] { return nn::BCEWithLogitsLoss(nn::BCEWithLogitsLossOptions().pos_weight(weight)); },
                      {normal({7, 5}), uniform({7, 5})}));
}

void add_regression(std::vector<LayerCase>& out) {
  const std::vector<LayerInput> two{normal({7, 5}), normal({7, 5})};
  add<nn::L1Loss>(out, "L1Loss", nn::L1LossOptions(), two);
  add<nn::MSELoss>(out, "MSELoss", nn::MSELossOptions(), two);
  add<nn::SmoothL1Loss>(out, "SmoothL1Loss", nn::SmoothL1LossOptions(), two);
  add<nn::HuberLoss>(out, "HuberLoss", nn::HuberLossOptions(), two);
  add<nn::PoissonNLLLoss>(out, "PoissonNLLLoss", nn::PoissonNLLLossOptions().full(true),
                          {normal({7, 5}), uniform({7, 5}, 0, 4)});
  add<nn::KLDivLoss>(out, "KLDivLoss", nn::KLDivLossOptions(), {normal({7, 5}), uniform({7, 5})});
  out.push_back(layer(
      "KLDivLoss, batchmean",
      [] { return nn::KLDivLoss(nn::KLDivLossOptions().reduction(torch::kBatchMean).log_target(true)); }, two));
}

void add_distance(std::vector<LayerCase>& out) {
  const std::vector<LayerInput> three{normal({7, 5}), normal({7, 5}), normal({7, 5})};
  add<nn::HingeEmbeddingLoss>(out, "HingeEmbeddingLoss", nn::HingeEmbeddingLossOptions(),
                              {normal({7, 5}), signs({7, 5})});
  add<nn::CosineEmbeddingLoss>(out, "CosineEmbeddingLoss", nn::CosineEmbeddingLossOptions().margin(0.2),
                               {normal({7, 5}), normal({7, 5}), signs({7})});
  add<nn::SoftMarginLoss>(out, "SoftMarginLoss", nn::SoftMarginLossOptions(), {normal({7, 5}), signs({7, 5})});
  add<nn::MarginRankingLoss>(out, "MarginRankingLoss", nn::MarginRankingLossOptions().margin(0.1),
                             {normal({7}), normal({7}), signs({7})});
  add<nn::TripletMarginLoss>(out, "TripletMarginLoss", nn::TripletMarginLossOptions().swap(true), three);
  add<nn::TripletMarginWithDistanceLoss>(out, "TripletMarginWithDistanceLoss",
                                         nn::TripletMarginWithDistanceLossOptions(), three);
  const auto ctc = [](nn::CTCLossOptions options) {
    return [options](const Tensors& x) {
      const auto lengths = torch::tensor({6, 5}, torch::kLong), target_lengths = torch::tensor({3, 2}, torch::kLong);
      return nn::CTCLoss(options)->forward(x[0].log_softmax(2), x[1], lengths, target_lengths);
    };
  };
  const LayerInput targets{[](at::Generator g) { return torch::randint(1, 5, {2, 3}, g, torch::kLong); }, {}};
  out.push_back(function("CTCLoss", ctc({}), {normal({6, 2, 5}), targets}));
  out.push_back(
      function("CTCLoss, sum", ctc(nn::CTCLossOptions().reduction(torch::kSum)), {normal({6, 2, 5}), targets}));
  out.push_back(
      function("CTCLoss, none", ctc(nn::CTCLossOptions().reduction(torch::kNone)), {normal({6, 2, 5}), targets}));
  out.push_back(function("CTCLoss, targets shared", ctc({}),
                         {normal({6, 2, 5}), same(torch::tensor({{1, 2, 3}, {4, 2, 2}}, torch::kLong))}));
}

}  // namespace

std::vector<LayerCase> loss_cases() {
  std::vector<LayerCase> out;
  add_classification(out);
  add_regression(out);
  add_distance(out);
  return out;
}

std::vector<LayerCase> layer_cases() {
  std::vector<LayerCase> out;
  for (const auto& cases : {linear_and_convolution_cases, activation_cases, pooling_and_padding_cases,
                            normalisation_cases, recurrent_and_attention_cases, loss_cases, wide_cases}) {
    for (auto& one : cases()) out.push_back(std::move(one));
  }
  return out;
}

}  // namespace lockstep::testing
