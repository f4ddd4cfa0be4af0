#include "torch/micro_kernels.h"

#include <algorithm>
#include <vector>

#include <ATen/native/CPUBlas.h>

#include "torch/transpose.h"

namespace lockstep {
namespace {

/// The sum over rows of some columns, in blocks of rows, which bound its rounding errors.
template <int64_t n_columns>
void sum_rows_of_columns(const float* rows, int64_t n_rows, int64_t row_stride, float* out) {
  constexpr int64_t kBlock = 64;
  float sum[n_columns] = {};
  for (int64_t begin = 0; begin < n_rows; begin += kBlock) {
    float block_sum[n_columns] = {};  // in registers
    for (int64_t row = begin; row < std::min(begin + kBlock, n_rows); ++row) {
      for (int64_t i = 0; i < n_columns; ++i) block_sum[i] += rows[row * row_stride + i];
    }
    for (int64_t i = 0; i < n_columns; ++i) sum[i] += block_sum[i];
  }
  std::copy_n(sum, n_columns, out);
}

}  // namespace

void multiply(int64_t m, int64_t n, int64_t k, const float* a, const float* b, float* c, bool add) {
  multiply(m, n, k, {a, k}, {b, n}, {c, n}, add);
}

void multiply(int64_t m, int64_t n, int64_t k, RowsOf<const float> a, RowsOf<const float> b, RowsOf<float> c,
              bool add) {
  at::native::cpublas::brgemm(m, n, k, a.stride, b.stride, c.stride, add, a.data, b.data, c.data, /*is_vnni=*/false);
}

// It does not say; it throws.
bool has_micro_kernels() {
  static const bool has = [] {
    const float a = 2, b = 3;
    float c = 0;
    try {
      multiply(1, 1, 1, &a, &b, &c);
    } catch (const c10::Error&) {
      return false;
    }
    return c == 6;
  }();
  return has;
}

void transposed_multiply(int64_t n_rows, int64_t n_a, int64_t n_b, const float* a, const float* b, float* c, bool add) {
  transposed_multiply(n_rows, n_a, n_b, {a, n_a}, {b, n_b}, {c, n_b}, add);
}

void transposed_multiply(int64_t n_rows, int64_t n_a, int64_t n_b, RowsOf<const float> a, RowsOf<const float> b,
                         RowsOf<float> c, bool add) {
  constexpr int64_t kBlock = 128;  // rows that are transposed at a time: they and their columns stay in the cache
  // a has to be transposed, or b and the result. Whichever is less.
  if (!add && n_b * (n_rows + n_a) < n_rows * n_a) {
    float* const transposed = scratch(kScratches - 2, n_b * n_a);
    transposed_multiply(n_rows, n_b, n_a, b, a, {transposed, n_a});
    return transpose_rows(n_b, n_a, transposed, n_a, c.data, c.stride);
  }
  float* const columns = scratch(kScratches - 1, kBlock * n_a);
  for (int64_t row = 0; row < n_rows; row += kBlock) {
    const int64_t here = std::min(kBlock, n_rows - row);
    transpose_rows(here, n_a, a.data + row * a.stride, a.stride, columns, here);
    multiply(n_a, n_b, here, {columns, here}, {b.data + row * b.stride, b.stride}, c, add || row > 0);
  }
}

void sum_rows(const float* rows, int64_t n_rows, int64_t n_columns, float* out) {
  int64_t column = 0;
  for (; column + 64 <= n_columns; column += 64) sum_rows_of_columns<64>(rows + column, n_rows, n_columns, out + column);
  for (; column + 16 <= n_columns; column += 16) sum_rows_of_columns<16>(rows + column, n_rows, n_columns, out + column);
  for (; column < n_columns; ++column) sum_rows_of_columns<1>(rows + column, n_rows, n_columns, out + column);
}

float* scratch(size_t which, int64_t size) {
  static thread_local std::vector<float> buffers[kScratches];
  if (buffers[which].size() < static_cast<size_t>(size)) buffers[which].resize(static_cast<size_t>(size));
  return buffers[which].data();
}

}  // namespace lockstep
