#pragma once

#include <cstdint>
#include <span>

#include <torch/types.h>

namespace lockstep {

/// While one lives on a thread, LibTorch code written for one trial runs for `n_trials` at once: a vmap level of
/// functorch, with randomness "different". Tensors made per trial look like one trial's to the code inside and are
/// physically [n_trials, ...]; `physical` gets at that, `batched` goes the other way. Scopes do not nest. On a CPU a trial's
/// results have the same bits in any company (`docs/layers.md`).
class TrialScope {
 public:
  /// For running: tensors that code inside creates are shared until they meet a per-trial one. Random ops draw from LibTorch's
  /// global generator.
  explicit TrialScope(int64_t n_trials);
  /// For training: as before, but random ops (dropout, noise) draw from a stream per trial that is keyed by (seed, trial id,
  /// step, n-th op) and nothing else, and never from LibTorch's global generator. Those that have no such stream (`poisson`,
  /// `binomial`, gamma and Dirichlet samples, `multinomial` with replacement) throw.
  /// @param trials ids, @param steps training steps that each trial has taken: [n_trials] int64 on the trials' device
  /// @param first_stream n of the first random op: other passes of a step take other ones
  TrialScope(const torch::Tensor& trials, const torch::Tensor& steps, uint64_t seed, uint32_t first_stream = 0);
  /// For constructing modules: factory calls (`empty`, `zeros`, `ones`, `full`, `torch::tensor` of one number) make a tensor
  /// per trial, on `device` where the call names none, and random ops draw from a stream per trial that is keyed by (seed,
  /// trial id, n-th op) and nothing else: not by the slot or by who else is in the batch.
  /// @param trials ids of the trials, [n_trials]
  TrialScope(std::span<const int64_t> trials, uint64_t seed, torch::Device device);
  ~TrialScope();
  TrialScope(const TrialScope&) = delete;
  TrialScope& operator=(const TrialScope&) = delete;

  /// The batched tensor whose physical value is `physical` [n_trials, ...]. Call inside the scope.
  torch::Tensor batched(const torch::Tensor& physical) const;

 private:
  struct State;
  State* state_;
};

/// Whether `tensor` is per trial.
bool is_batched(const torch::Tensor& tensor);
/// The physical tensor [n_trials, ...] behind a per-trial one; a tensor that is not per trial is returned as it is.
torch::Tensor physical(const torch::Tensor& tensor);
/// Puts other storage behind a per-trial tensor, possibly with another number of trials, so that every holder of it
/// (a module's member, say) sees the new rows.
void replace_physical(const torch::Tensor& tensor, const torch::Tensor& new_physical);

}  // namespace lockstep
