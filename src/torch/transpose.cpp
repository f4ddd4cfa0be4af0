// LibTorch's own transposed copy takes four times as long: it walks one of the two matrices against its order. Here blocks of
// 8 x 8 are transposed in registers, by GCC's and Clang's vectors, which exist on every processor.
#include "torch/transpose.h"

#include <cstring>

namespace lockstep {
namespace {

constexpr int64_t kBlock = 8;
typedef float Eight __attribute__((vector_size(32)));

Eight load(const float* from) {
  Eight out;
  std::memcpy(&out, from, sizeof out);
  return out;
}

void store(float* to, Eight value) { std::memcpy(to, &value, sizeof value); }

/// Transposes one block: three rounds, each exchanging halves of pairs of rows.
void transpose_block(const float* from, int64_t from_stride, float* to, int64_t to_stride, Eight bias) {
  Eight a[kBlock], b[kBlock];
  for (int i = 0; i < 8; ++i) a[i] = load(from + i * from_stride);
  for (int i = 0; i < 8; i += 2) {
    b[i] = __builtin_shufflevector(a[i], a[i + 1], 0, 8, 2, 10, 4, 12, 6, 14);
    b[i + 1] = __builtin_shufflevector(a[i], a[i + 1], 1, 9, 3, 11, 5, 13, 7, 15);
  }
  for (int i = 0; i < 8; i += 4) {
    for (int j = 0; j < 2; ++j) {
      a[i + j] = __builtin_shufflevector(b[i + j], b[i + j + 2], 0, 1, 8, 9, 4, 5, 12, 13);
      a[i + j + 2] = __builtin_shufflevector(b[i + j], b[i + j + 2], 2, 3, 10, 11, 6, 7, 14, 15);
    }
  }
  for (int i = 0; i < 4; ++i) {
    b[i] = __builtin_shufflevector(a[i], a[i + 4], 0, 1, 2, 3, 8, 9, 10, 11);
    b[i + 4] = __builtin_shufflevector(a[i], a[i + 4], 4, 5, 6, 7, 12, 13, 14, 15);
  }
  for (int i = 0; i < 8; ++i) store(to + i * to_stride, b[i] + bias);
}

}  // namespace

void transpose(int64_t n_rows, int64_t n_columns, const float* from, float* to, const float* bias) {
  transpose_rows(n_rows, n_columns, from, n_columns, to, n_rows, bias);
}

void transpose_rows(int64_t n_rows, int64_t n_columns, const float* from, int64_t from_stride, float* to,
                    int64_t to_stride, const float* bias) {
  const int64_t whole_columns = n_columns / kBlock * kBlock;
  int64_t row = 0;
  for (; row + kBlock <= n_rows; row += kBlock) {
    const Eight added = bias ? load(bias + row) : Eight{};
    for (int64_t column = 0; column < whole_columns; column += kBlock) {
      transpose_block(from + row * from_stride + column, from_stride, to + column * to_stride + row, to_stride, added);
    }
    for (int64_t i = row; i < row + kBlock; ++i) {
      for (int64_t j = whole_columns; j < n_columns; ++j) {
        to[j * to_stride + i] = from[i * from_stride + j] + (bias ? bias[i] : 0.0f);
      }
    }
  }
  for (; row < n_rows; ++row) {
    for (int64_t j = 0; j < n_columns; ++j) to[j * to_stride + row] = from[row * from_stride + j] + (bias ? bias[row] : 0.0f);
  }
}

}  // namespace lockstep
