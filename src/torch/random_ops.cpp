// Per-trial random streams for initialisation. functorch draws one tensor for the whole batch from the global generator, so
// a trial's weights would depend on its slot and its company. These kernels sit below vmap, where `self` is the physical
// tensor [n_trials, ...], and fill row t from Philox keyed by (seed, id of trial t, purpose, op number).
//
// DeferredInit is a dispatch key for use out of tree; with the fall-through it costs nothing where it is not wanted.

#include <torch/library.h>

#include "torch/construction.h"
#include "torch/dispatch.h"
#include "torch/functorch.h"

namespace lockstep {
namespace {

/// Whether `self` is the physical form of a per-trial tensor of the module under construction.
bool is_ours(const Construction* construction, const torch::Tensor& self) {
  return construction != nullptr && !functorch::is_wrapped(self) && self.dim() > 0 &&
         self.size(0) == construction->n_trials && self.scalar_type() == torch::kFloat &&
         self.device() == construction->device;
}

template <class Fill>
torch::Tensor& fill_rows(torch::Tensor& self, Construction& construction, const Fill& fill) {
  RowFill rows;
  rows.trials = construction.trials.const_data_ptr<int64_t>();
  rows.n_rows = construction.n_trials;
  rows.row_size = self.numel() / construction.n_trials;
  rows.stream = construction.next_stream++;
  // Rows must lie one after another for the kernel; a strided view is filled through a copy.
  torch::Tensor target = self.is_contiguous() ? self : at::empty(self.sizes(), self.options());
  rows.values = target.mutable_data_ptr<float>();
  fill(construction.context, rows);
  if (!target.is_same(self)) self.copy_(target);
  return self;
}

torch::Tensor& uniform_(torch::Tensor& self, double from, double to, std::optional<at::Generator> generator) {
  functorch::BelowVmap below;
  Construction* construction = Construction::current();
  if (generator || !is_ours(construction, self)) return self.uniform_(from, to, generator);
  return fill_rows(self, *construction, [&](const Context& context, const RowFill& rows) {
    construction->backend->fill_uniform(context, rows, from, to);
  });
}

torch::Tensor& normal_(torch::Tensor& self, double mean, double std, std::optional<at::Generator> generator) {
  functorch::BelowVmap below;
  Construction* construction = Construction::current();
  if (generator || !is_ours(construction, self)) return self.normal_(mean, std, generator);
  return fill_rows(self, *construction, [&](const Context& context, const RowFill& rows) {
    construction->backend->fill_normal(context, rows, mean, std);
  });
}

}  // namespace

void register_random_ops() {
  static torch::Library* const library = [] {
    auto* any = new torch::Library(torch::Library::IMPL, "_", c10::DispatchKey::DeferredInit, __FILE__, __LINE__);
    any->fallback(torch::CppFunction::makeFallthrough());
    auto* made = new torch::Library(torch::Library::IMPL, "aten", c10::DispatchKey::DeferredInit, __FILE__, __LINE__);
    made->impl("uniform_", uniform_);
    made->impl("normal_", normal_);
    return made;
  }();
  (void)library;
}

}  // namespace lockstep
