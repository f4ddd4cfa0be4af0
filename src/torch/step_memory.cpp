#include "torch/step_memory.h"

#include <algorithm>
#include <memory>

#include <c10/core/Allocator.h>
#include <c10/util/ThreadLocalDebugInfo.h>

namespace lockstep {
namespace {

/// Listens to LibTorch's allocators in the place where its profiler would.
class MemoryWatch : public c10::MemoryReportingInfoBase {
 public:
  void reportMemoryUsage(void*, int64_t size, size_t, size_t, c10::Device) override {
    held_ += size;  // negative for a release
    peak_ = std::max(peak_, held_);
  }
  bool memoryProfilingEnabled() const override { return true; }
  int64_t peak() const { return peak_; }

 private:
  int64_t held_ = 0;
  int64_t peak_ = 0;
};

}  // namespace

int64_t peak_memory_bytes(const std::function<void()>& work) {
  auto watch = std::make_shared<MemoryWatch>();
  {
    c10::DebugInfoGuard guard(c10::DebugInfoKind::PROFILER_STATE, watch);
    work();
  }
  return watch->peak();
}

}  // namespace lockstep
