// The modules by themselves: shapes, and the formulas or LibTorch's own layers that they must agree with.

#include <gtest/gtest.h>

#include <lockstep/models/lenet.h>
#include <lockstep/models/linear.h>
#include <lockstep/models/recurrent.h>
#include <lockstep/models/resnet.h>
#include <lockstep/models/transformer.h>
#include <torch/torch.h>

namespace lockstep::models {
namespace {

int64_t n_parameters(const torch::nn::Module& module) {
  int64_t out = 0;
  for (const auto& each : module.parameters()) out += each.numel();
  return out;
}

std::vector<int64_t> shape(const torch::Tensor& tensor) { return tensor.sizes().vec(); }

/// Gives `module` the values of `from`, whose parameters come in the same order.
void copy_parameters(torch::nn::Module& module, const torch::nn::Module& from) {
  torch::NoGradGuard no_grad;
  const auto to = module.parameters(), values = from.parameters();
  ASSERT_EQ(to.size(), values.size());
  for (size_t i = 0; i < to.size(); ++i) to[i].copy_(values[i]);
}

TEST(LeNetModule, IsLeNetFive) {
  LeNet net(LeNetOptions{});
  EXPECT_EQ(n_parameters(*net), 61706);  // as everybody counts them
  EXPECT_EQ(shape(net->forward(torch::randn({3, 1, 28, 28}))), (std::vector<int64_t>{3, 10}));
  LeNetOptions options;
  options.n_channels = 2;
  options.height = 12;
  options.width = 17;
  options.channels = {3, 5};
  options.hidden = {};
  EXPECT_EQ(shape(LeNet(options)->forward(torch::randn({3, 2, 12, 17}))), (std::vector<int64_t>{3, 10}));
  options.height = 11;
  EXPECT_THROW(LeNet{options}, c10::Error);
}

TEST(ResNetModule, IsResNetTwentyWithConvolutionsForShortcuts) {
  ResNetOptions options;
  options.blocks = {3, 3, 3};
  ResNet net(options);
  EXPECT_EQ(n_parameters(*net), 269722 + 16 * 32 + 32 * 64 + 2 * (32 + 64));  // the paper's has none
  EXPECT_EQ(shape(net->forward(torch::randn({2, 3, 32, 32}))), (std::vector<int64_t>{2, 10}));
  net->eval();
  const auto images = torch::randn({4, 3, 9, 11});
  const auto all = net->forward(images);
  EXPECT_TRUE(torch::allclose(all[2], net->forward(images.narrow(0, 2, 1))[0], 1e-4, 1e-5)) << "an example at a time";
}

TEST(LinearModelModule, PenalisesItsWeightsAlone) {
  LinearModelOptions options;
  options.n_inputs = 6;
  options.n_outputs = 2;
  EXPECT_FALSE(LinearModel(options)->penalty().defined());
  options.l2 = torch::tensor(0.5, torch::kDouble);
  LinearModel model(options);
  const auto weight = model->parameters()[0], bias = model->parameters()[1];
  EXPECT_NEAR(model->penalty().item<double>(), 0.5 * weight.square().sum().item<double>(), 1e-6);
  EXPECT_EQ(model->penalty().scalar_type(), torch::kFloat);
  model->penalty().backward();
  EXPECT_TRUE(torch::allclose(weight.grad(), weight));
  EXPECT_FALSE(bias.grad().defined());
  const auto x = torch::randn({5, 2, 3});
  EXPECT_TRUE(torch::allclose(model->forward(x), x.flatten(1).matmul(weight.t()) + bias, 1e-5, 1e-6));
}

TEST(RecurrentModule, IsLibTorchsLayers) {
  RecurrentOptions options;
  options.n_features = 3;
  options.hidden = 5;
  options.layers = 2;
  options.n_outputs = 4;
  const auto x = torch::randn({6, 7, 3});
  {
    Recurrent model(options);
    torch::nn::LSTM lstm(torch::nn::LSTMOptions(3, 5).num_layers(2).batch_first(true));
    torch::nn::Linear last(5, 4);
    torch::nn::Sequential plain(lstm, last);
    copy_parameters(*plain, *model);
    EXPECT_TRUE(torch::allclose(model->forward(x), last(std::get<0>(lstm(x)).select(1, -1)), 1e-5, 1e-6));
  }
  options.cell = RecurrentCell::kGru;
  options.vocabulary = 9;
  options.embedding = 3;
  Recurrent model(options);
  torch::nn::Embedding embedding(9, 3);
  torch::nn::GRU gru(torch::nn::GRUOptions(3, 5).num_layers(2).batch_first(true));
  torch::nn::Linear last(5, 4);
  torch::nn::Sequential plain(embedding, gru, last);
  copy_parameters(*plain, *model);
  const auto tokens = torch::randint(9, {6, 7});
  const auto out = model->forward(tokens);
  EXPECT_EQ(shape(out), (std::vector<int64_t>{6, 7, 4}));
  EXPECT_TRUE(torch::allclose(out, last(std::get<0>(gru(embedding(tokens)))), 1e-5, 1e-6));
}

TEST(TransformerModule, IsLibTorchsEncoder) {
  TransformerOptions options;
  options.vocabulary = 11;
  options.context = 6;
  options.width = 8;
  options.heads = 2;
  options.feedforward = 10;
  options.norm_first = false;
  options.activation = "relu";
  Transformer model(options);
  torch::nn::Embedding embedding(11, 8), positions(6, 8);
  torch::nn::TransformerEncoder encoder(torch::nn::TransformerEncoderOptions(
      torch::nn::TransformerEncoderLayerOptions(8, 2).dim_feedforward(10).dropout(0), 2));
  torch::nn::Linear last(8, 11);
  torch::nn::Sequential plain(embedding, positions, encoder, last);
  copy_parameters(*plain, *model);
  const auto tokens = torch::randint(11, {3, 6});
  const auto mask = torch::nn::TransformerImpl::generate_square_subsequent_mask(6);
  const auto x = (embedding(tokens) + positions->weight).transpose(0, 1);
  EXPECT_TRUE(torch::allclose(model->forward(tokens), last(encoder(x, mask).transpose(0, 1)), 1e-4, 1e-5));
}

TEST(TransformerModule, LooksAtWhatCameBeforeAlone) {
  TransformerOptions options;
  options.vocabulary = 11;
  options.context = 6;
  options.width = 8;
  options.heads = 2;
  for (const bool norm_first : {false, true}) {
    options.norm_first = norm_first;
    Transformer model(options);
    const auto tokens = torch::randint(10, {2, 6});
    auto changed = tokens.clone();
    changed.select(1, 3).fill_(10);
    const auto before = model->forward(tokens), after = model->forward(changed);
    EXPECT_TRUE(torch::allclose(before.narrow(1, 0, 3), after.narrow(1, 0, 3), 1e-5, 1e-6));
    for (int64_t step = 3; step < 6; ++step) {
      EXPECT_FALSE(torch::allclose(before.select(1, step), after.select(1, step))) << "step " << step;
    }
    EXPECT_TRUE(torch::allclose(before.narrow(1, 0, 4), model->forward(tokens.narrow(1, 0, 4)), 1e-5, 1e-6))
        << "a shorter text";
  }
  options.heads = 3;
  EXPECT_ANY_THROW(Transformer{options});
}

TEST(ModelsDropout, ActsInTrainingAlone) {
  const auto differs = [](auto& model, const torch::Tensor& x) {
    model->eval();
    EXPECT_TRUE(torch::equal(model->forward(x), model->forward(x)));
    model->train();
    return !torch::equal(model->forward(x), model->forward(x));
  };
  const auto half = torch::tensor(0.5, torch::kDouble);
  LeNetOptions lenet;
  lenet.dropout = half;
  LeNet net(lenet);
  EXPECT_TRUE(differs(net, torch::randn({2, 1, 28, 28})));
  RecurrentOptions recurrent;
  recurrent.dropout = half;
  Recurrent lstm(recurrent);
  EXPECT_TRUE(differs(lstm, torch::randn({2, 4, 1}))) << "of one layer, too";
  TransformerOptions transformer;
  transformer.dropout = half;
  Transformer language(transformer);
  EXPECT_TRUE(differs(language, torch::zeros({2, 4}, torch::kLong)));
}

}  // namespace
}  // namespace lockstep::models
