#include "bayesian/posterior_draws.h"

#include <cmath>

#include <torch/torch.h>

#include "torch/device_context.h"

namespace lockstep {
namespace {

using torch::Tensor;

/// Degrees of freedom of Matern-5/2's spectral density, a multivariate t distribution: 2 * 5/2.
constexpr int64_t kDegrees = 5;

/// [rows, draws] float as gp_climb wants weights there: on a host those of a draw side by side.
Tensor weights_for(const Tensor& weights) {
  const Tensor floats = weights.to(torch::kFloat);
  return floats.is_cpu() ? floats.t().contiguous().t() : floats.contiguous();
}

}  // namespace

PosteriorFunctions::PosteriorFunctions(const GaussianProcess& process, int64_t n_draws, at::Generator generator,
                                       int64_t n_features, const Tensor& spread)
    : process_(process) {
  const torch::NoGradGuard no_grad;
  const GpData& data = process.data();
  const GpHyperparameters& hyperparameters = process.hyperparameters();
  const int64_t n = data.x.size(0), n_columns = data.x.size(1);
  const auto device = data.x.device();
  const auto normal = [&](at::IntArrayRef sizes) { return torch::randn(sizes, generator, torch::kDouble).to(device); };
  const Tensor inverse = inverse_lengthscales(data.groups, hyperparameters);
  const Tensor chi_square = normal({n_features, kDegrees}).square().sum(1);
  const Tensor radial = (static_cast<double>(kDegrees) / chi_square).sqrt().unsqueeze(1);
  frequencies_ = (normal({n_features, n_columns}) * radial * inverse / (2 * M_PI)).t().contiguous();
  phases_ = torch::rand({n_features}, generator, torch::kDouble).to(device);
  feature_scale_ = std::sqrt(2 * hyperparameters.outputscale / static_cast<double>(n_features));
  feature_weights_ = normal({n_features, n_draws});
  Tensor noise = normal({n, n_draws}) * std::sqrt(hyperparameters.noise_variance);
  if (spread.defined()) {
    feature_weights_ *= spread.to(device);
    noise *= spread.to(device);
  }
  const Tensor at_data = torch::cos((data.x.mm(frequencies_) + phases_) * (2 * M_PI)).mm(feature_weights_);
  update_weights_ = process.solve(data.y.unsqueeze(1) - feature_scale_ * at_data - noise);

  inverse_lengthscales_ = inverse.to(torch::kFloat);
  points_ = data.x.t().to(torch::kFloat).contiguous();
  float_frequencies_ = frequencies_.to(torch::kFloat).contiguous();
  float_phases_ = phases_.to(torch::kFloat);
  by_feature_ = weights_for(feature_weights_);
  by_point_ = weights_for(update_weights_);
}

Tensor PosteriorFunctions::values(const Tensor& points) const {
  const Tensor all = torch::arange(n_draws(), torch::dtype(torch::kLong).device(points.device()));
  const Tensor covariance = gp_covariance(points, process_.data().x, process_.data().groups, process_.hyperparameters());
  return values(points, covariance.to(torch::kFloat), all);
}

Tensor PosteriorFunctions::values(const Tensor& points, const Tensor& covariance, const Tensor& draws) const {
  const torch::NoGradGuard no_grad;
  const Tensor features = torch::cos((points.mm(frequencies_) + phases_) * (2 * M_PI)).mul_(feature_scale_);
  return features.to(torch::kFloat).mm(by_feature_.index_select(1, draws)) + covariance.mm(by_point_.index_select(1, draws));
}

std::pair<Tensor, Tensor> PosteriorFunctions::climb(const Tensor& start, const Tensor& lower, const Tensor& upper,
                                                    int64_t n_steps) const {
  const Tensor from = start.to(torch::kFloat).contiguous(), low = lower.to(torch::kFloat).contiguous(),
               high = upper.to(torch::kFloat).contiguous();
  const Tensor best = torch::empty_like(from), value = torch::empty({n_draws()}, from.options());
  PosteriorDraws draws;
  draws.n_dims = points_.size(0);
  draws.n_draws = n_draws();
  draws.n_points = points_.size(1);
  draws.n_features = float_phases_.size(0);
  draws.inverse_lengthscales = inverse_lengthscales_.const_data_ptr<float>();
  draws.outputscale = static_cast<float>(process_.hyperparameters().outputscale);
  draws.points = points_.const_data_ptr<float>();
  draws.frequencies = float_frequencies_.const_data_ptr<float>();
  draws.phases = float_phases_.const_data_ptr<float>();
  draws.feature_scale = static_cast<float>(feature_scale_);
  draws.feature_weights = by_feature_.const_data_ptr<float>();
  draws.feature_draw_stride = by_feature_.stride(1);
  draws.feature_index_stride = by_feature_.stride(0);
  draws.update_weights = by_point_.const_data_ptr<float>();
  draws.update_draw_stride = by_point_.stride(1);
  draws.update_index_stride = by_point_.stride(0);
  DrawClimb climb;
  climb.start = from.const_data_ptr<float>();
  climb.lower = low.const_data_ptr<float>();
  climb.upper = high.const_data_ptr<float>();
  climb.n_steps = n_steps;
  climb.best = best.mutable_data_ptr<float>();
  climb.value = value.mutable_data_ptr<float>();
  backend_of(from.device()).gp_climb(device_context(from.device(), 0), draws, climb);
  return {best.to(torch::kDouble), value};
}

}  // namespace lockstep
