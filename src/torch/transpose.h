#pragma once

#include <cstdint>

namespace lockstep {

/// to [n_columns, n_rows] = from [n_rows, n_columns] transposed, plus `bias` [n_rows] where given. Rows are contiguous
/// and `from_stride` and `to_stride` apart.
void transpose_rows(int64_t n_rows, int64_t n_columns, const float* from, int64_t from_stride, float* to,
                    int64_t to_stride, const float* bias = nullptr);
/// The same where both are contiguous.
void transpose(int64_t n_rows, int64_t n_columns, const float* from, float* to, const float* bias = nullptr);

}  // namespace lockstep
