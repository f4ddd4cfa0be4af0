#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <vector>

#include <lockstep/backend.h>
#include <lockstep/torch/export.h>
#include <lockstep/torch/task.h>

#include "torch/device_context.h"
#include "torch/device_graph.h"
#include "torch/plain_trials.h"
#include "torch/row_optimizer.h"
#include "torch/saved_rows.h"
#include "torch/tile_source.h"

namespace lockstep {

/// Trials of one cohort, trained as one batched module, or one by one where it cannot run as a batch. Parameters and optimiser state are matrices with a row a trial; the
/// module's own tensors are views of them. Trials may be of different ages: each sees its examples in the order of its own age.
/// One thread at a time may use a tile.
class Tile {
 public:
  /// Examples in one forward pass of an evaluation: enough to amortise dispatch, few enough that activations stay in
  /// cache.
  static constexpr int64_t kEvaluationBatch = 128;

  /// Builds the task's module for these trials, with fresh weights. Throws what the task throws, and TaskError when what
  /// it built cannot train as a batch.
  Tile(const TileSource& source, std::span<const int64_t> trials);

  const std::vector<int64_t>& trials() const { return trials_; }
  int64_t n_trials() const { return static_cast<int64_t>(trials_.size()); }
  /// [n_trials] intervals that each was trained.
  const std::vector<int64_t>& ages() const { return ages_; }
  /// Parameters of one trial.
  int64_t row_size() const { return parameters_.size(1); }
  /// That the rows hold: parameters, optimiser state, buffers.
  int64_t bytes() const;
  const TrialProgram& program() const { return program_; }
  const TrialConfig& config() const { return config_; }

  /// One interval: every example once, in minibatches.
  /// @param orders by age: the order of examples that trials share, [train.size()] int64 on the tile's device; of every
  ///   age that is here
  void train_epoch(const DataPart& train, const std::map<int64_t, torch::Tensor>& orders);
  /// One optimiser step on a minibatch that all trials share, or with `per_trial` on one each: [n_trials, ...] then.
  /// Returns the loss of each trial, [n_trials].
  torch::Tensor train_step(const Batch& batch, bool per_trial = false);
  /// One step on the part's first minibatch: what a step takes, and whether it can be taken.
  void probe_step(const DataPart& train);
  /// Predicts a few examples of the part: whether that can be done.
  void probe_prediction(const DataPart& part);
  /// Whether steps are recorded for a GPU: as long as the number of rows stays the same, they are recorded once.
  bool records_steps() const { return recorded_ != nullptr; }
  /// Optimiser steps in an interval.
  int64_t steps_per_interval() const { return optimizer_->length().steps_per_epoch; }
  /// Each trial's metrics of a part, means not finished: [n_metrics, n_trials] double on the tile's device, in the order of
  /// `trials()`; NaN for one that diverged in its last epoch: whose training loss was not finite, or above its threshold. A
  /// part's metrics must be the same at every call. Like training, it does not make the host wait for the device.
  torch::Tensor score(const DataPart& part, std::span<const Metric* const> metrics);
  /// The same in host memory and finished, by metric and trial. Waits for the device.
  std::vector<std::vector<double>> evaluate(const DataPart& part, std::span<const Metric* const> metrics);
  std::vector<double> evaluate(const DataPart& part, const Metric& metric);

  /// Drops all trials but those in these slots, which keep weights, buffers and optimiser state, but not their order: only as
  /// many rows move as are dropped.
  void keep_slots(std::span<const int64_t> slots);
  /// Takes over all trials of another tile of the same cohort: the first of them into `slots`, whose trials are dropped, the
  /// rest behind the last.
  void take_over(const Tile& other, std::span<const int64_t> slots = {});
  /// Gives the trial in `slot` the weights, buffers and optimiser state that a trial of another tile of the same cohort has,
  /// and its age. Its hyperparameters stay.
  void copy_weights(int64_t slot, const Tile& other, int64_t other_slot);

  /// All that the trials in these slots, ascending, need to go on elsewhere.
  SavedRows save(std::span<const int64_t> slots) const;
  /// Lets the tile's trials, which must be those of `rows` in their order, go on from there.
  void restore(const SavedRows& rows);

  /// A trial's weights and buffers: one tensor [1, ...] each, in a fixed order.
  std::vector<torch::Tensor> copy_row(int64_t slot) const;
  void restore_row(int64_t slot, std::span<const torch::Tensor> row);

  /// The weights of the trial in `slot`, on the CPU and without a dimension for trials: parameters by the first of their names, and
  /// buffers but for those that are hyperparameters.
  NamedTensors named_row(int64_t slot) const;

  /// Physical parameters [n_trials, ...] by their names in the module.
  std::vector<std::pair<std::string, torch::Tensor>> named_parameters() const;

 private:
  /// [n_trials, n] the order in which each trial sees its n examples, where they do not all see the same one.
  torch::Tensor orders_of_trials(int64_t n, const std::map<int64_t, torch::Tensor>& orders) const;
  void gather_parameters(const TrainingLength& length);
  /// The module's buffers, but for hyperparameters that it holds as buffers: those that are per trial, and those that are not.
  NamedTensors named_buffers() const;
  /// The loss of each trial, and the gradients of the parameters that train, in their order.
  torch::Tensor batch_gradients(const Batch& batch, bool per_trial, std::vector<torch::Tensor>& gradients);
  /// One step on these examples: [batch] that all trials share, or [n_trials, batch].
  void train_on(const DataPart& train, const torch::Tensor& examples);
  /// Keeps the target's memory, which recorded work reads, where it can.
  void set_values(torch::Tensor& target, const torch::Tensor& values);
  torch::Tensor score_now(const DataPart& part, std::span<const Metric* const> metrics);
  /// The values that each metric has of these examples, [n_trials, batch, ...]; undefined for one of the whole part, for which
  /// the outputs [n_trials, batch, ...] are added to `outputs`.
  std::vector<torch::Tensor> metric_values(const Batch& batch, std::span<const Metric* const> metrics, uint32_t stream,
                                           std::vector<torch::Tensor>& outputs);
  /// [n_trials] a metric of the whole part.
  torch::Tensor whole_metric(const Metric& metric, const torch::Tensor& outputs, const torch::Tensor& targets);
  Context context() const { return device_context(device_, seed_); }
  void bind_parameters();
  /// To be called when `trials_` or the tensors with rows have changed.
  void bind_trials();
  std::vector<torch::Tensor*> owned_row_tensors();
  /// What training changes, with a row a trial: parameters, optimiser state, buffers. Contiguous.
  std::vector<torch::Tensor> weight_tensors() const;
  /// Everything with a row a trial, contiguous; and its replacement by tensors with other numbers of rows.
  std::vector<torch::Tensor> row_tensors() const;
  void set_row_tensors(const std::vector<torch::Tensor>& tensors);
  void copy_rows(const std::vector<torch::Tensor>& targets, const std::vector<torch::Tensor>& sources,
                 std::span<const int64_t> from, std::span<const int64_t> to);

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
  uint64_t seed_;
  std::vector<int64_t> trials_;
  torch::Tensor ids_;                         // the same on the device
  std::vector<int64_t> ages_;
  TrialConfig config_;
  TrialProgram program_;
  torch::Tensor parameters_;                  // [n_trials, row_size]
  std::vector<ParameterPlace> places_;
  std::vector<torch::Tensor> wrapped_rows_;   // buffers and configuration tensors, per trial
  size_t n_buffers_ = 0;                      // the first so many of wrapped_rows_
  std::unique_ptr<RowOptimizer> optimizer_;
  std::unique_ptr<PlainTrials> plain_;        // only where the trials train one by one
  torch::Tensor order_;                       // of this interval's examples: [n], or [n_trials, n]
  torch::Tensor position_;                    // [1] int64 on the device: how many of them have been seen
  torch::Tensor scores_;                      // [n_metrics, n_trials] double
  std::unique_ptr<RecordedWork> recorded_;    // on a GPU, if steps are to be recorded
};

/// What `Tile::score` [n_metrics, n_trials] comes to, by metric and trial; NaN for NaN. Waits for the means' device: here an
/// interval's results come to the host.
/// @param targets gives those of the part, in host memory; asked where a metric is finished with them
std::vector<std::vector<double>> read_metrics(const torch::Tensor& means, std::span<const Metric* const> metrics,
                                              const std::function<torch::Tensor()>& targets);

}  // namespace lockstep
