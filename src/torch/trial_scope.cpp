#include <lockstep/torch/trial_scope.h>

#include <optional>

#include <c10/core/impl/LocalDispatchKeySet.h>
#include <torch/library.h>

#include "torch/construction.h"
#include "torch/device_context.h"
#include "torch/dispatch.h"
#include "torch/functorch.h"
#include "torch/heap.h"
#include "torch/row_kernels.h"
#include "torch/trial_streams.h"

namespace lockstep {

Construction*& Construction::current() {
  static thread_local Construction* current = nullptr;
  return current;
}

TrialStreams*& TrialStreams::current() {
  static thread_local TrialStreams* current = nullptr;
  return current;
}

struct TrialScope::State {
  explicit State(int64_t n_trials) : level(functorch::push_level(n_trials)) { row_kernels.emplace(n_trials); }

  int64_t level;
  std::optional<RowKernels> row_kernels;
  std::optional<Construction> construction;
  std::optional<TrialStreams> streams;
  std::optional<c10::impl::IncludeDispatchKeyGuard> intercept_random;

  void draw_from(torch::Device device, uint64_t seed, const torch::Tensor& trials, const torch::Tensor& steps,
                 uint32_t first_stream) {
    streams = {device, &backend_of(device), device_context(device, seed), trials, steps, first_stream};
    TrialStreams::current() = &*streams;
    intercept_random.emplace(c10::DispatchKey::DeferredInit);
  }
};

namespace {

void register_kernels_once() {
  static const bool done = [] {
    register_factories();
    register_host_wait_guard();
    register_random_ops();
    register_row_kernels();
    register_attention();
    register_batch_norm();
    register_bmm();
    register_convolution();
    register_cross_entropy();
    register_decompositions();
    register_embedding_bag();
    register_embedding_renorm();
    register_layer_norm();
    register_matmul();
    register_nll_loss();
    register_packed_sequences();
    register_recurrent();
    register_refusals();
    register_samples();
    register_set_data();
    register_trial_by_trial();
    return true;
  }();
  (void)done;
}

}  // namespace

TrialScope::TrialScope(int64_t n_trials) : state_(nullptr) {
  register_kernels_once();
  state_ = new State(n_trials);
}

TrialScope::TrialScope(const torch::Tensor& trials, const torch::Tensor& steps, uint64_t seed, uint32_t first_stream)
    : TrialScope(trials.size(0)) {
  state_->draw_from(trials.device(), seed, trials, steps, first_stream);
}

TrialScope::TrialScope(std::span<const int64_t> trials, uint64_t seed, torch::Device device)
    : TrialScope(static_cast<int64_t>(trials.size())) {
  state_->construction = {state_->level, device, static_cast<int64_t>(trials.size())};
  Construction::current() = &*state_->construction;
  torch::Tensor ids;
  {
    functorch::BelowVmap below;
    ids = torch::tensor(std::vector<int64_t>(trials.begin(), trials.end()), torch::kLong).to(device);
  }
  state_->draw_from(device, seed, ids, {}, 0);
}

TrialScope::~TrialScope() {
  if (state_->streams) {
    state_->intercept_random.reset();
    TrialStreams::current() = nullptr;
  }
  if (state_->construction) Construction::current() = nullptr;
  state_->row_kernels.reset();
  functorch::pop_level();
  delete state_;
}

torch::Tensor TrialScope::batched(const torch::Tensor& physical) const {
  return functorch::wrap(physical, state_->level);
}

bool is_batched(const torch::Tensor& tensor) { return functorch::is_wrapped(tensor); }

torch::Tensor physical(const torch::Tensor& tensor) {
  return functorch::is_wrapped(tensor) ? functorch::unwrap(tensor) : tensor;
}

void replace_physical(const torch::Tensor& tensor, const torch::Tensor& new_physical) {
  functorch::reseat(tensor, new_physical);
}

namespace {

// Factories. `zeros`, `ones` and `full` are composites that call `empty` inside, out of sight of vmap: each is
// intercepted, or a partly batched tensor would escape. `torch::tensor(0)`, as batch norm makes its counter, is a `scalar_tensor`.

c10::SymDimVector with_trials(const Construction& construction, c10::SymIntArrayRef size) {
  c10::SymDimVector out;
  out.reserve(size.size() + 1);
  out.emplace_back(construction.n_trials);
  out.insert(out.end(), size.begin(), size.end());
  return out;
}

/// Runs `make(size, device)` below vmap: with the trials in front and wrapped while a module is being built.
template <class Make>
torch::Tensor per_trial(c10::SymIntArrayRef size, std::optional<at::Device> device, const Make& make) {
  Construction* construction = Construction::current();
  functorch::BelowVmap below;
  if (construction == nullptr) return make(size, device);
  const auto physical_size = with_trials(*construction, size);
  return functorch::wrap(make(c10::SymIntArrayRef(physical_size), device.value_or(construction->device)),
                         construction->level);
}

torch::Tensor empty(c10::SymIntArrayRef size, std::optional<at::ScalarType> dtype, std::optional<at::Layout> layout,
                    std::optional<at::Device> device, std::optional<bool> pin,
                    std::optional<at::MemoryFormat> format) {
  const bool is_plain = layout.value_or(at::kStrided) == at::kStrided && !pin.value_or(false) &&
                        format.value_or(at::MemoryFormat::Contiguous) == at::MemoryFormat::Contiguous;
  return per_trial(size, device, [&](c10::SymIntArrayRef s, std::optional<at::Device> d) {
    // Initial weights: what comes after them in the heap stays, and would keep their place from being of use again.
    if (is_plain && Construction::current() != nullptr && d->is_cpu()) {
      return lasting_zeros(C10_AS_INTARRAYREF_SLOW(s),
                           torch::dtype(dtype.value_or(at::get_default_dtype_as_scalartype())).device(d));
    }
    return at::empty_symint(s, dtype, layout, d, pin, format);
  });
}

torch::Tensor zeros(c10::SymIntArrayRef size, std::optional<at::ScalarType> dtype, std::optional<at::Layout> layout,
                    std::optional<at::Device> device, std::optional<bool> pin) {
  return per_trial(size, device, [&](c10::SymIntArrayRef s, std::optional<at::Device> d) {
    return at::zeros_symint(s, dtype, layout, d, pin);
  });
}

torch::Tensor ones(c10::SymIntArrayRef size, std::optional<at::ScalarType> dtype, std::optional<at::Layout> layout,
                   std::optional<at::Device> device, std::optional<bool> pin) {
  return per_trial(size, device, [&](c10::SymIntArrayRef s, std::optional<at::Device> d) {
    return at::ones_symint(s, dtype, layout, d, pin);
  });
}

torch::Tensor full(c10::SymIntArrayRef size, const at::Scalar& value, std::optional<at::ScalarType> dtype,
                   std::optional<at::Layout> layout, std::optional<at::Device> device, std::optional<bool> pin) {
  return per_trial(size, device, [&](c10::SymIntArrayRef s, std::optional<at::Device> d) {
    return at::full_symint(s, value, dtype, layout, d, pin);
  });
}

torch::Tensor scalar_tensor(const at::Scalar& value, std::optional<at::ScalarType> dtype, std::optional<at::Layout> layout,
                            std::optional<at::Device> device, std::optional<bool> pin) {
  if (Construction::current() != nullptr) return full({}, value, dtype, layout, device, pin);
  functorch::BelowVmap below;
  return at::scalar_tensor(value, dtype, layout, device, pin);
}

}  // namespace

void register_factories() {
  auto* library = new torch::Library(torch::Library::IMPL, "aten", c10::DispatchKey::FuncTorchVmapMode, __FILE__, __LINE__);
  library->impl("empty.memory_format", empty);
  library->impl("zeros", zeros);
  library->impl("ones", ones);
  library->impl("full", full);
  library->impl("scalar_tensor", scalar_tensor);
}

}  // namespace lockstep
