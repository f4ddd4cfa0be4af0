#include "torch/slow_ops.h"

#include <string_view>

namespace lockstep {

std::set<std::string> SlowOps::names() const {
  const std::lock_guard lock(mutex_);
  return names_;
}

void SlowOps::Watch::Handler::process(const c10::Warning& warning) {
  // "There is a performance drop because we have not yet implemented the batching rule for aten::foo.overload. Please
  // ..."
  constexpr std::string_view kBefore = "implemented the batching rule for ", kAfter = ". Please";
  const std::string_view message = warning.msg();
  const size_t begin = message.find(kBefore);
  const size_t end = begin == message.npos ? message.npos : message.find(kAfter, begin);
  if (end == message.npos) return others_->process(warning);
  const std::lock_guard lock(ops_.mutex_);
  ops_.names_.emplace(message.substr(begin + kBefore.size(), end - begin - kBefore.size()));
}

}  // namespace lockstep
