#pragma once

#include <cstddef>
#include <cstdint>

namespace lockstep {

/// Whether this LibTorch has oneDNN's matrix micro-kernels for this processor.
bool has_micro_kernels();

/// c [m, n] = a [m, k] b [k, n], plus what c holds if `add`; all contiguous, on the CPU. Only where there are
/// micro-kernels.
void multiply(int64_t m, int64_t n, int64_t k, const float* a, const float* b, float* c, bool add = false);

/// The sum over rows [n_rows, n_columns] of each column.
void sum_rows(const float* rows, int64_t n_rows, int64_t n_columns, float* out);

/// This thread's scratch memory, of at least `size` floats: what an operand or a result is for as long as one trial is
/// worked on. Calls with the same `which` give the same memory.
float* scratch(size_t which, int64_t size);

}  // namespace lockstep
