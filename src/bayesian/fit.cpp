// Hyperparameters of a Gaussian process at the largest posterior density (MAP), by LibTorch's L-BFGS over their logarithms
// with the likelihood's own gradient.

#include <algorithm>
#include <cmath>
#include <limits>

#include <ATen/CPUGeneratorImpl.h>
#include <torch/torch.h>

#include "bayesian/gaussian_process.h"

namespace lockstep {
namespace {

using torch::Tensor;

constexpr int64_t kIterations = 30;
/// From hyperparameters that were right for some observations less.
constexpr int64_t kWarmIterations = 8;
/// Where nothing is known yet: lengthscales of kColdLengthscale * sqrt(dimensions), little noise, the scale of y.
constexpr double kColdLengthscale = 0.3;
constexpr double kColdLogNoise = -7;
// Log-normal priors: mean and deviation of the logarithm.
constexpr double kNoiseMean = -6, kNoiseDeviation = 1.5, kScaleMean = 0, kScaleDeviation = 1;
constexpr double kLengthscalePenalty = 0.1;
// Of the logarithms; beyond them the likelihood is flat or cannot be computed.
constexpr double kShortest = -4, kLongest = 5, kLeastNoise = -16, kMostNoise = 2, kSmallestScale = -4, kLargestScale = 4;

/// Logarithms of the lengthscales, of the noise above its floor, and of the scale.
using Point = std::vector<double>;

struct Density {
  double value = 0;  ///< of its negative logarithm
  Point gradient;
};

class NegativeLogPosterior {
 public:
  NegativeLogPosterior(GpData data, double noise_floor) : data_(std::move(data)), noise_floor_(noise_floor) {}

  GpHyperparameters at(const Point& p) const {
    GpHyperparameters out;
    const size_t n = p.size() - 2;
    for (size_t i = 0; i < n; ++i) out.lengthscales.push_back(std::exp(p[i]));
    out.noise_variance = std::exp(p[n]) + noise_floor_;
    out.outputscale = std::exp(p[n + 1]);
    return out;
  }

  /// The negative logarithm of the posterior density, up to a constant.
  Density operator()(const Point& p) const {
    const size_t n = p.size() - 2;
    const GpHyperparameters hyperparameters = at(p);
    const GpLikelihood likelihood = gp_likelihood(data_, hyperparameters);
    Density out;
    out.gradient.resize(p.size());
    if (!std::isfinite(likelihood.value)) {
      out.value = std::numeric_limits<double>::infinity();
      return out;
    }
    out.value = -likelihood.value;
    for (size_t i = 0; i < n; ++i) {
      const double square = hyperparameters.lengthscales[i] * hyperparameters.lengthscales[i];
      out.value += kLengthscalePenalty * (square + 1 / square);
      out.gradient[i] = -likelihood.d_log_lengthscales[i] + 2 * kLengthscalePenalty * (square - 1 / square);
    }
    const double above_floor = 1 - noise_floor_ / hyperparameters.noise_variance;
    out.gradient[n] = -likelihood.d_log_noise_variance * above_floor;
    out.gradient[n + 1] = -likelihood.d_log_outputscale;
    add_normal(p[n], kNoiseMean, kNoiseDeviation, out.value, out.gradient[n]);
    add_normal(p[n + 1], kScaleMean, kScaleDeviation, out.value, out.gradient[n + 1]);
    return out;
  }

 private:
  static void add_normal(double x, double mean, double deviation, double& value, double& gradient) {
    const double z = (x - mean) / deviation;
    value += 0.5 * z * z;
    gradient += z / deviation;
  }

  GpData data_;
  double noise_floor_;
};

std::pair<double, double> bounds(size_t i, size_t n_lengthscales) {
  if (i < n_lengthscales) return {kShortest, kLongest};
  return i == n_lengthscales ? std::pair(kLeastNoise, kMostNoise) : std::pair(kSmallestScale, kLargestScale);
}

/// The best point that L-BFGS saw from `start` on, and its value.
std::pair<Point, double> minimise(const NegativeLogPosterior& objective, const Point& start, int64_t n_iterations) {
  const size_t n_lengthscales = start.size() - 2;
  std::pair<Point, double> best{start, std::numeric_limits<double>::infinity()};
  Tensor p = torch::tensor(start, torch::kDouble).set_requires_grad(true);
  torch::optim::LBFGS optimizer(
      {p}, torch::optim::LBFGSOptions(1).max_iter(n_iterations).history_size(8).line_search_fn("strong_wolfe"));
  const auto evaluate = [&] {
    const double* given = p.const_data_ptr<double>();
    Point inside(given, given + p.numel());
    // What lies outside of the bounds is judged at them, and pulled back.
    double penalty = 0;
    Point pull(inside.size());
    for (size_t i = 0; i < inside.size(); ++i) {
      const auto [low, high] = bounds(i, n_lengthscales);
      const double beyond = inside[i] - std::clamp(inside[i], low, high);
      inside[i] -= beyond;
      penalty += beyond * beyond;
      pull[i] = 2 * beyond;
    }
    Density found = objective(inside);
    if (found.value < best.second) best = {inside, found.value};
    constexpr double kVeryLarge = 1e10;  // the line search wants a finite number
    if (!std::isfinite(found.value)) found.value = kVeryLarge;
    for (size_t i = 0; i < inside.size(); ++i) {
      if (pull[i] != 0) found.gradient[i] = pull[i];
    }
    p.mutable_grad() = torch::tensor(found.gradient, torch::kDouble);
    return torch::tensor(found.value + penalty, torch::kDouble);
  };
  optimizer.step(evaluate);
  return best;
}

/// Of many rows the best half of those that are wanted, and others at random.
GpData chosen_rows(const GpData& data, const GpFitOptions& options) {
  const int64_t n = data.x.size(0);
  if (n <= options.max_rows) return data;
  const Tensor order = data.y.argsort(0, /*descending=*/true);
  const int64_t n_best = options.max_rows / 2;
  auto generator = at::make_generator<at::CPUGeneratorImpl>(options.seed);
  const Tensor rest = torch::randperm(n - n_best, generator, torch::kLong).narrow(0, 0, options.max_rows - n_best);
  const Tensor rows = torch::cat({order.narrow(0, 0, n_best), order.narrow(0, n_best, n - n_best).index_select(
                                                                  0, rest.to(order.device()))});
  return {data.x.index_select(0, rows), data.y.index_select(0, rows), data.groups};
}

}  // namespace

GpHyperparameters gp_fit(const GpData& data, const GpFitOptions& options, const GpHyperparameters* warm) {
  const NegativeLogPosterior objective(chosen_rows(data, options), options.noise_floor);
  const auto n_groups = static_cast<size_t>(data.groups.max().item<int64_t>() + 1);
  Point cold(n_groups, std::log(kColdLengthscale * std::sqrt(static_cast<double>(n_groups))));
  cold.push_back(kColdLogNoise);
  cold.push_back(kScaleMean);
  if (warm == nullptr) return objective.at(minimise(objective, cold, kIterations).first);
  Point start;
  for (const double l : warm->lengthscales) start.push_back(std::log(l));
  start.push_back(std::log(std::max(warm->noise_variance - options.noise_floor, std::exp(kLeastNoise))));
  start.push_back(std::log(warm->outputscale));
  auto best = minimise(objective, start, options.cold ? kIterations : kWarmIterations);
  if (options.cold) {
    auto found = minimise(objective, cold, kIterations);
    if (found.second < best.second) best = std::move(found);
  }
  return objective.at(best.first);
}

}  // namespace lockstep
