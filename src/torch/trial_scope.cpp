#include <lockstep/torch/trial_scope.h>

#include <c10/core/impl/LocalDispatchKeySet.h>
#include <torch/library.h>

#include "torch/construction.h"
#include "torch/device_context.h"
#include "torch/dispatch.h"
#include "torch/functorch.h"

namespace lockstep {

Construction*& Construction::current() {
  static thread_local Construction* current = nullptr;
  return current;
}

struct TrialScope::State {
  int64_t level = 0;
  std::unique_ptr<Construction> construction;
  std::unique_ptr<c10::impl::IncludeDispatchKeyGuard> intercept_random;
};

namespace {

void register_kernels() {
  register_factories();
  register_random_ops();
  register_matmul();
  register_nll_loss();
}

}  // namespace

TrialScope::TrialScope(int64_t n_trials) : state_(new State) {
  register_kernels();
  state_->level = functorch::push_level(n_trials);
}

TrialScope::TrialScope(std::span<const int64_t> trials, uint64_t seed, torch::Device device) : state_(new State) {
  register_kernels();
  auto construction = std::make_unique<Construction>();
  construction->device = device;
  construction->backend = &backend_of(device);
  construction->context = device_context(device, seed);
  construction->n_trials = static_cast<int64_t>(trials.size());
  construction->trials = torch::tensor(std::vector<int64_t>(trials.begin(), trials.end())).to(device);
  state_->level = construction->level = functorch::push_level(construction->n_trials);
  Construction::current() = construction.get();
  state_->construction = std::move(construction);
  state_->intercept_random = std::make_unique<c10::impl::IncludeDispatchKeyGuard>(c10::DispatchKey::DeferredInit);
}

TrialScope::~TrialScope() {
  if (state_->construction) {
    state_->intercept_random.reset();
    Construction::current() = nullptr;
  }
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
// intercepted, or a partly batched tensor would escape.

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
  return per_trial(size, device, [&](c10::SymIntArrayRef s, std::optional<at::Device> d) {
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

}  // namespace

void register_factories() {
  static torch::Library* const library = [] {
    auto* made = new torch::Library(torch::Library::IMPL, "aten", c10::DispatchKey::FuncTorchVmapMode, __FILE__, __LINE__);
    made->impl("empty.memory_format", empty);
    made->impl("zeros", zeros);
    made->impl("ones", ones);
    made->impl("full", full);
    return made;
  }();
  (void)library;
}

}  // namespace lockstep
