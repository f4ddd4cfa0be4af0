#pragma once

#include <cstdint>

namespace lockstep {

/// The covariance of a Gaussian process: Matern-5/2 with a lengthscale a dimension,
///   k(a, b) = outputscale (1 + z + z^2 / 3) exp(-z),   z^2 = 5 sum over dimensions of ((a - b) / lengthscale)^2.
/// A categorical hyperparameter is a column a value, 1 / sqrt(2) at the one that is chosen and 0 at the others, with one
/// lengthscale: that is the Hamming distance.
struct MaternKernel {
  int64_t n_dims = 0;
  const double* inverse_lengthscales = nullptr;  ///< [n_dims] device memory
  double outputscale = 1;
};

/// Functions drawn from the posterior of a Gaussian process (Matheron's rule). Draw s at x is
///   feature_scale sum over f of feature_weights[s, f] cos(2 pi (sum over d of frequencies[d, f] x[d] + phases[f]))
///   + sum over j of update_weights[s, j] k(x, points[:, j]).
/// All in float and in device memory. Weights of draw s and index i are at s * draw_stride + i * index_stride: a host
/// wants those of a draw side by side (index_stride 1), a GPU those of an index (draw_stride 1).
struct PosteriorDraws {
  int64_t n_dims = 0;
  int64_t n_draws = 0;
  int64_t n_points = 0;
  int64_t n_features = 0;
  const float* inverse_lengthscales = nullptr;  ///< [n_dims]
  float outputscale = 1;
  const float* points = nullptr;       ///< [n_dims, n_points] where there are observations
  const float* frequencies = nullptr;  ///< [n_dims, n_features] in turns
  const float* phases = nullptr;       ///< [n_features] in turns
  float feature_scale = 1;
  const float* feature_weights = nullptr;
  int64_t feature_draw_stride = 0, feature_index_stride = 0;
  const float* update_weights = nullptr;
  int64_t update_draw_stride = 0, update_index_stride = 0;
};

/// Where each draw is climbed: from `start`, in a box. A dimension whose bounds are equal stays.
struct DrawClimb {
  const float* start = nullptr;  ///< [n_draws, n_dims]
  const float* lower = nullptr;  ///< [n_draws, n_dims]
  const float* upper = nullptr;  ///< [n_draws, n_dims]
  int64_t n_steps = 40;
  float step = 0.05f;       ///< of the first step, in sides of the box; falls linearly to 0
  float* best = nullptr;    ///< [n_draws, n_dims] the best point seen
  float* value = nullptr;   ///< [n_draws] the draw's value there
};

/// The logarithm of the expected improvement over `best` at points with these posterior means and deviations, and its
/// derivatives; finite where the improvement is smaller than any double. `d_mean` and `d_deviation` may be null.
struct LogImprovement {
  int64_t n = 0;
  const double* mean = nullptr;       ///< [n]
  const double* deviation = nullptr;  ///< [n] above 0
  double best = 0;
  double* value = nullptr;            ///< [n]
  double* d_mean = nullptr;           ///< [n]
  double* d_deviation = nullptr;      ///< [n]
};

}  // namespace lockstep
