#include <lockstep/models/mlp.h>

#include <gtest/gtest.h>
#include <torch/torch.h>

namespace lockstep::models {
namespace {

Mlp make(std::vector<int64_t> hidden, const std::string& activation = "relu") {
  MlpOptions options;
  options.n_inputs = 5;
  options.hidden = std::move(hidden);
  options.n_outputs = 3;
  options.activation = activation;
  return Mlp(options);
}

TEST(Mlp, HasTheLayersAskedFor) {
  const auto shapes = [](Mlp mlp) {
    std::vector<std::vector<int64_t>> out;
    for (const auto& parameter : mlp->parameters()) out.push_back(parameter.sizes().vec());
    return out;
  };
  using Shapes = std::vector<std::vector<int64_t>>;
  EXPECT_EQ(shapes(make({7, 4})), (Shapes{{7, 5}, {7}, {4, 7}, {4}, {3, 4}, {3}}));
  EXPECT_EQ(shapes(make({})), (Shapes{{3, 5}, {3}}));
  EXPECT_EQ(make({7, 4})->forward(torch::zeros({11, 5})).sizes().vec(), (std::vector<int64_t>{11, 3}));
}

TEST(Mlp, ComputesWhatItsFormulaSays) {
  torch::manual_seed(1);
  Mlp mlp = make({6, 4}, "tanh");
  const auto p = mlp->parameters();
  const auto x = torch::randn({9, 5});
  const auto first = torch::tanh(x.matmul(p[0].t()) + p[1]);
  const auto second = torch::tanh(first.matmul(p[2].t()) + p[3]);
  const auto want = second.matmul(p[4].t()) + p[5];  // no activation after the last layer
  EXPECT_TRUE(torch::allclose(mlp->forward(x), want, 1e-5, 1e-6));
}

TEST(Mlp, DropsBehindEachActivation) {
  MlpOptions options;
  options.n_inputs = 5;
  options.hidden = {6};
  options.n_outputs = 3;
  options.dropout = torch::tensor(1.0, torch::kDouble);
  Mlp mlp(options);
  const auto x = torch::randn({9, 5}), bias = mlp->parameters()[3];
  EXPECT_TRUE(torch::equal(mlp->forward(x), bias.expand({9, 3})));  // nothing is left of the hidden layer
  mlp->eval();
  EXPECT_FALSE(torch::equal(mlp->forward(x), bias.expand({9, 3})));
}

TEST(Mlp, KnowsEveryActivationItNames) {
  const auto x = torch::linspace(-3, 3, 50).view({10, 5});
  std::vector<torch::Tensor> outputs;
  for (const auto& name : activation_names()) {
    torch::manual_seed(1);
    outputs.push_back(make({8}, name)->forward(x));
    for (size_t i = 0; i + 1 < outputs.size(); ++i) EXPECT_FALSE(torch::equal(outputs[i], outputs.back())) << name;
  }
  EXPECT_EQ(outputs.size(), activation_names().size());
  EXPECT_THROW(make({8}, "rellu"), c10::Error);
}

}  // namespace
}  // namespace lockstep::models
