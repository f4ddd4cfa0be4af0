// Ask and tell: what has been seen, by island, and which way the next configurations are found.
#include <lockstep/bayesian.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <optional>
#include <random>
#include <utility>

#include <lockstep/backend.h>
#include <lockstep/error.h>
#include <torch/torch.h>

#include "bayesian/encoding.h"
#include "bayesian/gaussian_process.h"
#include "bayesian/log_ei.h"
#include "bayesian/thinning.h"
#include "bayesian/thompson.h"
#include "core/failures.h"
#include "torch/device_context.h"

namespace lockstep {
namespace {

using torch::Tensor;

constexpr int64_t kFewestStartup = 8;
/// Up to so many at a time are proposed by log_ei where the acquisition is left open.
constexpr int64_t kMostByLogEi = 4;
/// An island has converged when its best has moved by less than this share of its deviation over two rounds.
constexpr double kConverged = 1e-3;
constexpr size_t kRoundsToConverge = 2;
/// Noise, as a share of the observations' variance, from which on no new island is started, and a warm start looks less
/// around.
constexpr double kNoisy = 1e-3;
/// Observations that the process conditions on, and failures among them; of more, those stand for all that say most.
constexpr int64_t kMostRows = 4096, kMostFailed = 1024;
/// Observations near one that failed, most of which must have failed as well.
constexpr int64_t kNeighbours = 7;
/// Hyperparameters are looked for from nothing again when there are so many times the observations.
constexpr double kGrowth = 1.3;
/// In place of an island: all observations; and one that no island counts as its own.
constexpr int64_t kEverything = -1, kNoIsland = -2;
/// Of a batch's configurations one in so many looks at all data while an island is young.
constexpr int64_t kGlobalShare = 8;
/// From so many at a time on, a new island takes at most half of the batch.
constexpr int64_t kLargeBatch = 256;
/// Points nearer than this, by dimension, are one configuration.
constexpr double kSamePoint = 1e-5;
constexpr double kNudge = 0.02;
constexpr int kMostNudges = 10;

struct Observation {
  std::vector<double> point;
  double value = 0;  ///< larger is better; not finite: failed
  int64_t island = 0;
  bool is_earlier = false;  ///< of an earlier sweep
};

/// Hyperparameters that were found for an island, and how many observations it had when they were looked for from nothing.
struct Fit {
  GpHyperparameters found;
  int64_t n_at_cold = 0;
};

}  // namespace

struct BayesianSampler::State {
  State(SearchSpace a_space, const BayesianOptions& some_options)
      : space(std::move(a_space)), options(some_options), encoding(space), random(options.seed) {
    if (space.n_params() == 0) throw InputError({}, "search_space", "is empty", "name a hyperparameter");
    if (options.settings.startup < 0) throw InputError({}, "startup", "is negative", "give a number of configurations");
    if (options.settings.model_size < 2) throw InputError({}, "model_size", "is below 2", "the default is 320");
    n_startup = options.settings.startup > 0 ? options.settings.startup : std::max(kFewestStartup, 2 * space.n_params());
  }

  double larger_is_better(double value) const {
    if (std::isinf(value)) return std::numeric_limits<double>::quiet_NaN();
    return options.goal == Goal::kMaximize ? value : -value;
  }

  /// A seed of its own for everything that is random.
  uint64_t next_seed() { return random(); }

  std::vector<int64_t> rows_of(int64_t island) const {
    std::vector<int64_t> out;
    for (size_t i = 0; i < told.size(); ++i) {
      if (island == kEverything || told[i].island == island) out.push_back(static_cast<int64_t>(i));
    }
    return out;
  }

  int64_t n_finite(const std::vector<int64_t>& rows) const {
    return std::count_if(rows.begin(), rows.end(),
                         [&](int64_t row) { return std::isfinite(told[static_cast<size_t>(row)].value); });
  }

  /// The process of some observations, with hyperparameters fitted to them.
  GaussianProcess process_of(const std::vector<int64_t>& rows, int64_t island) {
    std::vector<const Observation*> finite, failed;
    for (const auto row : rows) {
      const Observation& each = told[static_cast<size_t>(row)];
      (std::isfinite(each.value) ? finite : failed).push_back(&each);
    }
    GpData data{points_of(finite), warped_values(finite), torch::tensor(encoding.params(), torch::kLong)};
    if (data.x.size(0) > kMostRows) thin(data, island);
    // The newest: they lie where the model looks now.
    if (static_cast<int64_t>(failed.size()) > kMostFailed) failed.erase(failed.begin(), failed.end() - kMostFailed);
    if (!failed.empty()) add_failed(data, points_of(failed), island);
    const GpHyperparameters found = fit(data, island);
    return GaussianProcess(data, found);
  }

  /// [n] values of observations, standardised. What is worse than the median is drawn in by a logarithm, beyond the distance
  /// from the median to the best: the model is to tell good from better, and not to describe how bad the bad ones are.
  static Tensor warped_values(const std::vector<const Observation*>& observations) {
    std::vector<double> values;
    for (const auto* each : observations) values.push_back(each->value);
    Tensor y = torch::tensor(values, torch::kDouble);
    const double median = y.quantile(0.5).item<double>();
    const double scale = y.max().item<double>() - median;
    if (scale > 0) y = torch::where(y < median, median - scale * torch::log1p((median - y).clamp_min(0) / scale), y);
    const double deviation = y.size(0) > 1 ? y.std().item<double>() : 1;
    return (y - y.mean()) / std::max(deviation, 1e-12);
  }

  /// The hyperparameters of an island's observations; those of its last fit are a start.
  GpHyperparameters fit(const GpData& data, int64_t island) {
    const auto before = fits.find(island);
    GpFitOptions how;
    how.max_rows = options.settings.model_size;
    how.seed = next_seed();
    const int64_t n = data.x.size(0);
    how.cold = before == fits.end() ||
               static_cast<double>(n) > kGrowth * static_cast<double>(before->second.n_at_cold);
    Fit now;
    now.found = gp_fit(data, how, before == fits.end() ? nullptr : &before->second.found);
    now.n_at_cold = how.cold ? n : before->second.n_at_cold;
    fits[island] = now;
    return now.found;
  }

  /// [n_columns] what columns are multiplied with so that distances are those of the island's last fit.
  Tensor scale_of(int64_t island, const Tensor& groups) const {
    const auto fit = fits.find(island);
    if (fit == fits.end()) return torch::ones({encoding.n_columns()}, torch::kDouble);
    return inverse_lengthscales(groups, fit->second.found);
  }

  void thin(GpData& data, int64_t island) {
    const Tensor rows = thinned_rows(data.x * scale_of(island, data.groups), data.y, kMostRows, next_seed());
    data.x = data.x.index_select(0, rows);
    data.y = data.y.index_select(0, rows);
  }

  /// Adds what failed where most of what was tried nearby failed too, below the worst by half of the range and a deviation.
  /// One that failed among others that did not says nothing of its configuration.
  void add_failed(GpData& data, const Tensor& failed, int64_t island) const {
    const int64_t n = data.x.size(0), n_failed = failed.size(0);
    const Tensor scale = scale_of(island, data.groups);
    const Tensor distances = torch::cdist(failed * scale, torch::cat({data.x, failed}) * scale);
    distances.narrow(1, n, n_failed).fill_diagonal_(std::numeric_limits<double>::infinity());
    const int64_t k = std::min(kNeighbours, n + n_failed - 1);
    const Tensor nearest = std::get<1>(distances.topk(k, 1, /*largest=*/false));
    const Tensor counts = nearest.ge(n).sum(1).mul(2).gt(k);
    const Tensor bad = failed.index_select(0, counts.nonzero().squeeze(1));
    const double worst = data.y.min().item<double>(), range = data.y.max().item<double>() - worst;
    data.x = torch::cat({data.x, bad});
    data.y = torch::cat({data.y, torch::full({bad.size(0)}, worst - (0.5 * range + 1), torch::kDouble)});
    data.y = data.y - data.y.mean();
  }

  /// [n, n_columns]
  Tensor points_of(const std::vector<const Observation*>& observations) const {
    Tensor out = torch::empty({static_cast<int64_t>(observations.size()), encoding.n_columns()}, torch::kDouble);
    double* row = out.mutable_data_ptr<double>();
    for (const auto* each : observations) row = std::copy(each->point.begin(), each->point.end(), row);
    return out;
  }

  std::vector<const Observation*> all_pending() const {
    std::vector<const Observation*> out;
    for (const auto& [_, each] : pending) out.push_back(&each);
    return out;
  }

  /// Points of `q` configurations by the model of an island, or of everything, a function drawn from it for each.
  Tensor by_thompson(int64_t q, int64_t island) {
    const GaussianProcess process = process_of(rows_of(island), island);
    // What an earlier sweep's trials came to is partly luck. To be as lucky again takes trials near the best that is known,
    // and the looking around has been done.
    const bool with_means = begins_from_earlier && process.hyperparameters().noise_variance > kNoisy;
    return thompson_points(encoding, process, q, next_seed(), with_means);
  }

  /// One after another, each believed to come out at its mean.
  Tensor by_log_ei(int64_t q) {
    const GaussianProcess process = process_of(rows_of(kEverything), kEverything);
    const double best = process.data().y.max().item<double>();
    std::optional<GaussianProcess> believed;
    if (!pending.empty()) believed = process.with_believed(points_of(all_pending()));
    std::vector<Tensor> out;
    for (int64_t i = 0; i < q; ++i) {
      const GaussianProcess& now = believed ? *believed : process;
      out.push_back(log_ei_point(encoding, now, best, next_seed()));
      if (i + 1 < q) believed = now.with_believed(out.back().unsqueeze(0));
    }
    return torch::stack(out);
  }

  /// Looks at the newest island once a round: when half of a batch has been told since the last look.
  bool island_has_converged(int64_t q) {
    if (!bests.empty() && told.size() - n_at_last_look < static_cast<size_t>((q + 1) / 2)) return false;
    n_at_last_look = told.size();
    double best = -std::numeric_limits<double>::infinity(), sum = 0, squares = 0;
    const auto rows = rows_of(island);
    const int64_t n = n_finite(rows);
    for (const auto row : rows) {
      const double value = told[static_cast<size_t>(row)].value;
      if (!std::isfinite(value)) continue;
      best = std::max(best, value);
      sum += value;
      squares += value * value;
    }
    bests.push_back(best);
    if (bests.size() <= kRoundsToConverge || n < 2) return false;
    // Where values are noisy, the best stays the best for long, and a start from nothing would learn nothing new.
    const auto fit = fits.find(island);
    if (fit != fits.end() && fit->second.found.noise_variance > kNoisy) return false;
    const double mean = sum / static_cast<double>(n);
    const double deviation = std::sqrt(std::max(0.0, squares / static_cast<double>(n) - mean * mean));
    return best - bests[bests.size() - 1 - kRoundsToConverge] < kConverged * deviation;
  }

  /// Points, and the island that each belongs to.
  std::pair<Tensor, std::vector<int64_t>> next_points(int64_t q) {
    const bool sequential = options.settings.acquisition == Acquisition::kLogEi ||
                            (options.settings.acquisition == Acquisition::kAuto && q <= kMostByLogEi);
    if (sequential) return {by_log_ei(q), std::vector<int64_t>(static_cast<size_t>(q), island)};
    int64_t n_global = island > 0 ? q / kGlobalShare : 0;
    Tensor local;
    if (island_has_converged(q)) {
      ++island;
      bests.clear();
      fits.erase(island);
      n_global = q >= kLargeBatch ? q / 2 : q / kGlobalShare;
      local = sobol_points(encoding, q - n_global, next_seed());
    } else if (n_finite(rows_of(island)) < 2) {
      local = sobol_points(encoding, q - n_global, next_seed());
    } else {
      local = by_thompson(q - n_global, island);
    }
    std::vector<int64_t> islands(static_cast<size_t>(q), island);
    if (n_global == 0) return {local, islands};
    // What everything's model proposes is near the other islands' best: a new one that saw it would go there.
    std::fill(islands.end() - n_global, islands.end(), kNoIsland);
    return {torch::cat({local, by_thompson(n_global, kEverything)}), islands};
  }

  /// Moves configurations that are there already, observed in this sweep, pending or in this batch, as long as the space
  /// has others.
  void separate(Tensor& points) {
    std::vector<const Observation*> others = all_pending();
    for (const auto& each : told) {
      if (!each.is_earlier) others.push_back(&each);
    }
    const Tensor known = points_of(others);
    const int64_t q = points.size(0);
    Tensor same = torch::empty({q}, torch::kByte);
    std::normal_distribution<double> normal;
    std::vector<double> draws(static_cast<size_t>(encoding.n_params()));
    for (int attempt = 0; attempt < kMostNudges; ++attempt) {
      points = points.contiguous();
      host_backend().gp_find_duplicates(device_context(torch::kCPU, 0), points.const_data_ptr<double>(), q,
                                        known.const_data_ptr<double>(), known.size(0), encoding.n_columns(),
                                        kSamePoint * std::sqrt(static_cast<double>(encoding.n_columns())),
                                        same.mutable_data_ptr<uint8_t>());
      if (!same.any().item<bool>()) return;
      const Tensor anywhere = sobol_points(encoding, q, next_seed());
      for (int64_t i = 0; i < q; ++i) {
        if (same[i].item<uint8_t>() == 0) continue;
        double* point = points[i].mutable_data_ptr<double>();
        const double* other = anywhere[i].const_data_ptr<double>();
        // A little way off at first; then further, and at last anywhere.
        const double reach = kNudge * static_cast<double>(1 << std::min(attempt, 5));
        for (int64_t param = 0; param < encoding.n_params(); ++param) {
          const int64_t column = encoding.first_column(param);
          const bool jumps = attempt + 1 == kMostNudges || std::bernoulli_distribution(reach)(random);
          if (encoding.n_values(param) == 0) {
            point[column] = jumps && attempt > 4 ? other[column]
                                                 : std::clamp(point[column] + reach * normal(random), 0.0, 1.0);
          } else if (jumps || encoding.n_params() == 1) {
            const int64_t n = encoding.is_choice(param) ? encoding.n_values(param) : 1;
            std::copy_n(other + column, n, point + column);
          }
        }
        encoding.decode(point, draws.data());
        encoding.encode(draws.data(), point);
      }
    }
  }

  SearchSpace space;
  BayesianOptions options;
  Encoding encoding;
  std::mt19937_64 random;
  int64_t n_startup = 0;
  int64_t n_asked = 0;
  int64_t n_sobol = 0;  ///< of the first island's sequence
  bool begins_from_earlier = false;  ///< an earlier sweep's trials were told
  std::vector<Observation> told;
  std::multimap<std::vector<double>, Observation> pending;  ///< by draws
  int64_t island = 0;                                       ///< the newest
  std::vector<double> bests;                                ///< of the newest island, round by round
  size_t n_at_last_look = 0;                                ///< told when it was last looked at
  std::map<int64_t, Fit> fits;                              ///< by island, or of everything
};

BayesianSampler::BayesianSampler(SearchSpace space, const BayesianOptions& options)
    : state_(std::make_unique<State>(std::move(space), options)) {}
BayesianSampler::~BayesianSampler() = default;
BayesianSampler::BayesianSampler(BayesianSampler&&) noexcept = default;
BayesianSampler& BayesianSampler::operator=(BayesianSampler&&) noexcept = default;

int64_t BayesianSampler::n_told() const { return static_cast<int64_t>(state_->told.size()); }
int64_t BayesianSampler::n_pending() const { return static_cast<int64_t>(state_->pending.size()); }

Configurations BayesianSampler::ask(int64_t q) {
  if (q < 1) throw InputError({}, "q", "is below 1", "ask for at least one configuration");
  const torch::NoGradGuard no_grad;
  State& state = *state_;
  Tensor points;
  std::vector<int64_t> islands(static_cast<size_t>(q), state.island);
  const int64_t n_finite = state.n_finite(state.rows_of(kEverything));
  if (n_finite < 2 || (state.n_sobol < state.n_startup && n_finite < state.n_startup)) {
    // One sequence for all that is asked before there is a model.
    const Tensor sequence = sobol_points(state.encoding, state.n_sobol + q, state.options.seed);
    points = sequence.narrow(0, state.n_sobol, q).clone();
    state.n_sobol += q;
  } else {
    std::tie(points, islands) = state.next_points(q);
  }
  state.separate(points);
  const auto n_params = static_cast<size_t>(state.encoding.n_params());
  std::vector<double> draws(static_cast<size_t>(q) * n_params);
  for (int64_t i = 0; i < q; ++i) {
    double* row = draws.data() + static_cast<size_t>(i) * n_params;
    state.encoding.decode(points[i].const_data_ptr<double>(), row);
    Observation asked;
    asked.point.resize(static_cast<size_t>(state.encoding.n_columns()));
    state.encoding.encode(row, asked.point.data());
    asked.island = islands[static_cast<size_t>(i)];
    state.pending.emplace(std::vector<double>(row, row + n_params), std::move(asked));
  }
  const int64_t first = state.n_asked;
  state.n_asked += q;
  return Configurations(state.space, first, q, std::move(draws));
}

int64_t BayesianSampler::tell(std::span<const double> draws, double value) {
  State& state = *state_;
  if (static_cast<int64_t>(draws.size()) != state.encoding.n_params()) {
    throw InputError({}, "draws", "has " + std::to_string(draws.size()) + " values",
                     "give one for each of the " + std::to_string(state.encoding.n_params()) + " hyperparameters");
  }
  Observation seen;
  const auto found = state.pending.find(std::vector<double>(draws.begin(), draws.end()));
  if (found != state.pending.end()) {
    seen = std::move(found->second);
    state.pending.erase(found);
  } else {
    seen.point.resize(static_cast<size_t>(state.encoding.n_columns()));
    state.encoding.encode(draws.data(), seen.point.data());
  }
  seen.value = state.larger_is_better(value);
  state.told.push_back(std::move(seen));
  return n_told() - 1;
}

std::optional<int64_t> BayesianSampler::tell(const EarlierTrial& trial) {
  const bool failed = has_failed(trial.state);
  if (trial.draws.empty() || (!failed && !trial.value)) return std::nullopt;
  const int64_t observation = tell(trial.draws, failed ? std::nan("") : *trial.value);
  state_->told.back().is_earlier = true;
  state_->begins_from_earlier = true;
  return observation;
}

void BayesianSampler::revise(int64_t observation, double value) {
  if (observation < 0 || observation >= n_told()) {
    throw InputError({}, "observation", std::to_string(observation) + " was not told", "give a number that tell returned");
  }
  state_->told[static_cast<size_t>(observation)].value = state_->larger_is_better(value);
}

void BayesianSampler::withdraw(std::span<const double> draws) {
  const auto found = state_->pending.find(std::vector<double>(draws.begin(), draws.end()));
  if (found != state_->pending.end()) state_->pending.erase(found);
}

}  // namespace lockstep
