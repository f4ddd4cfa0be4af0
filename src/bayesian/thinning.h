#pragma once

#include <cstdint>

#include <torch/types.h>

namespace lockstep {

/// Which `most` observations stand for all where an exact process cannot take them (its cost grows with their cube): a
/// quarter are the best, about half lie nearest to the 32 leading ones, where most of what is proposed will be, and the
/// rest are spread out: each the farthest from those before it (Gonzalez 1985), of 16,384 at random.
/// @param points [n, d] double, scaled so that distance is likeness; n > most
/// @param y [n] larger is better
/// @return [most] int64 rows, ascending
torch::Tensor thinned_rows(const torch::Tensor& points, const torch::Tensor& y, int64_t most, uint64_t seed);

}  // namespace lockstep
