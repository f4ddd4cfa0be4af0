#pragma once

// The one place where Lockstep touches functorch's C++ headers, which are internals of LibTorch (tested version:
// cmake/LibTorch.cmake). Everything else speaks of trials.

#include <cstdint>
#include <functional>
#include <optional>
#include <source_location>

#include <ATen/core/LegacyTypeDispatch.h>
#include <c10/core/impl/LocalDispatchKeySet.h>
#include <torch/library.h>
#include <torch/types.h>

namespace lockstep::functorch {

/// Pushes a vmap level of `batch_size`, with randomness "different", on this thread; returns the level.
int64_t push_level(int64_t batch_size);
void pop_level();
/// Whether a level is pushed on this thread.
bool has_level();

/// Wraps physical [n, ...] as a tensor of `level` whose hidden first dimension is the batch.
torch::Tensor wrap(const torch::Tensor& physical, int64_t level);
bool is_wrapped(const torch::Tensor& tensor);
/// The physical tensor with the batch moved to the front.
torch::Tensor unwrap(const torch::Tensor& tensor);
/// Exchanges the physical tensor behind the wrapper, keeping its autograd identity; shapes may differ in dimension 0.
void reseat(const torch::Tensor& wrapper, const torch::Tensor& physical);

/// The physical tensor, batch first, if `tensor` is wrapped at the innermost level; nullopt if it is shared.
std::optional<torch::Tensor> unwrap_innermost(const torch::Tensor& tensor);
torch::Tensor wrap_innermost(const torch::Tensor& physical);
/// The number of trials of the innermost level.
int64_t innermost_batch_size();

/// While alive, this thread's calls go to physical tensors: past vmap and past our own interception of random ops.
/// Called from inside a vmap rule it leaves autograd off.
class BelowVmap {
 public:
  BelowVmap();

 private:
  c10::impl::ExcludeDispatchKeyGuard exclude_;
};

/// While alive in a batching rule, calls reach physical tensors **with** autograd, and random ops our own interception. (vmap runs its rules with the autograd
/// keys off and turns them on again at its back end, which must therefore stay on.)
class InsideRule {
 public:
  InsideRule();

 private:
  c10::impl::ExcludeDispatchKeyGuard exclude_;
};

/// While alive in a batching rule, calls reach physical tensors past vmap and past autograd: nothing is recorded, and a view is
/// no view to autograd. (at::AutoDispatchBelowADInplaceOrView alone does not do that in a rule: vmap's back end turns the
/// autograd keys on again.)
class BelowAutograd {
 private:
  BelowVmap below_vmap_;
  at::AutoDispatchBelowADInplaceOrView below_autograd_;
};

/// Registers batching rules by `library.impl(operator, rule)` calls; replaces functorch's own rules without LibTorch's warning.
/// @param where what LibTorch's dispatcher says of each: the file of the rule
void register_rules(const std::function<void(torch::Library&)>& registrations,
                    std::source_location where = std::source_location::current());
/// The same for ops that come to a rule in a TrialScope even where none of their operands is per trial: random ones.
void register_scope_rules(const std::function<void(torch::Library&)>& registrations,
                          std::source_location where = std::source_location::current());

}  // namespace lockstep::functorch
