#pragma once

#include <cstdint>
#include <functional>

namespace lockstep {

/// Most bytes that LibTorch held at one time, above what it held at the start, while `work` ran on this thread.
int64_t peak_memory_bytes(const std::function<void()>& work);

}  // namespace lockstep
