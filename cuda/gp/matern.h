#pragma once

#include <cstdint>

#include "cuda/common/device_memory.h"
#include "cuda/common/execution.h"
#include "cuda/common/math.h"

/// Distances between points and the Matern-5/2 kernel, in double. Distances are sums of squared differences and not made
/// of products, so that a point is at 0 from itself.
namespace lockstep::LOCKSTEP_BACKEND_NAMESPACE {

/// Points that lie together dimension by dimension, so that a host's loops over them run in vectors and threads of a
/// GPU read what lies side by side.
inline constexpr int64_t kPointTile = 32;

LOCKSTEP_HD_INLINE int64_t n_point_tiles(int64_t n) { return (n + kPointTile - 1) / kPointTile; }

/// Copies points [n, n_dims], divided by the lengthscales, to tiles; the last point fills what is left of its tile.
struct CopyPointTiles {
  const double* points;
  const double* inverse_lengthscales;
  int64_t n, n_dims;
  double* tiles;
  LOCKSTEP_HD void operator()(int64_t i) const {
    const int64_t dim = i / kPointTile % n_dims, place = i / kPointTile / n_dims * kPointTile + i % kPointTile;
    tiles[i] = points[(place < n ? place : n - 1) * n_dims + dim] * inverse_lengthscales[dim];
  }
};

/// Points divided by the lengthscales, as tiles [n_tiles, n_dims, kPointTile].
class ScaledPoints {
 public:
  ScaledPoints(const Context& context, const MaternKernel& kernel, const double* points, int64_t n)
      : tiles_(context, n_point_tiles(n) * kernel.n_dims * kPointTile) {
    for_each_index(context, n_point_tiles(n) * kernel.n_dims * kPointTile,
                   CopyPointTiles{points, kernel.inverse_lengthscales, n, kernel.n_dims, tiles_.data()});
  }
  const double* data() const { return tiles_.data(); }

 private:
  DeviceBuffer<double> tiles_;
};

/// The squared distances of a point, whose scaled coordinates `coordinate(dim)` gives, from n neighbouring ones.
template <int64_t n, class Coordinate>
LOCKSTEP_HD_INLINE void squared_distances(const Coordinate& coordinate, const double* tile, int64_t n_dims,
                                          double* squares) {
  for (int64_t k = 0; k < n; ++k) squares[k] = 0;
  for (int64_t d = 0; d < n_dims; ++d) {
    const double x = coordinate(d);
    for (int64_t k = 0; k < n; ++k) {
      const double difference = x - tile[d * kPointTile + k];
      squares[k] = fma(difference, difference, squares[k]);
    }
  }
}

/// What the kernel and its derivatives are made of, at a squared distance.
struct MaternTerms {
  double square, z;  ///< z^2 and z
  double decay;      ///< exp(-z)
  LOCKSTEP_HD_INLINE explicit MaternTerms(double squared_distance) {
    // Where the exponential is 0, the other factor must not be infinite.
    constexpr double kFar = 1e6;
    square = 5 * squared_distance > kFar ? kFar : 5 * squared_distance;
    z = sqrt(square);
    decay = exp_ieee(-z);
  }
  LOCKSTEP_HD_INLINE double value() const { return fma(square, 1.0 / 3, 1 + z) * decay; }
  /// The derivative by the logarithm of a dimension's lengthscale, less the squared distance along it.
  LOCKSTEP_HD_INLINE double force() const { return 5.0 / 3 * ((1 + z) * decay); }
};

}  // namespace lockstep::LOCKSTEP_BACKEND_NAMESPACE
