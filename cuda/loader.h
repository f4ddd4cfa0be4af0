#pragma once

#include <cstddef>

#include <lockstep/backend.h>

namespace lockstep {

/// The plugin's only exported function. Returns its table, or null with the reason in `*problem` (a string that lives
/// as long as the plugin). `table_size_bytes` is the caller's sizeof(Backend): a plugin of another version refuses.
using CudaBackendEntry = const Backend* (*)(size_t table_size_bytes, const char** problem);
inline constexpr char kCudaBackendEntry[] = "lockstep_cuda_backend";

}  // namespace lockstep
