#pragma once

#include <cstdint>
#include <vector>

#include <lockstep/backend.h>
#include <torch/types.h>

namespace lockstep {

/// Of a Gaussian process with zero mean, Matern-5/2 covariance and a lengthscale a group of columns.
struct GpHyperparameters {
  std::vector<double> lengthscales;  ///< [n_groups]
  double outputscale = 1;
  double noise_variance = 1e-3;
};

/// Observations of a function on the unit cube, in double on one device.
struct GpData {
  torch::Tensor x;       ///< [n, n_columns]
  torch::Tensor y;       ///< [n]
  torch::Tensor groups;  ///< [n_columns] int64: the lengthscale of each column
};

/// [n_columns] 1 / the lengthscale of each column, on the device of `groups`.
torch::Tensor inverse_lengthscales(const torch::Tensor& groups, const GpHyperparameters& hyperparameters);

/// [n_a, n_b] covariances of points a [n_a, n_columns] and b [n_b, n_columns].
torch::Tensor gp_covariance(const torch::Tensor& a, const torch::Tensor& b, const torch::Tensor& groups,
                            const GpHyperparameters& hyperparameters);

/// The logarithm of the marginal likelihood, and its derivatives by the logarithms of the hyperparameters. Not finite
/// where the covariance cannot be factorised.
struct GpLikelihood {
  double value = 0;
  std::vector<double> d_log_lengthscales;
  double d_log_outputscale = 0;
  double d_log_noise_variance = 0;
};
GpLikelihood gp_likelihood(const GpData& data, const GpHyperparameters& hyperparameters);

/// A Gaussian process that has seen data. Its dense algebra is LibTorch's: LAPACK on a CPU, cuSOLVER and cuBLAS on a GPU.
class GaussianProcess {
 public:
  /// Factorises the covariance of the data. Where that fails the noise is raised tenfold, up to five times; throws
  /// DeviceError after that.
  GaussianProcess(GpData data, GpHyperparameters hyperparameters);

  const GpData& data() const { return data_; }
  /// With the noise that was needed.
  const GpHyperparameters& hyperparameters() const { return hyperparameters_; }
  /// How often the noise had to be raised.
  int n_raised() const { return n_raised_; }

  /// [m] posterior means of the function (without noise) at points [m, n_columns].
  torch::Tensor mean(const torch::Tensor& points) const;
  /// [m] posterior variances, never below 0.
  torch::Tensor variance(const torch::Tensor& points) const;
  /// [m, m]
  torch::Tensor covariance(const torch::Tensor& points) const;
  /// [n] (K + noise)^-1 y
  const torch::Tensor& weights() const { return alpha_; }
  /// Solves (K + noise) x = b for b [n, k].
  torch::Tensor solve(const torch::Tensor& b) const;
  /// The same process after it has also seen its own means at `points`: what is still being evaluated. Extends the
  /// factor instead of making it anew.
  GaussianProcess with_believed(const torch::Tensor& points) const;

 private:
  GaussianProcess() = default;
  /// L^-1 k(data, points)
  torch::Tensor whitened(const torch::Tensor& points) const;

  GpData data_;
  GpHyperparameters hyperparameters_;
  int n_raised_ = 0;
  torch::Tensor factor_;  ///< L [n, n], lower
  torch::Tensor alpha_;   ///< [n] (K + noise)^-1 y
};

struct GpFitOptions {
  int64_t max_rows = 512;  ///< the fit looks at the best half of so many, and at others at random
  uint64_t seed = 0;
  double noise_floor = 1e-6;
  bool cold = true;        ///< starts from nothing too where there is a warm start; else the warm one alone, for a few steps
};
/// The hyperparameters at the largest posterior density that L-BFGS finds, for standardised y: from a cold start, and
/// from `warm` if it is given. Priors: 0.1 (l^2 + l^-2) on each lengthscale, so that a dimension can be neither switched
/// off nor made noise by a handful of points; log-normal ones on noise and scale.
GpHyperparameters gp_fit(const GpData& data, const GpFitOptions& options, const GpHyperparameters* warm = nullptr);

}  // namespace lockstep
