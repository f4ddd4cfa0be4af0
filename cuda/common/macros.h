#pragma once

/// LOCKSTEP_HD marks what runs on host and device alike; LOCKSTEP_HD_INLINE what a host's loop must have inlined, as a
/// call keeps the loop from running in vectors. LOCKSTEP_BACKEND_NAMESPACE is where one compilation of the device
/// algorithms lives: nvcc's and g++'s have different names, so that a program can hold both.
#ifdef __CUDACC__
#define LOCKSTEP_HD __host__ __device__
#define LOCKSTEP_BACKEND_NAMESPACE on_cuda
#else
#define LOCKSTEP_HD
#define LOCKSTEP_BACKEND_NAMESPACE on_host
#endif
#define LOCKSTEP_HD_INLINE LOCKSTEP_HD __attribute__((always_inline)) inline

/// Before a loop of at most 16 rounds: written out, so that the arrays which it indexes can be registers.
#if defined(__CUDA_ARCH__) || defined(__clang__)
#define LOCKSTEP_UNROLL _Pragma("unroll")
#elif defined(__CUDACC__)
#define LOCKSTEP_UNROLL  // what nvcc compiles for the host is not run
#else
#define LOCKSTEP_UNROLL _Pragma("GCC unroll 16")
#endif
