// TESTING_ONLY_GenericMode is a dispatch key above all others that nothing in LibTorch 2.15 uses; with the fall-through
// it costs nothing where it is not wanted. Autograd's threads take over the keys of the thread whose pass they work on.

#include "torch/host_wait_guard.h"

#include <algorithm>
#include <atomic>

#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/library.h>
#include <torch/types.h>

#include "torch/dispatch.h"
#include "torch/functorch.h"

namespace lockstep {

struct HostWaitNote::Note : public c10::DebugInfoBase {
  std::atomic<bool> has_waited = false;
  bool is_refused = false;  ///< a HostWaitGuard is there too
};

namespace {

using torch::Tensor;

constexpr auto kGuardKey = c10::DispatchKey::TESTING_ONLY_GenericMode;

constexpr char kReads[] = "keep the value a tensor, and write a condition on it with torch::where";
constexpr char kSizes[] =
    "the size of its result hangs on values; keep every element, and leave some out with torch::where or a weight of 0";

constexpr const char* kWaiting[] = {
    "_local_scalar_dense",
    "_unique",
    "_unique2",
    "bincount",
    "masked_select",
    "masked_select.out",
    "nonzero",
    "nonzero.out",
    "unique_consecutive",
    "unique_dim",
    "unique_dim_consecutive",
};

void pass_on(const c10::OperatorHandle& op, c10::DispatchKeySet keys, torch::jit::Stack* stack) {
  op.redispatchBoxed(keys & c10::DispatchKeySet(c10::DispatchKeySet::FULL_AFTER, kGuardKey), stack);
}

/// ThreadLocalDebugInfo is what autograd's threads take over beside the keys; this kind of it is free.
const auto kNoteKind = c10::DebugInfoKind::TEST_INFO;

/// Throws, or where waits are only noted, notes it.
void on_wait(const std::string& op, const std::string& cure) {
  if (auto* note = static_cast<HostWaitNote::Note*>(c10::ThreadLocalDebugInfo::get(kNoteKind))) {
    note->has_waited = true;
    if (!note->is_refused) return;
  }
  TORCH_CHECK(false, op, " makes the host wait for the device where it must not: ", cure);
}

/// An op of per-trial tensors comes again, with physical ones, if its batching rule needs it.
bool is_per_trial(const c10::IValue& value) { return value.isTensor() && functorch::is_wrapped(value.toTensor()); }

void refuse_waiting(const c10::OperatorHandle& op, c10::DispatchKeySet keys, torch::jit::Stack* stack) {
  const auto arguments = torch::jit::last(*stack, op.schema().arguments().size());
  if (std::any_of(arguments.begin(), arguments.end(), is_per_trial)) return pass_on(op, keys, stack);
  const bool is_read = op.schema().name() == "aten::_local_scalar_dense";
  on_wait(op.schema().name(), is_read ? kReads : kSizes);
  pass_on(op, keys, stack);
}

/// LibTorch compares no values where the shapes differ, or both are the same memory.
void refuse_comparison(const c10::OperatorHandle& op, c10::DispatchKeySet keys, torch::jit::Stack* stack) {
  const auto arguments = torch::jit::last(*stack, 2);
  if (std::any_of(arguments.begin(), arguments.end(), is_per_trial)) return pass_on(op, keys, stack);
  const Tensor a = arguments[0].toTensor(), b = arguments[1].toTensor();
  const bool same = a.is_alias_of(b) && a.storage_offset() == b.storage_offset() &&
                    a.scalar_type() == b.scalar_type() && a.strides() == b.strides();
  if (a.sizes() != b.sizes() || same) return pass_on(op, keys, stack);
  on_wait(op.schema().name(), "compare with torch::eq and go on with torch::where");
  pass_on(op, keys, stack);
}

void refuse_transfer(const c10::OperatorHandle& op, c10::DispatchKeySet keys, torch::jit::Stack* stack) {
  const auto arguments = torch::jit::last(*stack, op.schema().arguments().size());
  const auto to = arguments[0].toTensor().device(), from = arguments[1].toTensor().device();
  if (to == from || is_per_trial(arguments[0]) || is_per_trial(arguments[1])) return pass_on(op, keys, stack);
  on_wait("a copy from " + from.str() + " to " + to.str(),
          "make the tensor where it is used, or hold a copy there from the trial's construction on (register_buffer)");
  pass_on(op, keys, stack);
}

}  // namespace

HostWaitGuard::HostWaitGuard() : include_((register_host_wait_guard(), kGuardKey)) {}

HostWaitNote::HostWaitNote()
    : note_(std::make_shared<Note>()),
      info_(kNoteKind, note_),
      include_((register_host_wait_guard(), note_->is_refused = c10::impl::tls_is_dispatch_key_included(kGuardKey),
                kGuardKey)) {}

bool HostWaitNote::has_waited() const { return note_->has_waited; }

void register_host_wait_guard() {
  static const bool done = [] {
    auto* any = new torch::Library(torch::Library::IMPL, "_", kGuardKey, __FILE__, __LINE__);
    any->fallback(torch::CppFunction::makeFallthrough());
    auto* library = new torch::Library(torch::Library::IMPL, "aten", kGuardKey, __FILE__, __LINE__);
    for (const auto* name : kWaiting) library->impl(name, torch::CppFunction::makeFromBoxedFunction<&refuse_waiting>());
    library->impl("equal", torch::CppFunction::makeFromBoxedFunction<&refuse_comparison>());
    library->impl("copy_", torch::CppFunction::makeFromBoxedFunction<&refuse_transfer>());
    library->impl("_copy_from", torch::CppFunction::makeFromBoxedFunction<&refuse_transfer>());
    return true;
  }();
  (void)done;
}

}  // namespace lockstep
