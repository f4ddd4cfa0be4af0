// Thompson sampling in boxes of several sizes. Trust regions and the sparse perturbation of candidates are TuRBO's
// (Eriksson et al. 2019), whose one box that grows and shrinks is here a set of boxes at all times, since there are many
// draws; each draw's climb on its own path follows Wilson et al. 2020.
#include "bayesian/thompson.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <random>
#include <tuple>
#include <vector>

#include <ATen/CPUGeneratorImpl.h>
#include <torch/torch.h>

#include "bayesian/posterior_draws.h"
#include "torch/device_context.h"

namespace lockstep {
namespace {

using torch::Tensor;

/// Sides of the boxes in the unit cube, for a dimension of average lengthscale; draws take them in turn.
constexpr std::array kSides = {2.0, 0.4, 0.2, 0.1, 0.05, 0.02};
/// A box of this side or more is the whole cube.
constexpr double kWhole = 2;
constexpr int64_t kCandidates = 2048;       // of the whole cube
constexpr int64_t kLocalCandidates = 256;   // of a smaller box
constexpr double kPerturbed = 20;           // coordinates of a candidate that differ from the box's centre, on average
constexpr int64_t kClimbSteps = 40;
constexpr int64_t kDrawsOfABasis = 32, kMostBases = 8;
constexpr int64_t kMostScannedValues = 16;  // of a hyperparameter; of one with more, neighbours
constexpr std::array kNeighbours = {-4, -2, -1, 1, 2, 4};

/// The best of the observations, larger first.
Tensor leading_rows(const Tensor& y) {
  const int64_t n = y.size(0);
  const int64_t k = std::min(n, std::max<int64_t>(4, std::min<int64_t>(32, n / 16)));
  return y.argsort(0, /*descending=*/true).narrow(0, 0, k);
}

Tensor uniform_sobol(int64_t n, int64_t n_dims, uint64_t seed) {
  const std::vector<DistributionSpec> specs(static_cast<size_t>(n_dims), uniform(0, 1).spec);
  Tensor out = torch::empty({n, n_dims}, torch::kDouble);
  host_backend().sample_sobol(device_context(torch::kCPU, seed), specs.data(), n_dims, 0, n,
                              out.mutable_data_ptr<double>());
  return out;
}

/// Points [m, n_columns] in place of which the nearest configurations' stand.
void round_points(const Encoding& encoding, Tensor& points) {
  bool any = false;
  for (int64_t param = 0; param < encoding.n_params(); ++param) any = any || encoding.n_values(param) > 0;
  if (!any) return;
  points = points.contiguous();
  std::vector<double> draws(static_cast<size_t>(encoding.n_params()));
  double* row = points.mutable_data_ptr<double>();
  for (int64_t i = 0; i < points.size(0); ++i, row += points.size(1)) {
    encoding.decode(row, draws.data());
    encoding.encode(draws.data(), row);
  }
}

/// Of a choice the value that `u` in [0, 1) stands for, each having an equal share, to its columns of `point`.
void choose(const Encoding& encoding, int64_t param, double u, double* point) {
  const auto n = static_cast<double>(encoding.n_values(param));
  encoding.set_value(param, static_cast<int64_t>(std::min(u * n, n - 1)), point);
}

/// Numbers in the unit cube, [m, n_params], as points.
Tensor points_of(const Encoding& encoding, const Tensor& unit) {
  Tensor points = torch::zeros({unit.size(0), encoding.n_columns()}, torch::kDouble);
  double* point = points.mutable_data_ptr<double>();
  const double* u = unit.const_data_ptr<double>();
  for (int64_t i = 0; i < unit.size(0); ++i, point += encoding.n_columns(), u += encoding.n_params()) {
    for (int64_t param = 0; param < encoding.n_params(); ++param) {
      if (encoding.is_choice(param)) {
        choose(encoding, param, u[param], point);
      } else {
        point[encoding.first_column(param)] = u[param];
      }
    }
  }
  round_points(encoding, points);
  return points;
}

/// A box that some draws share, and which ones.
struct Region {
  std::vector<int64_t> draws;
  double side = kWhole;
  Tensor centre;  ///< [n_columns], host
};

class Search {
 public:
  Search(const Encoding& encoding, const GaussianProcess& process, int64_t q, uint64_t seed, bool with_means)
      : encoding_(encoding), process_(process), q_(q), seed_(seed), random_(seed) {
    const auto n_bases = std::clamp<int64_t>(q / kDrawsOfABasis, 1, kMostBases);
    auto generator = at::make_generator<at::CPUGeneratorImpl>(seed);
    for (int64_t b = 0; b < n_bases; ++b) {
      first_.push_back(b * q / n_bases);
      const int64_t n = (b + 1) * q / n_bases - b * q / n_bases;
      Tensor spread;
      if (with_means) spread = torch::arange(n, torch::kLong).remainder(2).eq(0).to(torch::kDouble);
      bases_.emplace_back(process, n, generator, PosteriorFunctions::kFeatures, spread);
    }
    first_.push_back(q);
    const Tensor lengthscales = torch::tensor(process.hyperparameters().lengthscales, torch::kDouble).clamp(1e-3, 1e3);
    const Tensor shape = lengthscales / lengthscales.log().mean().exp();
    shape_ = shape.index_select(0, process.data().groups.cpu());
    for (int64_t column = 0; column < encoding.n_columns(); ++column) {
      const int64_t param = encoding.params()[static_cast<size_t>(column)];
      is_continuous_.push_back(encoding.n_values(param) == 0);
    }
  }

  Tensor run() {
    leaders_ = process_.data().x.index_select(0, leading_rows(process_.data().y));
    const Tensor start = scan();
    Tensor lower = start.clone(), upper = start.clone();
    for (int64_t i = 0; i < q_; ++i) set_bounds(i, lower[i], upper[i]);
    const bool any_values = std::find(is_continuous_.begin(), is_continuous_.end(), false) != is_continuous_.end();
    const bool any_range = std::find(is_continuous_.begin(), is_continuous_.end(), true) != is_continuous_.end();
    if (!any_values) return climb(start, lower, upper, kClimbSteps);
    Tensor points = any_range ? climb(start, lower, upper, kClimbSteps / 2) : start;
    for (int pass = 0; pass < 2; ++pass) {
      scan_values(points);
      if (!any_range) continue;
      for (int64_t column = 0; column < encoding_.n_columns(); ++column) {
        if (is_continuous_[static_cast<size_t>(column)]) continue;
        lower.select(1, column).copy_(points.select(1, column));
        upper.select(1, column).copy_(points.select(1, column));
      }
      points = climb(points, lower, upper, kClimbSteps / 4);
    }
    return points;
  }

 private:
  torch::Device device() const { return process_.data().x.device(); }

  /// Where each draw is largest among its box's candidates, [q, n_columns].
  Tensor scan() {
    const std::vector<Region> regions = boxes();
    side_.assign(static_cast<size_t>(q_), kWhole);
    centre_.assign(static_cast<size_t>(q_), Tensor());
    const Tensor sobol = uniform_sobol(kCandidates, encoding_.n_params(), seed_);
    Tensor out = torch::empty({q_, encoding_.n_columns()}, torch::kDouble);
    for (const auto& region : regions) {
      const Tensor candidates = candidates_of(region, sobol);
      const Tensor there = candidates.to(device());
      const Tensor covariance =
          gp_covariance(there, process_.data().x, process_.data().groups, process_.hyperparameters()).to(torch::kFloat);
      for (size_t b = 0; b < bases_.size(); ++b) {
        std::vector<int64_t> mine;
        for (const auto draw : region.draws) {
          if (draw >= first_[b] && draw < first_[b + 1]) mine.push_back(draw - first_[b]);
        }
        if (mine.empty()) continue;
        const Tensor values = bases_[b].values(there, covariance, torch::tensor(mine, torch::kLong).to(device()));
        const Tensor best = values.argmax(0).cpu();
        for (size_t i = 0; i < mine.size(); ++i) {
          const int64_t draw = mine[i] + first_[b];
          out[draw].copy_(candidates[best[static_cast<int64_t>(i)].item<int64_t>()]);
          side_[static_cast<size_t>(draw)] = region.side;
          centre_[static_cast<size_t>(draw)] = region.centre;
        }
      }
    }
    return out;
  }

  /// The box of every draw; those of the same side and centre together.
  std::vector<Region> boxes() const {
    std::map<std::pair<size_t, int64_t>, Region> found;
    const Tensor leaders = leaders_.cpu();
    for (size_t b = 0; b < bases_.size(); ++b) {
      const Tensor own = bases_[b].values(leaders_).argmax(0).cpu();
      for (int64_t draw = first_[b]; draw < first_[b + 1]; ++draw) {
        const auto size = static_cast<size_t>(draw) % kSides.size();
        const int64_t leader = kSides[size] >= kWhole ? -1 : own[draw - first_[b]].item<int64_t>();
        Region& region = found[{size, leader}];
        region.draws.push_back(draw);
        region.side = kSides[size];
        if (leader >= 0) region.centre = leaders[leader];
      }
    }
    std::vector<Region> out;
    for (auto& [_, region] : found) out.push_back(std::move(region));
    return out;
  }

  std::pair<double, double> bounds(int64_t column, double side, double centre) const {
    if (side >= kWhole) return {0, 1};
    const double half = 0.5 * side * shape_[column].item<double>();
    return {std::clamp(centre - half, 0.0, 1.0), std::clamp(centre + half, 0.0, 1.0)};
  }

  void set_bounds(int64_t draw, Tensor lower, Tensor upper) const {
    const double side = side_[static_cast<size_t>(draw)];
    const Tensor& centre = centre_[static_cast<size_t>(draw)];
    auto low = lower.accessor<double, 1>(), high = upper.accessor<double, 1>();
    for (int64_t column = 0; column < encoding_.n_columns(); ++column) {
      if (!is_continuous_[static_cast<size_t>(column)]) continue;
      std::tie(low[column], high[column]) = bounds(column, side, side >= kWhole ? 0.5 : centre[column].item<double>());
    }
  }

  Tensor candidates_of(const Region& region, const Tensor& sobol) {
    const Tensor leaders = leaders_.cpu();
    if (region.side >= kWhole) return torch::cat({points_of(encoding_, sobol), leaders});
    const int64_t n_params = encoding_.n_params();
    Tensor points = region.centre.repeat({kLocalCandidates + 1, 1});
    std::bernoulli_distribution differs(std::min(1.0, kPerturbed / static_cast<double>(n_params)));
    const double* u = sobol.const_data_ptr<double>();
    double* point = points.mutable_data_ptr<double>();
    for (int64_t i = 0; i < kLocalCandidates; ++i, u += n_params, point += encoding_.n_columns()) {
      for (int64_t param = 0; param < n_params; ++param) {
        if (!differs(random_)) continue;
        const int64_t column = encoding_.first_column(param);
        if (encoding_.is_choice(param)) {
          // A choice has no neighbourhood; in the smaller boxes it is let be more often.
          if (std::bernoulli_distribution(std::min(1.0, region.side * 2))(random_)) {
            choose(encoding_, param, u[param], point);
          }
          continue;
        }
        const auto [low, high] = bounds(column, region.side, region.centre[column].item<double>());
        point[column] = low + (high - low) * u[param];
      }
    }
    round_points(encoding_, points);
    return points;
  }

  /// [q, n_columns], host
  Tensor climb(const Tensor& start, const Tensor& lower, const Tensor& upper, int64_t n_steps) const {
    std::vector<Tensor> out;
    for (size_t b = 0; b < bases_.size(); ++b) {
      const auto mine = [&](const Tensor& all) {
        return all.narrow(0, first_[b], first_[b + 1] - first_[b]).to(device());
      };
      out.push_back(bases_[b].climb(mine(start), mine(lower), mine(upper), n_steps).first.cpu());
    }
    return torch::cat(out);
  }

  /// [q] of each draw at its own point.
  Tensor own_values(const Tensor& points) const {
    std::vector<Tensor> out;
    for (size_t b = 0; b < bases_.size(); ++b) {
      const Tensor mine = points.narrow(0, first_[b], first_[b + 1] - first_[b]).to(device());
      out.push_back(bases_[b].climb(mine, mine, mine, 0).second.cpu());
    }
    return torch::cat(out);
  }

  /// Gives each draw, hyperparameter by hyperparameter, the value where it is largest.
  void scan_values(Tensor& points) const {
    std::vector<double> draws(static_cast<size_t>(encoding_.n_params()));
    Tensor best = own_values(points);
    for (int64_t param = 0; param < encoding_.n_params(); ++param) {
      const int64_t n = encoding_.n_values(param);
      if (n < 2) continue;
      const bool all = n <= kMostScannedValues;
      std::vector<int64_t> now;
      for (int64_t i = 0; i < q_; ++i) {
        encoding_.decode(points[i].const_data_ptr<double>(), draws.data());
        now.push_back(encoding_.value_of(param, draws[static_cast<size_t>(param)]));
      }
      const auto n_tried = static_cast<int64_t>(all ? static_cast<size_t>(n) : kNeighbours.size());
      for (int64_t k = 0; k < n_tried; ++k) {
        Tensor tried = points.clone();
        for (int64_t i = 0; i < q_; ++i) {
          const int64_t value = all ? k : now[static_cast<size_t>(i)] + kNeighbours[static_cast<size_t>(k)];
          encoding_.set_value(param, std::clamp<int64_t>(value, 0, n - 1), tried[i].mutable_data_ptr<double>());
        }
        const Tensor values = own_values(tried);
        const Tensor better = values > best;
        points = torch::where(better.unsqueeze(1), tried, points);
        best = torch::where(better, values, best);
      }
    }
  }

  const Encoding& encoding_;
  const GaussianProcess& process_;
  int64_t q_;
  uint64_t seed_;
  std::mt19937_64 random_;
  std::vector<int64_t> first_;  ///< draw of each basis, and q
  std::vector<PosteriorFunctions> bases_;
  Tensor shape_;                ///< [n_columns] of a box's sides
  std::vector<bool> is_continuous_;
  Tensor leaders_;              ///< [k, n_columns] the leading observations
  std::vector<double> side_;    ///< of each draw's box
  std::vector<Tensor> centre_;
};

}  // namespace

Tensor thompson_points(const Encoding& encoding, const GaussianProcess& process, int64_t q, uint64_t seed, bool with_means) {
  const torch::NoGradGuard no_grad;
  Tensor points = Search(encoding, process, q, seed, with_means).run();
  round_points(encoding, points);
  return points;
}

Tensor sobol_points(const Encoding& encoding, int64_t n, uint64_t seed) {
  return points_of(encoding, uniform_sobol(n, encoding.n_params(), seed));
}

}  // namespace lockstep
