#include "bayesian/log_ei.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include <ATen/CPUGeneratorImpl.h>
#include <torch/torch.h>

#include "bayesian/thompson.h"
#include "torch/device_context.h"

namespace lockstep {
namespace {

using torch::Tensor;

constexpr int64_t kCandidates = 2048;
constexpr int64_t kNearCandidates = 256;      // around each of the leading observations
constexpr int64_t kLeaders = 4;
constexpr std::array kNearness = {0.1, 0.01};  // of lengthscales: deviations of candidates around a leader
constexpr int64_t kClimbs = 16;
constexpr int64_t kSteps = 100;
constexpr double kStep = 0.05;
constexpr double kSmallestDeviation = 1e-9;

struct Improvement {
  Tensor value, d_mean, d_deviation;  ///< [m]
};

Improvement improvement(const Tensor& mean, const Tensor& deviation, double best) {
  Improvement out{torch::empty_like(mean), torch::empty_like(mean), torch::empty_like(mean)};
  LogImprovement of;
  of.n = mean.size(0);
  of.mean = mean.const_data_ptr<double>();
  of.deviation = deviation.const_data_ptr<double>();
  of.best = best;
  of.value = out.value.mutable_data_ptr<double>();
  of.d_mean = out.d_mean.mutable_data_ptr<double>();
  of.d_deviation = out.d_deviation.mutable_data_ptr<double>();
  backend_of(mean.device()).gp_log_improvement(device_context(mean.device(), 0), of);
  return out;
}

Tensor deviation_of(const Tensor& variance) { return variance.sqrt().clamp_min(kSmallestDeviation).contiguous(); }

/// The value, and its gradient by the points [m, n_columns].
std::pair<Tensor, Tensor> with_gradient(const GaussianProcess& process, const Tensor& points, double best) {
  const GpData& data = process.data();
  const Tensor covariance = gp_covariance(points, data.x, data.groups, process.hyperparameters());  // [m, n]
  const Tensor mean = covariance.mv(process.weights());
  const Tensor solved = process.solve(covariance.t()).t();                                          // [m, n]
  const Tensor variance = process.hyperparameters().outputscale - covariance.mul(solved).sum(1);
  const Tensor deviation = deviation_of(variance.clamp_min(0));
  const Improvement found = improvement(mean, deviation, best);
  // d k(p, x_j) / d p = -(5/3) s (1 + z) exp(-z) (p - x_j) / l^2; d variance = -2 sum_j solved_j d k_j.
  const Tensor scale = inverse_lengthscales(data.groups, process.hyperparameters());
  const Tensor z = torch::cdist(points * scale, data.x * scale, 2, /*compute_mode=*/2) * std::sqrt(5.0);
  const Tensor slope = (-5.0 / 3 * process.hyperparameters().outputscale) * (1 + z) * torch::exp(-z);
  // d value / d k_j: by the mean, alpha_j; by the deviation, -solved_j / deviation.
  const Tensor weights =
      slope * (found.d_mean.unsqueeze(1) * process.weights().unsqueeze(0) -
               (found.d_deviation / deviation).unsqueeze(1) * solved);
  const Tensor gradient = (weights.sum(1, true) * points - weights.mm(data.x)) * scale.square();
  return {found.value, gradient};
}

/// Adam in the unit cube, from every row of `points` at once; the columns of hyperparameters with values stay. Returns the
/// best points seen and their values.
std::pair<Tensor, Tensor> climb(const GaussianProcess& process, Tensor points, const Tensor& moves, double best) {
  constexpr double kFirst = 0.8, kSecond = 0.95;
  Tensor first = torch::zeros_like(points), second = torch::zeros_like(points);
  Tensor best_points = points, best_values = torch::full({points.size(0)}, -INFINITY, points.options());
  for (int64_t t = 1; t <= kSteps + 1; ++t) {
    const auto [values, gradient] = with_gradient(process, points, best);
    const Tensor better = values > best_values;
    best_points = torch::where(better.unsqueeze(1), points, best_points);
    best_values = torch::where(better, values, best_values);
    if (t > kSteps) break;
    first = kFirst * first + (1 - kFirst) * gradient;
    second = kSecond * second + (1 - kSecond) * gradient.square();
    const double rate = kStep * std::pow(1 - static_cast<double>(t - 1) / kSteps, 2);
    const double first_share = 1 - std::pow(kFirst, static_cast<double>(t));
    const double second_share = 1 - std::pow(kSecond, static_cast<double>(t));
    const Tensor step = (first / first_share) / ((second / second_share).sqrt() + 1e-12);
    points = (points + rate * moves * step).clamp(0, 1);
  }
  return {best_points, best_values};
}

}  // namespace

Tensor log_expected_improvement(const GaussianProcess& process, const Tensor& points, double best) {
  const torch::NoGradGuard no_grad;
  return improvement(process.mean(points).contiguous(), deviation_of(process.variance(points)), best).value;
}

Tensor log_ei_point(const Encoding& encoding, const GaussianProcess& process, double best, uint64_t seed) {
  const torch::NoGradGuard no_grad;
  const GpData& data = process.data();
  const auto device = data.x.device();
  auto generator = at::make_generator<at::CPUGeneratorImpl>(seed);
  Tensor moves = torch::zeros({encoding.n_columns()}, torch::kDouble);
  for (int64_t column = 0; column < encoding.n_columns(); ++column) {
    if (encoding.n_values(encoding.params()[static_cast<size_t>(column)]) == 0) moves[column] = 1;
  }
  const Tensor lengthscales = torch::tensor(process.hyperparameters().lengthscales, torch::kDouble)
                                  .clamp_max(1)
                                  .index_select(0, data.groups.cpu());
  std::vector<Tensor> candidates{sobol_points(encoding, kCandidates, seed)};
  const Tensor leaders = data.x.index_select(0, data.y.argsort(0, true).narrow(0, 0, std::min(kLeaders, data.y.size(0))));
  const Tensor here = leaders.cpu();
  for (const double nearness : kNearness) {
    for (int64_t i = 0; i < here.size(0); ++i) {
      const Tensor away = torch::randn({kNearCandidates, encoding.n_columns()}, generator, torch::kDouble);
      candidates.push_back((here[i] + nearness * lengthscales * away * moves).clamp(0, 1));
    }
  }
  // A leader with one of its hyperparameters at another of its values.
  for (int64_t param = 0; param < encoding.n_params(); ++param) {
    for (int64_t i = 0; i < here.size(0); ++i) {
      Tensor changed = here.narrow(0, i, 1).clone();
      for (int64_t value = 0; value < std::min<int64_t>(encoding.n_values(param), 64); ++value) {
        encoding.set_value(param, value, changed.mutable_data_ptr<double>());
        candidates.push_back(changed.clone());
      }
    }
  }
  Tensor points = torch::cat(candidates).to(device);
  const Tensor values = log_expected_improvement(process, points, best);
  const Tensor starts = values.argsort(0, true).narrow(0, 0, std::min(kClimbs, values.size(0)));
  const auto [climbed, reached] = climb(process, points.index_select(0, starts), moves.to(device), best);
  return climbed[reached.argmax().item<int64_t>()].cpu().contiguous();
}

}  // namespace lockstep
