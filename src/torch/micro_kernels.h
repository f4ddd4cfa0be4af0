#pragma once

#include <cstddef>
#include <cstdint>

namespace lockstep {

/// Whether this LibTorch has oneDNN's matrix micro-kernels for this processor.
bool has_micro_kernels();

/// c [m, n] = a [m, k] b [k, n], plus what c holds if `add`; all contiguous, on the CPU. Only where there are
/// micro-kernels.
void multiply(int64_t m, int64_t n, int64_t k, const float* a, const float* b, float* c, bool add = false);

/// c [n_a, n_b] = a^T b for a [n_rows, n_a] and b [n_rows, n_b], plus what c holds if `add`; likewise. Takes the last two of
/// this thread's scratch memories.
void transposed_multiply(int64_t n_rows, int64_t n_a, int64_t n_b, const float* a, const float* b, float* c,
                         bool add = false);

/// A matrix in memory: its rows, each contiguous, are `stride` apart.
template <class T>
struct RowsOf {
  T* data = nullptr;
  int64_t stride = 0;
};
/// The same of rows that lie apart.
void multiply(int64_t m, int64_t n, int64_t k, RowsOf<const float> a, RowsOf<const float> b, RowsOf<float> c,
              bool add = false);
void transposed_multiply(int64_t n_rows, int64_t n_a, int64_t n_b, RowsOf<const float> a, RowsOf<const float> b,
                         RowsOf<float> c, bool add = false);

/// The sum over rows [n_rows, n_columns] of each column.
void sum_rows(const float* rows, int64_t n_rows, int64_t n_columns, float* out);

/// This thread's scratch memory, of at least `size` floats: what an operand or a result is for as long as one trial is
/// worked on. Calls with the same `which`, 0 to kScratches - 1, give the same memory.
inline constexpr size_t kScratches = 5;
float* scratch(size_t which, int64_t size);

}  // namespace lockstep
