#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <lockstep/torch/export.h>
#include <lockstep/torch/task.h>

#include "torch/tile_source.h"

namespace lockstep {

/// A module a trial, as the task builds it outside of any batch: for modules that cannot run as one batch, because they
/// read tensors as C++ values or use a `torch::autograd::Function`. Their tensors are the rows of a tile, so everything
/// else about a trial (optimiser, compaction, checkpoints) is as in a batch; random ops draw from the same streams.
class PlainTrials {
 public:
  /// One pass over a minibatch: the streams that random ops draw from, trial by trial.
  struct Pass {
    torch::Tensor ids;    ///< [n_trials] int64
    torch::Tensor steps;  ///< [n_trials] int64
    uint64_t seed = 0;
    uint32_t first_stream = 0;
  };

  explicit PlainTrials(const TileSource& source);
  ~PlainTrials();

  /// Lets the modules of these trials work on rows: [n_trials, ...] by the tensors' names. Builds those that are new.
  void bind(std::span<const int64_t> trials, const NamedTensors& rows);

  /// The loss of each trial, [n_trials], and its gradients, [n_trials, ...] by the parameters `names`; undefined where
  /// no trial's loss depends on one. `loss_scale` [n_trials] multiplies the losses before, where it is defined.
  torch::Tensor gradients(const Pass& pass, const Batch& batch, bool per_trial, const torch::Tensor& loss_scale,
                          const std::vector<std::string>& names, std::vector<torch::Tensor>& gradients);
  /// Each metric's values of each trial, [n_trials, batch, ...]; undefined for one of a whole part, for which the outputs
  /// [n_trials, batch, ...] are added to `outputs`.
  std::vector<torch::Tensor> evaluate(const Pass& pass, const Batch& batch, std::span<const Metric* const> metrics,
                                      std::vector<torch::Tensor>& outputs);
  /// [n_trials] a metric of a whole part, by its outputs [n_trials, n, ...].
  torch::Tensor whole(const Pass& pass, const Metric& metric, const torch::Tensor& outputs, const torch::Tensor& targets);

 private:
  struct Trial;
  TileSource source_;
  std::vector<std::unique_ptr<Trial>> trials_;
};

}  // namespace lockstep
