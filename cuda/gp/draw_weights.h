#pragma once

#include <cstdint>
#include <utility>

#include "cuda/layers/lanes.h"

namespace lockstep::LOCKSTEP_BACKEND_NAMESPACE {

/// Points, or features, that are added up together, and then to the sum of the others: as many sums fit in registers.
inline constexpr int kClimbTile = 16;
static_assert(kClimbTile % kLanes == 0);

LOCKSTEP_HD_INLINE int64_t n_climb_tiles(int64_t n) { return (n + kClimbTile - 1) / kClimbTile; }

/// A number of each of a tile's points, for each of the draws that are climbed together.
struct ClimbTile {
  Lanes<float> of[kClimbTile];
};

/// Weights of draws: of draw s and index i at s * draw_stride + i * index_stride.
struct DrawWeights {
  const float* weights;
  int64_t draw_stride, index_stride;
  int64_t n;  ///< indices

  /// Those of a tile, for up to kLanes draws from `draw` on; 0 where there are none.
  LOCKSTEP_HD_INLINE ClimbTile load_tile(int64_t tile, int64_t draw, int64_t n_draws) const {
    const int64_t first = tile * kClimbTile;
    const float* const from = weights + draw * draw_stride + first * index_stride;
    ClimbTile out;
#ifndef __CUDACC__
    if (index_stride == 1 && n_draws == kLanes && first + kClimbTile <= n) {
      for (int part = 0; part < kClimbTile; part += kLanes) {
        for (int lane = 0; lane < kLanes; ++lane) out.of[part + lane] = load(from + lane * draw_stride + part);
        transpose(out.of + part);
      }
      return out;
    }
#endif
    for (int k = 0; k < kClimbTile; ++k) {
      out.of[k] = Lanes<float>{};
      if (first + k >= n) continue;
#ifdef __CUDACC__
      out.of[k] = from[k * index_stride];
#else
      for (int64_t lane = 0; lane < n_draws; ++lane) out.of[k][lane] = from[lane * draw_stride + k * index_stride];
#endif
    }
    return out;
  }

#ifndef __CUDACC__
 private:
  /// Rows to columns: blocks of 1, 2, 4, ... rows and columns change places.
  LOCKSTEP_HD_INLINE static void transpose(Lanes<float>* rows) {
    exchange<1>(rows, std::make_integer_sequence<int, kLanes>());
    exchange<2>(rows, std::make_integer_sequence<int, kLanes>());
    if constexpr (kLanes > 4) exchange<4>(rows, std::make_integer_sequence<int, kLanes>());
    if constexpr (kLanes > 8) exchange<8>(rows, std::make_integer_sequence<int, kLanes>());
    static_assert(kLanes >= 4 && kLanes <= 16);
  }
  template <int size, int... lane>
  LOCKSTEP_HD_INLINE static void exchange(Lanes<float>* rows, std::integer_sequence<int, lane...>) {
    LOCKSTEP_UNROLL
    for (int i = 0; i < kLanes; ++i) {
      if ((i & size) != 0) continue;
      const Lanes<float> a = rows[i], b = rows[i + size];
      rows[i] = __builtin_shufflevector(a, b, ((lane & size) != 0 ? kLanes + lane - size : lane)...);
      rows[i + size] = __builtin_shufflevector(a, b, ((lane & size) != 0 ? kLanes + lane : lane + size)...);
    }
  }
#endif
};

}  // namespace lockstep::LOCKSTEP_BACKEND_NAMESPACE
