#pragma once

#include <cstdint>

#include <lockstep/backend.h>
#include <torch/types.h>

namespace lockstep {

/// The context of our device algorithms for LibTorch's `device`: its current stream there and its caching allocator.
Context device_context(torch::Device device, uint64_t seed);

/// The backend that works in `device`'s memory.
const Backend& backend_of(torch::Device device);

}  // namespace lockstep
