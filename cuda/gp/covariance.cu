// Covariances of a Gaussian process, and what its likelihood's gradient by the lengthscales is made of.
#include <algorithm>

#include "cuda/common/algorithms.h"
#include "cuda/common/every_core.h"
#include "cuda/gp/matern.h"

namespace lockstep::LOCKSTEP_BACKEND_NAMESPACE {
namespace {

/// The part of the matrix that one call computes: on a host a tile's columns of some rows, while the tile is in the
/// fastest cache; a GPU has a thread for each element.
#ifdef __CUDACC__
constexpr int64_t kCovarianceRows = 1, kCovarianceColumns = 1;
#else
constexpr int64_t kCovarianceRows = 16, kCovarianceColumns = kPointTile;
#endif

struct CovarianceBlock {
  MaternKernel kernel;
  const double* a;
  int64_t n_a;
  const double* b;  ///< as tiles
  int64_t n_b;
  double* out;
  int64_t blocks_per_row;

  LOCKSTEP_HD void operator()(int64_t i) const {
    const int64_t n_dims = kernel.n_dims;
    const int64_t first_row = i / blocks_per_row * kCovarianceRows, first = i % blocks_per_row * kCovarianceColumns;
    const int64_t end_row = first_row + kCovarianceRows < n_a ? first_row + kCovarianceRows : n_a;
    const int64_t n = n_b - first < kCovarianceColumns ? n_b - first : kCovarianceColumns;
    const double* const tile = b + first / kPointTile * n_dims * kPointTile + first % kPointTile;
    for (int64_t row = first_row; row < end_row; ++row) {
      const double* const point = a + row * n_dims;
      double values[kCovarianceColumns];
      squared_distances<kCovarianceColumns>([&](int64_t d) { return point[d] * kernel.inverse_lengthscales[d]; }, tile,
                                            n_dims, values);
      for (int64_t k = 0; k < kCovarianceColumns; ++k) values[k] = kernel.outputscale * MaternTerms(values[k]).value();
      for (int64_t k = 0; k < n; ++k) out[row * n_b + first + k] = values[k];
    }
  }
};

/// Tiles of points that one call adds up, and the sums that are kept of a tile, for a host's vector registers.
constexpr int64_t kTilesTogether = 8;
constexpr int64_t kForceLanes = 8;

/// A row's sums over a part of the points.
struct LengthscaleSums {
  MaternKernel kernel;
  const double* points;  ///< as tiles
  int64_t n;
  const double* weights;
  double* sums;  ///< [n_parts, n, n_dims]

  LOCKSTEP_HD void operator()(int64_t i) const {
    const int64_t n_dims = kernel.n_dims, row = i % n, first_tile = i / n * kTilesTogether;
    const int64_t n_tiles = n_point_tiles(n);
    const int64_t end_tile = first_tile + kTilesTogether < n_tiles ? first_tile + kTilesTogether : n_tiles;
    const double* const point = points + row / kPointTile * n_dims * kPointTile + row % kPointTile;
    double* const of_row = sums + i * n_dims;
    for (int64_t d = 0; d < n_dims; ++d) of_row[d] = 0;
    for (int64_t t = first_tile; t < end_tile; ++t) {
      const double* const tile = points + t * n_dims * kPointTile;
      double forces[kPointTile];
      squared_distances<kPointTile>([&](int64_t d) { return point[d * kPointTile]; }, tile, n_dims, forces);
      for (int64_t k = 0; k < kPointTile; ++k) forces[k] = MaternTerms(forces[k]).force();
      const double* const of_pairs = weights + row * n + t * kPointTile;
      const int64_t left = n - t * kPointTile;
      for (int64_t k = 0; k < kPointTile; ++k) forces[k] = k < left ? forces[k] * of_pairs[k] : 0;
      for (int64_t d = 0; d < n_dims; ++d) of_row[d] += along(point[d * kPointTile], tile + d * kPointTile, forces);
    }
  }
  /// The sum of forces times squared distances along a dimension.
  LOCKSTEP_HD_INLINE static double along(double x, const double* coordinates, const double* forces) {
    double lanes[kForceLanes] = {};
    for (int64_t k = 0; k < kPointTile; k += kForceLanes) {
      for (int64_t lane = 0; lane < kForceLanes; ++lane) {
        const double difference = x - coordinates[k + lane];
        lanes[lane] = fma(forces[k + lane] * difference, difference, lanes[lane]);
      }
    }
    for (int64_t width = kForceLanes / 2; width > 0; width /= 2) {
      for (int64_t lane = 0; lane < width; ++lane) lanes[lane] += lanes[lane + width];
    }
    return lanes[0];
  }
};

/// Adds up the parts, in order.
struct AddLengthscaleSums {
  const double* sums;
  int64_t n_parts, n_values;
  double outputscale;
  double* out;
  LOCKSTEP_HD void operator()(int64_t i) const {
    double sum = 0;
    for (int64_t part = 0; part < n_parts; ++part) sum += sums[part * n_values + i];
    out[i] = outputscale * sum;
  }
};

}  // namespace

void gp_covariance(const Context& context, const MaternKernel& kernel, const double* a, int64_t n_a, const double* b,
                   int64_t n_b, double* out) {
  if (n_a <= 0 || n_b <= 0) return;
  const ScaledPoints scaled(context, kernel, b, n_b);
  const int64_t blocks_per_row = (n_b + kCovarianceColumns - 1) / kCovarianceColumns;
  const int64_t n_blocks = (n_a + kCovarianceRows - 1) / kCovarianceRows * blocks_per_row;
  constexpr int64_t kMinBlocks = 256;  // a millisecond
  for_each_index_on_every_core(context, n_blocks, kMinBlocks,
                               CovarianceBlock{kernel, a, n_a, scaled.data(), n_b, out, blocks_per_row});
}

void gp_lengthscale_gradient(const Context& context, const MaternKernel& kernel, const double* x, int64_t n,
                             const double* weights, double* out) {
  if (n <= 0) return;
  const ScaledPoints scaled(context, kernel, x, n);
  const int64_t n_parts = (n_point_tiles(n) + kTilesTogether - 1) / kTilesTogether, n_values = n * kernel.n_dims;
  const DeviceBuffer<double> sums(context, n_parts * n_values);
  constexpr int64_t kMinRows = 512;  // a millisecond
  for_each_index_on_every_core(context, n_parts * n, kMinRows,
                               LengthscaleSums{kernel, scaled.data(), n, weights, sums.data()});
  for_each_index(context, n_values, AddLengthscaleSums{sums.data(), n_parts, n_values, kernel.outputscale, out});
}

}  // namespace lockstep::LOCKSTEP_BACKEND_NAMESPACE
