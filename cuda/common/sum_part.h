#pragma once

#include <cstdint>

#include "cuda/common/macros.h"

/// Sums whose order of additions hangs on the number of values alone: by parts of kSumPart, then part after part.
namespace lockstep {

/// Values that one index adds up, and the sums that it keeps at a time: for a host's vector registers.
inline constexpr int64_t kSumPart = 256;
inline constexpr int64_t kSumLanes = 8;

LOCKSTEP_HD inline int64_t n_sum_parts(int64_t n) { return (n + kSumPart - 1) / kSumPart; }

/// The sum of `term(x)`, a double, over up to kSumPart values.
template <class Term>
LOCKSTEP_HD double sum_part(const float* values, int64_t size, const Term& term) {
  double lanes[kSumLanes] = {};
  int64_t at = 0;
  for (; at + kSumLanes <= size; at += kSumLanes) {
    for (int64_t lane = 0; lane < kSumLanes; ++lane) lanes[lane] += term(values[at + lane]);
  }
  for (int64_t lane = 0; at + lane < size; ++lane) lanes[lane] += term(values[at + lane]);
  for (int64_t width = kSumLanes / 2; width > 0; width /= 2) {
    for (int64_t lane = 0; lane < width; ++lane) lanes[lane] += lanes[lane + width];
  }
  return lanes[0];
}

}  // namespace lockstep
