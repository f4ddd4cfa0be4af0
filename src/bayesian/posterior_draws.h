#pragma once

#include <cstdint>
#include <utility>

#include <torch/types.h>

#include "bayesian/gaussian_process.h"

namespace lockstep {

/// Functions drawn from the posterior of a Gaussian process by Matheron's rule (Wilson et al. 2020): a prior function of
/// random Fourier features, and an exact correction towards the data. The prior's features are approximate, so draws that
/// share a basis share its error: use several.
class PosteriorFunctions {
 public:
  static constexpr int64_t kFeatures = 1024;

  /// `process` must outlive them.
  /// @param spread [n_draws] double, what the difference of each from the posterior's mean is multiplied with: 0 is the mean
  ///               itself. Undefined: 1
  PosteriorFunctions(const GaussianProcess& process, int64_t n_draws, at::Generator generator,
                     int64_t n_features = kFeatures, const torch::Tensor& spread = {});

  int64_t n_draws() const { return feature_weights_.size(1); }
  /// [m, n_draws] float values of all at points [m, n_columns].
  torch::Tensor values(const torch::Tensor& points) const;
  /// [m, k] those of some, `draws` [k] int64.
  /// @param covariance [m, n] float, of the points and the data
  torch::Tensor values(const torch::Tensor& points, const torch::Tensor& covariance, const torch::Tensor& draws) const;
  /// Climbs each function from its own start [n_draws, n_columns] inside of its box: the best point seen, in double, and
  /// the function's value there, float. With `n_steps` 0 it only evaluates.
  std::pair<torch::Tensor, torch::Tensor> climb(const torch::Tensor& start, const torch::Tensor& lower,
                                                const torch::Tensor& upper, int64_t n_steps) const;

 private:
  const GaussianProcess& process_;
  double feature_scale_;
  torch::Tensor frequencies_;      ///< [n_columns, n_features] in turns
  torch::Tensor phases_;           ///< [n_features] in turns
  torch::Tensor feature_weights_;  ///< [n_features, n_draws]
  torch::Tensor update_weights_;   ///< [n, n_draws]
  // The same as gp_climb wants them.
  torch::Tensor inverse_lengthscales_, points_, float_frequencies_, float_phases_, by_feature_, by_point_;
};

}  // namespace lockstep
