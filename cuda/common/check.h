#pragma once

#include <cuda_runtime.h>

#include <string>

#include <lockstep/error.h>

namespace lockstep::on_cuda {

/// Throws DeviceError when a call of the CUDA runtime failed.
inline void check_cuda(cudaError_t status, const char* call, const char* file, int line) {
  if (status == cudaSuccess) return;
  (void)cudaGetLastError();  // an error that is not sticky must not surface again at the next call
  throw DeviceError(std::string("CUDA: ") + cudaGetErrorString(status) + " (" + cudaGetErrorName(status) + ") in " + call +
                    " at " + file + ":" + std::to_string(line));
}

}  // namespace lockstep::on_cuda

/// Every call of the CUDA runtime goes through this.
#define LOCKSTEP_CUDA_CHECK(call) ::lockstep::on_cuda::check_cuda((call), #call, __FILE__, __LINE__)
