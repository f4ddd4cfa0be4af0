#include <lockstep/models/activation.h>

#include <torch/torch.h>

namespace lockstep::models {

namespace {

struct NamedActivation {
  const char* name;
  Activation apply;
};

constexpr NamedActivation kActivations[] = {
    {"relu", [](const torch::Tensor& x) { return torch::relu(x); }},
    {"tanh", [](const torch::Tensor& x) { return torch::tanh(x); }},
    {"gelu", [](const torch::Tensor& x) { return torch::gelu(x); }},
    {"sigmoid", [](const torch::Tensor& x) { return torch::sigmoid(x); }},
    {"silu", [](const torch::Tensor& x) { return torch::silu(x); }},
    {"leaky_relu", [](const torch::Tensor& x) { return torch::leaky_relu(x); }},
    {"elu", [](const torch::Tensor& x) { return torch::elu(x); }},
    {"selu", [](const torch::Tensor& x) { return torch::selu(x); }},
    {"softplus", [](const torch::Tensor& x) { return torch::softplus(x); }},
    {"mish", [](const torch::Tensor& x) { return torch::mish(x); }},
    {"hardtanh", [](const torch::Tensor& x) { return torch::hardtanh(x); }},
};

}  // namespace

const std::vector<std::string>& activation_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> out;
    for (const auto& each : kActivations) out.emplace_back(each.name);
    return out;
  }();
  return names;
}

Activation find_activation(const std::string& name) {
  for (const auto& each : kActivations) {
    if (name == each.name) return each.apply;
  }
  TORCH_CHECK(false, "there is no activation '", name, "'");
}

}  // namespace lockstep::models
