#pragma once

#include <functional>
#include <string>

#include <lockstep/models/model.h>
#include <lockstep/torch/task.h>

#include "training/stopwatch.h"

namespace lockstep::bench {

/// What is trained: data, and one trial's model as an ordinary LibTorch module. Sizes and learning rates are those of
/// workloads.json, which the Python contestants read too; the modules have their counterparts in peers/torch_models.py
/// and peers/jax_models.py.
struct Workload {
  DataSet data;
  std::function<models::BuiltModel()> build;
};

/// Throws std::runtime_error for a name that is none.
Workload make_workload(const Contest& contest);

/// Of outputs [..., classes] and targets [...]: mean cross entropy, and whether each is right.
torch::Tensor loss(const torch::Tensor& output, const torch::Tensor& targets);
torch::Tensor is_right(const torch::Tensor& output, const torch::Tensor& targets);

}  // namespace lockstep::bench
