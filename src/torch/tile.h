#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <lockstep/backend.h>
#include <lockstep/torch/task.h>

#include "torch/row_optimizer.h"

namespace lockstep {

/// What every tile of a sweep is built from. Not owned.
struct TileSource {
  const Task& task;
  const Configurations& configurations;
  const std::map<std::string, Setting>& settings;
  torch::Device device;
  uint64_t seed;
};

/// Trials of one cohort and one age, trained as one batched module. Parameters and optimiser state are matrices with a row a
/// trial; the module's own tensors are views of them. One thread at a time may use a tile.
class Tile {
 public:
  /// Builds the task's module for these trials, with fresh weights. Throws what the task throws, and TaskError when what
  /// it built cannot train as a batch.
  Tile(const TileSource& source, std::span<const int64_t> trials);

  const std::vector<int64_t>& trials() const { return trials_; }
  int64_t n_trials() const { return static_cast<int64_t>(trials_.size()); }
  /// Intervals trained.
  int64_t age() const { return age_; }
  /// Parameters of one trial.
  int64_t row_size() const { return parameters_.size(1); }
  const TrialProgram& program() const { return program_; }
  const TrialConfig& config() const { return config_; }

  /// One interval: every example once, in minibatches taken in the given order.
  /// @param order [train.size()] int64 on the tile's device
  void train_epoch(const DataPart& train, const torch::Tensor& order);
  /// One optimiser step on a minibatch. Returns the loss of each trial, [n_trials].
  torch::Tensor train_step(const torch::Tensor& inputs, const torch::Tensor& targets);
  /// The metric of each trial on a part, in the order of `trials()`.
  std::vector<double> evaluate(const DataPart& part, const Metric& metric);

  /// Drops all trials but those in these slots, which keep weights, buffers and optimiser state.
  void keep_slots(std::span<const int64_t> slots);
  /// Takes over the trials of another tile of the same cohort and age.
  void append(Tile& other);

  /// A trial's weights and buffers: one tensor [1, ...] each, in a fixed order.
  std::vector<torch::Tensor> copy_row(int64_t slot) const;
  void restore_row(int64_t slot, std::span<const torch::Tensor> row);

  /// Physical parameters [n_trials, ...] by their names in the module.
  std::vector<std::pair<std::string, torch::Tensor>> named_parameters() const;

 private:
  void gather_parameters();
  void bind_parameters();
  std::vector<torch::Tensor*> owned_row_tensors();

  /// A parameter's place in the rows.
  struct ParameterPlace {
    std::string name;
    torch::Tensor wrapper;  // the module's own, per trial
    torch::Tensor leaf;     // physical [n_trials, ...], a view of the parameter matrix, requires grad as the module's does
    int64_t offset = 0;
    int64_t size = 0;       // elements of one trial
    bool trains = true;
  };

  torch::Device device_;
  const Backend& backend_;
  Context context_;
  std::vector<int64_t> trials_;
  TrialConfig config_;
  TrialProgram program_;
  torch::Tensor parameters_;                  // [n_trials, row_size]
  std::vector<ParameterPlace> places_;
  std::vector<torch::Tensor> wrapped_rows_;   // buffers and configuration tensors, per trial
  size_t n_buffers_ = 0;                      // the first so many of wrapped_rows_
  std::unique_ptr<RowOptimizer> optimizer_;
  int64_t age_ = 0;
};

}  // namespace lockstep
