#pragma once

#include <fstream>
#include <string>

#include <nlohmann/json.hpp>
#include <torch/torch.h>

#include "bayesian/gaussian_process.h"

namespace lockstep::testing {

/// Posterior, likelihood, acquisition values and gradients of a process of 8 points, from BoTorch 0.18.1, GPyTorch 1.15.2
/// and scikit-learn 1.9.1, which agree to 1e-10; what each is stands in the file.
inline const nlohmann::json& golden() {
  static const nlohmann::json values =
      nlohmann::json::parse(std::ifstream(LOCKSTEP_SOURCE_DIR "/tests/bayesian/gp_golden.json"));
  return values;
}

constexpr double kGoldenTolerance = 1e-10;

inline torch::Tensor tensor_of(const nlohmann::json& numbers) {
  if (!numbers.front().is_array()) return torch::tensor(numbers.get<std::vector<double>>(), torch::kDouble);
  std::vector<torch::Tensor> rows;
  for (const auto& row : numbers) rows.push_back(tensor_of(row));
  return torch::stack(rows);
}

inline torch::Tensor golden_points() { return tensor_of(golden()["inputs"]["X_test"]); }

inline GpHyperparameters golden_hyperparameters() {
  const auto& inputs = golden()["inputs"];
  return {inputs["lengthscales"].get<std::vector<double>>(), inputs["outputscale"].get<double>(),
          inputs["noise_variance"].get<double>()};
}

inline GpData golden_data() {
  const auto& inputs = golden()["inputs"];
  return {tensor_of(inputs["X"]), tensor_of(inputs["y"]), torch::arange(3, torch::kLong)};
}

inline double largest_difference(const torch::Tensor& a, const torch::Tensor& b) {
  return (a - b).abs().max().item<double>();
}

}  // namespace lockstep::testing
