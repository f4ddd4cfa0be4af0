#pragma once

/// LOCKSTEP_HD marks what runs on host and device alike. LOCKSTEP_BACKEND_NAMESPACE is where one compilation of the
/// device algorithms lives: nvcc's and g++'s have different names, so that a program can hold both.
#ifdef __CUDACC__
#define LOCKSTEP_HD __host__ __device__
#define LOCKSTEP_BACKEND_NAMESPACE on_cuda
#else
#define LOCKSTEP_HD
#define LOCKSTEP_BACKEND_NAMESPACE on_host
#endif
