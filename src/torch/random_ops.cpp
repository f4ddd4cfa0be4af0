// Per-trial random streams. functorch draws one tensor for the whole batch from the global generator, so a trial's
// weights and dropout masks would depend on its slot and its company. These kernels sit below vmap, where `self` is the
// physical tensor [n_trials, ...], and fill row t from Philox keyed by (seed, id of trial t, its step, op number).
// LibTorch's other random ops (dropout, rand, randn, randint, ...) come down to these.
//
// DeferredInit is a dispatch key for use out of tree; with the fall-through it costs nothing where it is not wanted.

#include <cmath>
#include <limits>

#include <torch/library.h>

#include "torch/dispatch.h"
#include "torch/functorch.h"
#include "torch/trial_streams.h"

namespace lockstep {
namespace {

using torch::Tensor;
using Generator = std::optional<at::Generator>;

/// The streams that `self` is to be filled from: none when it is not the physical form of a per-trial tensor, or the
/// caller has a generator of its own.
TrialStreams* streams_of(const Tensor& self, const Generator& generator) {
  TrialStreams* streams = TrialStreams::current();
  if (generator || streams == nullptr || functorch::is_wrapped(self) || self.device() != streams->device) return nullptr;
  const bool has_rows = self.dim() > 0 && self.size(0) == streams->n_trials();
  return streams->is_plain || has_rows ? streams : nullptr;
}

template <class Fill>
Tensor& fill_rows(Tensor& self, TrialStreams& streams, const Fill& fill) {
  RowFill rows;
  rows.trials = streams.trials.const_data_ptr<int64_t>();
  rows.n_rows = streams.n_trials();
  rows.row_size = self.numel() / rows.n_rows;
  rows.stream = streams.next_stream++;
  if (streams.steps.defined()) rows.steps = streams.steps.const_data_ptr<int64_t>();
  // The kernel wants floats whose rows lie one after another; others are filled through a copy.
  const bool fits = self.is_contiguous() && self.scalar_type() == torch::kFloat;
  const Tensor target = fits ? self : at::empty(self.sizes(), self.options().dtype(torch::kFloat));
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
  fill_rows(self, *streams,
            [&](const Context& context, const RowFill& rows) { streams->backend->fill_uniform(context, rows, 0, 1); });
  return self.copy_(self.lt(probability));
}

/// What dropout comes down to on a GPU, where LibTorch's kernel would draw from the global generator; with the formula
/// of its dropout on a CPU.
std::tuple<Tensor, Tensor> native_dropout(const Tensor& self, double probability, std::optional<bool> train) {
  if (streams_of(self, {}) == nullptr) {
    functorch::BelowVmap below;
    return at::native_dropout(self, probability, train);
  }
  if (!train.value_or(true)) return {self, at::ones_like(self, at::kBool)};
  const Tensor kept = at::empty_like(self).bernoulli_(1 - probability);
  return {self * (kept / (1 - probability)), kept.to(at::kBool)};
}

Tensor& exponential_(Tensor& self, double lambda, Generator generator) {
  functorch::BelowVmap below;
  TrialStreams* streams = streams_of(self, generator);
  if (streams == nullptr) return self.exponential_(lambda, generator);
  fill_rows(self, *streams,
            [&](const Context& context, const RowFill& rows) { streams->backend->fill_uniform(context, rows, 0, 1); });
  return self.neg_().log1p_().div_(-lambda);
}

/// Uniform numbers of the streams in a tensor of its own, for what is made of them.
Tensor uniform_like(const Tensor& self, TrialStreams& streams) {
  Tensor out = at::empty(self.sizes(), self.options().dtype(torch::kFloat));
  return fill_rows(out, streams, [&](const Context& context, const RowFill& rows) {
    streams.backend->fill_uniform(context, rows, 0, 1);
  });
}

/// Integers in [from, from + range), of 48 random bits.
Tensor& fill_integers(Tensor& self, TrialStreams& streams, int64_t from, int64_t range) {
  const auto bits = [&] { return uniform_like(self, streams).mul_(1 << 24).to(torch::kLong); };
  const Tensor high = bits(), low = bits();
  return self.copy_(high.mul_(1 << 24).add_(low).remainder_(range).add_(from));
}

/// The number of integers that `random_()` chooses from: those that the type holds exactly.
int64_t range_of(at::ScalarType type) {
  if (type == at::kBool) return 2;
  if (type == at::kHalf) return (1 << 11) + 1;
  if (type == at::kBFloat16) return (1 << 8) + 1;
  if (type == at::kFloat) return (1 << 24) + 1;
  if (type == at::kDouble) return (int64_t{1} << 53) + 1;
  if (type == at::kByte) return 1 << 8;
  return type == at::kLong ? std::numeric_limits<int64_t>::max() : int64_t{1} << (8 * c10::elementSize(type) - 1);
}

Tensor& random_(Tensor& self, Generator generator) {
  functorch::BelowVmap below;
  TrialStreams* streams = streams_of(self, generator);
  if (streams == nullptr) return self.random_(generator);
  return fill_integers(self, *streams, 0, range_of(self.scalar_type()));
}

Tensor& random_to_(Tensor& self, int64_t to, Generator generator) {
  functorch::BelowVmap below;
  TrialStreams* streams = streams_of(self, generator);
  if (streams == nullptr) return self.random_(to, generator);
  TORCH_CHECK(to > 0, "random_ expects 'to' to be above 0, but it is ", to);
  return fill_integers(self, *streams, 0, to);
}

Tensor& random_from_(Tensor& self, int64_t from, std::optional<int64_t> to, Generator generator) {
  functorch::BelowVmap below;
  TrialStreams* streams = streams_of(self, generator);
  if (streams == nullptr) return self.random_(from, to, generator);
  const int64_t end = to.value_or(range_of(self.scalar_type()));
  TORCH_CHECK(from < end, "random_ expects 'from' to be below 'to', but they are ", from, " and ", end);
  return fill_integers(self, *streams, from, end - from);
}

Tensor& log_normal_(Tensor& self, double mean, double std, Generator generator) {
  functorch::BelowVmap below;
  TrialStreams* streams = streams_of(self, generator);
  if (streams == nullptr) return self.log_normal_(mean, std, generator);
  fill_rows(self, *streams, [&](const Context& context, const RowFill& rows) {
    streams->backend->fill_normal(context, rows, mean, std);
  });
  return self.exp_();
}

Tensor& cauchy_(Tensor& self, double median, double sigma, Generator generator) {
  functorch::BelowVmap below;
  TrialStreams* streams = streams_of(self, generator);
  if (streams == nullptr) return self.cauchy_(median, sigma, generator);
  return self.copy_(uniform_like(self, *streams).sub_(0.5).mul_(M_PI).tan_().mul_(sigma).add_(median));
}

Tensor& geometric_(Tensor& self, double probability, Generator generator) {
  functorch::BelowVmap below;
  TrialStreams* streams = streams_of(self, generator);
  if (streams == nullptr) return self.geometric_(probability, generator);
  return self.copy_(uniform_like(self, *streams).neg_().log1p_().div_(std::log1p(-probability)).floor_().add_(1));
}

/// Ops whose kernels draw by themselves. (LibTorch's global generator would give a trial other numbers in other
/// company.)
void refuse(const c10::OperatorHandle& op, c10::DispatchKeySet keys, torch::jit::Stack* stack) {
  TORCH_CHECK(TrialStreams::current() == nullptr, op.schema().name(),
              " has no random stream per trial; draw with uniform_, normal_, "
              "bernoulli_, exponential_, random_ or what is made of them");
  op.redispatchBoxed(keys & c10::DispatchKeySet(c10::DispatchKeySet::FULL_AFTER, c10::DispatchKey::DeferredInit),
                     stack);
}

}  // namespace

void register_random_ops() {
  auto* any = new torch::Library(torch::Library::IMPL, "_", c10::DispatchKey::DeferredInit, __FILE__, __LINE__);
  any->fallback(torch::CppFunction::makeFallthrough());
  auto* library = new torch::Library(torch::Library::IMPL, "aten", c10::DispatchKey::DeferredInit, __FILE__, __LINE__);
  library->impl("uniform_", uniform_);
  library->impl("normal_", normal_);
  library->impl("bernoulli_.float", bernoulli_);
  library->impl("native_dropout", native_dropout);
  library->impl("bernoulli_.Tensor", bernoulli_tensor_);
  library->impl("exponential_", exponential_);
  library->impl("random_", random_);
  library->impl("random_.to", random_to_);
  library->impl("random_.from", random_from_);
  library->impl("log_normal_", log_normal_);
  library->impl("cauchy_", cauchy_);
  library->impl("geometric_", geometric_);
  for (const auto* name : {"poisson", "binomial", "_standard_gamma", "_sample_dirichlet"}) {
    library->impl(name, torch::CppFunction::makeFromBoxedFunction<&refuse>());
  }
}

}  // namespace lockstep
