#pragma once

#include <string>
#include <vector>

#include <torch/types.h>

namespace lockstep::models {

/// relu, tanh, gelu, ...: the names that `activation` takes.
const std::vector<std::string>& activation_names();

using Activation = torch::Tensor (*)(const torch::Tensor&);

/// The function of that name. Throws c10::Error when there is none.
Activation find_activation(const std::string& name);

}  // namespace lockstep::models
