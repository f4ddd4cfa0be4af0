// Per-trial random streams. functorch draws one tensor for the whole batch from the global generator, so a trial's weights and
// dropout masks would depend on its slot and its company. These kernels sit below vmap, where `self` is the physical tensor
// [n_trials, ...], and fill row t from Philox keyed by (seed, id of trial t, its step, op number). LibTorch's other random ops
// (dropout, rand, randn, ...) come down to these.
//
// DeferredInit is a dispatch key for use out of tree; with the fall-through it costs nothing where it is not wanted.

#include <torch/library.h>

#include "torch/dispatch.h"
#include "torch/functorch.h"
#include "torch/trial_streams.h"

namespace lockstep {
namespace {

using torch::Tensor;
using Generator = std::optional<at::Generator>;

/// The streams that `self` is to be filled from: none when it is not the physical form of a per-trial tensor, or the caller has a
/// generator of its own.
TrialStreams* streams_of(const Tensor& self, const Generator& generator) {
  TrialStreams* streams = TrialStreams::current();
  const bool is_ours = !generator && streams != nullptr && !functorch::is_wrapped(self) && self.dim() > 0 &&
                       self.size(0) == streams->n_trials() && self.scalar_type() == torch::kFloat &&
                       self.device() == streams->device;
  return is_ours ? streams : nullptr;
}

template <class Fill>
Tensor& fill_rows(Tensor& self, TrialStreams& streams, const Fill& fill) {
  RowFill rows;
  rows.trials = streams.trials.const_data_ptr<int64_t>();
  rows.n_rows = streams.n_trials();
  rows.row_size = self.numel() / rows.n_rows;
  rows.stream = streams.next_stream++;
  if (streams.steps.defined()) rows.steps = streams.steps.const_data_ptr<int64_t>();
  // Rows must lie one after another for the kernel; a strided view is filled through a copy.
  const Tensor target = self.is_contiguous() ? self : at::empty(self.sizes(), self.options());
  rows.values = target.mutable_data_ptr<float>();
  fill(streams.context, rows);
  if (!target.is_same(self)) self.copy_(target);
  return self;
}

Tensor& uniform_(Tensor& self, double from, double to, Generator generator) {
  functorch::BelowVmap below;
  TrialStreams* streams = streams_of(self, generator);
  if (streams == nullptr) return self.uniform_(from, to, generator);
  return fill_rows(self, *streams, [&](const Context& context, const RowFill& rows) {
    streams->backend->fill_uniform(context, rows, from, to);
  });
}

Tensor& normal_(Tensor& self, double mean, double std, Generator generator) {
  functorch::BelowVmap below;
  TrialStreams* streams = streams_of(self, generator);
  if (streams == nullptr) return self.normal_(mean, std, generator);
  return fill_rows(self, *streams, [&](const Context& context, const RowFill& rows) {
    streams->backend->fill_normal(context, rows, mean, std);
  });
}

Tensor& bernoulli_(Tensor& self, double probability, Generator generator) {
  functorch::BelowVmap below;
  TrialStreams* streams = streams_of(self, generator);
  if (streams == nullptr) return self.bernoulli_(probability, generator);
  return fill_rows(self, *streams, [&](const Context& context, const RowFill& rows) {
    streams->backend->fill_bernoulli(context, rows, probability);
  });
}

/// A probability an element, so possibly one a trial.
Tensor& bernoulli_tensor_(Tensor& self, const Tensor& probability, Generator generator) {
  functorch::BelowVmap below;
  TrialStreams* streams = streams_of(self, generator);
  if (streams == nullptr) return self.bernoulli_(probability, generator);
  fill_rows(self, *streams, [&](const Context& context, const RowFill& rows) {
    streams->backend->fill_uniform(context, rows, 0, 1);
  });
  return self.copy_(self.lt(probability));
}

Tensor& exponential_(Tensor& self, double lambda, Generator generator) {
  functorch::BelowVmap below;
  TrialStreams* streams = streams_of(self, generator);
  if (streams == nullptr) return self.exponential_(lambda, generator);
  fill_rows(self, *streams, [&](const Context& context, const RowFill& rows) {
    streams->backend->fill_uniform(context, rows, 0, 1);
  });
  return self.neg_().log1p_().div_(-lambda);
}

}  // namespace

void register_random_ops() {
  auto* any = new torch::Library(torch::Library::IMPL, "_", c10::DispatchKey::DeferredInit, __FILE__, __LINE__);
  any->fallback(torch::CppFunction::makeFallthrough());
  auto* library = new torch::Library(torch::Library::IMPL, "aten", c10::DispatchKey::DeferredInit, __FILE__, __LINE__);
  library->impl("uniform_", uniform_);
  library->impl("normal_", normal_);
  library->impl("bernoulli_.float", bernoulli_);
  library->impl("bernoulli_.Tensor", bernoulli_tensor_);
  library->impl("exponential_", exponential_);
}

}  // namespace lockstep
