#include "bayesian/gaussian_process.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include <lockstep/error.h>
#include <torch/torch.h>

#include "torch/device_context.h"

namespace lockstep {
namespace {

using torch::Tensor;

constexpr int kMostRaises = 5;
constexpr double kRaise = 10;

/// A kernel, and the memory that it points to.
struct Matern {
  Matern(const Tensor& groups, const GpHyperparameters& hyperparameters)
      : inverse(inverse_lengthscales(groups, hyperparameters)),
        kernel{inverse.size(0), inverse.const_data_ptr<double>(), hyperparameters.outputscale} {}
  Tensor inverse;
  MaternKernel kernel;
};

Tensor with_noise(const Tensor& covariance, double noise) {
  Tensor out = covariance.clone();
  out.diagonal().add_(noise);
  return out;
}

std::pair<Tensor, bool> cholesky(const Tensor& matrix) {
  const auto [factor, info] = at::linalg_cholesky_ex(matrix);
  return {factor, info.item<int>() == 0 && std::isfinite(factor.diagonal().log().sum().item<double>())};
}

}  // namespace

Tensor inverse_lengthscales(const Tensor& groups, const GpHyperparameters& hyperparameters) {
  const Tensor inverse = torch::tensor(hyperparameters.lengthscales, torch::kDouble).reciprocal().to(groups.device());
  return inverse.index_select(0, groups);
}

Tensor gp_covariance(const Tensor& a, const Tensor& b, const Tensor& groups, const GpHyperparameters& hyperparameters) {
  const Matern matern(groups, hyperparameters);
  const Tensor left = a.contiguous(), right = b.contiguous();
  Tensor out = torch::empty({a.size(0), b.size(0)}, a.options());
  backend_of(a.device()).gp_covariance(device_context(a.device(), 0), matern.kernel, left.const_data_ptr<double>(),
                                       left.size(0), right.const_data_ptr<double>(), right.size(0),
                                       out.mutable_data_ptr<double>());
  return out;
}

GpLikelihood gp_likelihood(const GpData& data, const GpHyperparameters& hyperparameters) {
  const torch::NoGradGuard no_grad;
  const Tensor covariance = gp_covariance(data.x, data.x, data.groups, hyperparameters);
  const auto [factor, is_good] = cholesky(with_noise(covariance, hyperparameters.noise_variance));
  GpLikelihood out;
  out.d_log_lengthscales.resize(hyperparameters.lengthscales.size());
  if (!is_good) {
    out.value = -std::numeric_limits<double>::infinity();
    return out;
  }
  const int64_t n = data.x.size(0);
  const Tensor alpha = at::cholesky_solve(data.y.unsqueeze(1), factor).squeeze(1);
  out.value = -0.5 * data.y.dot(alpha).item<double>() - factor.diagonal().log().sum().item<double>() -
              0.5 * static_cast<double>(n) * std::log(2 * M_PI);
  // The derivative by the covariance itself.
  const Tensor weights = (alpha.outer(alpha) - at::cholesky_inverse(factor)).mul_(0.5).contiguous();
  const Matern matern(data.groups, hyperparameters);
  const Tensor x = data.x.contiguous(), by_point = torch::empty(x.sizes(), x.options());
  backend_of(x.device()).gp_lengthscale_gradient(device_context(x.device(), 0), matern.kernel,
                                                 x.const_data_ptr<double>(), n, weights.const_data_ptr<double>(),
                                                 by_point.mutable_data_ptr<double>());
  const auto n_groups = static_cast<int64_t>(hyperparameters.lengthscales.size());
  const Tensor by_group =
      torch::zeros({n_groups}, x.options()).index_add_(0, data.groups, by_point.sum(0)).to(torch::kCPU);
  std::copy_n(by_group.const_data_ptr<double>(), n_groups, out.d_log_lengthscales.begin());
  out.d_log_outputscale = weights.mul(covariance).sum().item<double>();
  out.d_log_noise_variance = hyperparameters.noise_variance * weights.trace().item<double>();
  return out;
}

GaussianProcess::GaussianProcess(GpData data, GpHyperparameters hyperparameters)
    : data_(std::move(data)), hyperparameters_(std::move(hyperparameters)) {
  const torch::NoGradGuard no_grad;
  const Tensor covariance = gp_covariance(data_.x, data_.x, data_.groups, hyperparameters_);
  for (;; ++n_raised_, hyperparameters_.noise_variance *= kRaise) {
    bool is_good;
    std::tie(factor_, is_good) = cholesky(with_noise(covariance, hyperparameters_.noise_variance));
    if (is_good) break;
    if (n_raised_ == kMostRaises) {
      throw DeviceError("The covariance of " + std::to_string(data_.x.size(0)) +
                        " observations cannot be factorised, whatever the noise; are they finite?");
    }
  }
  alpha_ = solve(data_.y.unsqueeze(1)).squeeze(1);
}

Tensor GaussianProcess::solve(const Tensor& b) const { return at::cholesky_solve(b, factor_); }

Tensor GaussianProcess::mean(const Tensor& points) const {
  const torch::NoGradGuard no_grad;
  return gp_covariance(points, data_.x, data_.groups, hyperparameters_).mv(alpha_);
}

Tensor GaussianProcess::whitened(const Tensor& points) const {
  return at::linalg_solve_triangular(factor_, gp_covariance(data_.x, points, data_.groups, hyperparameters_),
                                     /*upper=*/false);
}

Tensor GaussianProcess::variance(const Tensor& points) const {
  const torch::NoGradGuard no_grad;
  return (hyperparameters_.outputscale - whitened(points).square().sum(0)).clamp_min_(0);
}

Tensor GaussianProcess::covariance(const Tensor& points) const {
  const torch::NoGradGuard no_grad;
  const Tensor seen = whitened(points);
  return gp_covariance(points, points, data_.groups, hyperparameters_) - seen.t().mm(seen);
}

GaussianProcess GaussianProcess::with_believed(const Tensor& points) const {
  const torch::NoGradGuard no_grad;
  const int64_t n = data_.x.size(0), m = points.size(0);
  GaussianProcess out;
  out.hyperparameters_ = hyperparameters_;
  out.n_raised_ = n_raised_;
  out.data_ = {torch::cat({data_.x, points}), torch::cat({data_.y, mean(points)}), data_.groups};
  const Tensor across = whitened(points);  // [n, m]
  const Tensor corner = with_noise(gp_covariance(points, points, data_.groups, hyperparameters_) - across.t().mm(across),
                                   hyperparameters_.noise_variance);
  const auto [factor, is_good] = cholesky(corner);
  // Points that are believed twice, say: with the noise that it takes.
  if (!is_good) return GaussianProcess(out.data_, hyperparameters_);
  out.factor_ = torch::zeros({n + m, n + m}, factor_.options());
  out.factor_.narrow(0, 0, n).narrow(1, 0, n).copy_(factor_);
  out.factor_.narrow(0, n, m).narrow(1, 0, n).copy_(across.t());
  out.factor_.narrow(0, n, m).narrow(1, n, m).copy_(factor);
  out.alpha_ = out.solve(out.data_.y.unsqueeze(1)).squeeze(1);
  return out;
}

}  // namespace lockstep
