#pragma once

#include <cstdint>

#include <lockstep/backend.h>
#include <torch/types.h>

namespace lockstep {

/// The context of our device algorithms for LibTorch's `device`: its current stream there and its caching allocator.
Context device_context(torch::Device device, uint64_t seed);

/// The backend that works in `device`'s memory.
const Backend& backend_of(torch::Device device);

/// Lets `backend` stand for our algorithms on LibTorch's meta device, whose tensors have shapes and no values: for
/// tests. Null, as at first: nothing does. While nothing runs there.
void set_meta_backend(const Backend* backend);

}  // namespace lockstep
