#pragma once

#include <cstdint>

namespace lockstep {

/// to [n_columns, n_rows] = from [n_rows, n_columns] transposed, plus `bias` [n_rows] where given: both contiguous.
void transpose(int64_t n_rows, int64_t n_columns, const float* from, float* to, const float* bias = nullptr);

}  // namespace lockstep
