// The host backend: the device algorithms as g++ compiles them, in the program's own memory.
#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>

#include "cuda/common/backend_table.h"
#include "cuda/common/device_memory.h"

namespace lockstep {
namespace on_host {
namespace {

class HostAllocator final : public Allocator {
 public:
  void* allocate(size_t size_bytes, void*) override {
    const bool is_large = size_bytes >= kLargeBytes;
    const size_t alignment = is_large ? kLargePageBytes : kAlignment;
    // aligned_alloc takes multiples of the alignment.
    const size_t rounded = (std::max<size_t>(size_bytes, 1) + alignment - 1) / alignment * alignment;
    void* pointer = std::aligned_alloc(alignment, rounded);
    if (!pointer) {
      throw DeviceError("Out of memory: no " + std::to_string(size_bytes) +
                        " bytes left; train fewer trials at once (max_concurrent_trials).");
    }
    // A fault a small page is a third of the time that a history of 10^5 trials takes. Where there are no large pages, no
    // harm is done.
    if (is_large) (void)madvise(pointer, rounded, MADV_HUGEPAGE);
    return pointer;
  }
  void deallocate(void* pointer, size_t, void*) noexcept override { std::free(pointer); }

 private:
  static constexpr size_t kAlignment = 256;
  static constexpr size_t kLargePageBytes = size_t{1} << 21;
  static constexpr size_t kLargeBytes = 2 * kLargePageBytes;
};

/// The first number of a file that holds one, or after `name` in one that holds many; -1 when there is none ("max").
int64_t number_in(const char* path, const std::string& name = "") {
  std::ifstream file(path);
  std::string word;
  int64_t number = -1;
  while (!name.empty() && file >> word && word != name) {
  }
  return file >> number ? number : -1;
}

int64_t free_memory_bytes(const Context&) {
  int64_t bytes = number_in("/proc/meminfo", "MemAvailable:") * 1024;
  // A container may have less than its machine (cgroup v2).
  const int64_t limit = number_in("/sys/fs/cgroup/memory.max"), taken = number_in("/sys/fs/cgroup/memory.current");
  if (limit >= 0 && taken >= 0) bytes = std::min(bytes, std::max<int64_t>(0, limit - taken));
  return bytes;
}

void copy(const Context&, void* to, const void* from, int64_t size_bytes) {
  if (size_bytes > 0) std::memcpy(to, from, static_cast<size_t>(size_bytes));
}

}  // namespace

Allocator& plain_allocator() {
  static HostAllocator allocator;
  return allocator;
}

DeviceGuard::DeviceGuard(const Context& context) {
  if (context.device.kind != DeviceKind::kCpu) {
    throw DeviceError("The host backend was given memory of a CUDA device; use backend_for(device.kind).");
  }
}
DeviceGuard::~DeviceGuard() = default;

}  // namespace on_host

const Backend& host_backend() {
  static const Backend backend =
      on_host::make_backend({"host", DeviceKind::kCpu, [] { return 1; }, &on_host::free_memory_bytes,
                             &on_host::plain_allocator, &on_host::copy, &on_host::copy, [](const Context&) {}});
  return backend;
}

}  // namespace lockstep
