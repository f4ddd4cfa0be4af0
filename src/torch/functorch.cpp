#include "torch/functorch.h"

#include <ATen/functorch/BatchedTensorImpl.h>
#include <ATen/functorch/DynamicLayer.h>
#include <ATen/functorch/PlumbingHelper.h>

namespace lockstep::functorch {

namespace ft = at::functorch;

int64_t push_level(int64_t batch_size) {
  return ft::initAndPushDynamicLayer(ft::TransformType::Vmap, c10::SymInt(batch_size), ft::RandomnessType::Different);
}

void pop_level() { ft::popDynamicLayerAndDeleteMetadata(); }

bool has_level() { return ft::maybeCurrentDynamicLayer().has_value(); }

torch::Tensor wrap(const torch::Tensor& physical, int64_t level) { return ft::makeBatched(physical, 0, level); }

bool is_wrapped(const torch::Tensor& tensor) { return tensor.defined() && ft::isBatchedTensor(tensor); }

torch::Tensor unwrap(const torch::Tensor& tensor) {
  const auto* impl = ft::maybeGetBatchedImpl(tensor);
  return impl->bdim() == 0 ? impl->value() : impl->value().movedim(impl->bdim(), 0);
}

void reseat(const torch::Tensor& wrapper, const torch::Tensor& physical) {
  auto* impl = ft::maybeGetBatchedImpl(wrapper);
  TORCH_INTERNAL_ASSERT(impl != nullptr && impl->bdim() == 0);
  torch::Tensor held = impl->value();
  held.set_data(physical);
  impl->refreshTensorMetadata();
}

std::optional<torch::Tensor> unwrap_innermost(const torch::Tensor& tensor) {
  const auto layer = ft::maybeCurrentDynamicLayer();
  TORCH_INTERNAL_ASSERT(layer.has_value());
  auto [value, batch_dim] = ft::unwrapTensorAtLevel(tensor, layer->layerId());
  if (!batch_dim) return std::nullopt;
  return *batch_dim == 0 ? value : value.movedim(*batch_dim, 0);
}

torch::Tensor wrap_innermost(const torch::Tensor& physical) {
  return ft::makeBatched(physical, 0, ft::maybeCurrentDynamicLayer()->layerId());
}

int64_t innermost_batch_size() { return ft::maybeCurrentDynamicLayer()->batchSize().expect_int(); }

BelowVmap::BelowVmap()
    : exclude_(c10::DispatchKeySet({c10::DispatchKey::DeferredInit, c10::DispatchKey::FuncTorchVmapMode,
                                    c10::DispatchKey::FuncTorchDynamicLayerFrontMode,
                                    c10::DispatchKey::FuncTorchDynamicLayerBackMode,
                                    c10::DispatchKey::FuncTorchBatched})) {}

InsideRule::InsideRule()
    : exclude_(c10::DispatchKeySet({c10::DispatchKey::FuncTorchBatched, c10::DispatchKey::FuncTorchVmapMode})) {}

namespace {

void register_at(c10::DispatchKey key, const std::function<void(torch::Library&)>& registrations,
                 const std::source_location& where) {
  class Silent : public c10::WarningHandler {
    void process(const c10::Warning&) override {}
  } silent;
  const c10::WarningUtils::WarningHandlerGuard guard(&silent);
  // Never deleted: kernels live as long as the process, and static destructors run in no order that helps.
  registrations(*new torch::Library(torch::Library::IMPL, "aten", key, where.file_name(), where.line()));
}

}  // namespace

void register_rules(const std::function<void(torch::Library&)>& registrations, std::source_location where) {
  register_at(c10::DispatchKey::FuncTorchBatched, registrations, where);
}

void register_scope_rules(const std::function<void(torch::Library&)>& registrations, std::source_location where) {
  register_at(c10::DispatchKey::FuncTorchVmapMode, registrations, where);
}

}  // namespace lockstep::functorch
