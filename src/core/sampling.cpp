#include <lockstep/sampling.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <stdexcept>
#include <utility>
#include <vector>

#include "core/device_buffer.h"

namespace lockstep {

namespace {

constexpr int64_t kNoLimit = std::numeric_limits<int64_t>::max();

/// Where nobody says how many trials run at once, so many times as many are trained in all: what trains at the same time
/// cannot be learnt from.
constexpr int64_t kBayesianRounds = 10;
/// The least trials a hyperparameter that Azure ML advises.
constexpr int64_t kAdvisedTrials = 20;

std::string bayesian_note(const SweepSpec& spec, int64_t n_observations) {
  const int64_t n_trials = trial_count(spec);
  std::string note = "Bayesian: " + std::to_string(n_trials) + " configurations are chosen as the sweep runs, " +
                     std::to_string(std::min(concurrent_limit(spec), n_trials)) + " trials at once at most (" +
                     (spec.limits.max_concurrent_trials > 0 ? "" : "a tenth; set ") + "limits.max_concurrent_trials)";
  const int64_t advised = kAdvisedTrials * spec.search_space.n_params();
  if (n_trials + n_observations >= advised) return note;
  return note + ". Warning: " + std::to_string(spec.search_space.n_params()) + " hyperparameters want " +
         std::to_string(advised) + " trials or more (limits.max_total_trials), " + std::to_string(kAdvisedTrials) +
         " each; with fewer, random sampling does about as well";
}

/// The least and the most that a draw can be; nothing where it has no bounds.
std::optional<std::pair<double, double>> ends_of(const DistributionSpec& spec) {
  const auto count = static_cast<double>(spec.count);
  const auto on_lattice = [&](double x) { return std::rint(x / spec.q) * spec.q; };
  switch (spec.kind) {
    case DistributionKind::kChoice:
    case DistributionKind::kRandInt: return {{0, count - 1}};
    case DistributionKind::kInt: return {{spec.a, spec.a + spec.q * (count - 1)}};
    case DistributionKind::kUniform:
    case DistributionKind::kLogInt:
    case DistributionKind::kLogUniformValues: return {{spec.a, spec.b}};
    case DistributionKind::kLogUniform: return {{std::exp(spec.a), std::exp(spec.b)}};
    case DistributionKind::kQUniform: return {{on_lattice(spec.a), on_lattice(spec.b)}};
    case DistributionKind::kQLogUniform: return {{on_lattice(std::exp(spec.a)), on_lattice(std::exp(spec.b))}};
    case DistributionKind::kNormal:
    case DistributionKind::kQNormal:
    case DistributionKind::kLogNormal:
    case DistributionKind::kQLogNormal: break;
  }
  return std::nullopt;
}

/// Provisional configurations: the first two trials' at the ends of all ranges, so that what is planned by these (memory,
/// intervals) is enough for whatever is chosen later.
void take_ends(Configurations& configurations) {
  for (const int64_t row : {0, 1}) {
    if (row >= configurations.n_trials()) return;
    const int64_t trial = configurations.first_trial() + row;
    std::vector<double> draws;
    for (int64_t param = 0; param < configurations.space().n_params(); ++param) {
      const auto ends = ends_of(configurations.space()[param].distribution.spec);
      draws.push_back(!ends ? configurations.draw(trial, param) : row == 0 ? ends->second : ends->first);
    }
    configurations.replace(trial, draws);
  }
}

}  // namespace

int64_t grid_size(const SearchSpace& space) {
  check_sampling({SamplingAlgorithm::kGrid, {}}, space);
  int64_t size = 1;
  for (const Parameter& parameter : space.parameters()) {
    const int64_t count = parameter.distribution.spec.count;
    if (size > kNoLimit / count) return kNoLimit;
    size *= count;
  }
  return size;
}

void check_sampling(const Sampling& sampling, const SearchSpace& space) {
  if (sampling.algorithm == SamplingAlgorithm::kGrid) {
    for (const Parameter& parameter : space.parameters()) {
      if (parameter.distribution.spec.kind == DistributionKind::kChoice) continue;
      throw InputError(parameter.where, "search_space." + parameter.name,
                       std::string("is ") + parameter.distribution.type_name() + ", and a grid takes choice alone",
                       "list its values as a choice, or sample with 'type: random'");
    }
  }
  if (sampling.algorithm == SamplingAlgorithm::kSobol && space.n_params() > kMaxSobolParams) {
    const Parameter& first_beyond = space[kMaxSobolParams];
    throw InputError(first_beyond.where, "search_space." + first_beyond.name,
                     "is one of " + std::to_string(space.n_params()) + " hyperparameters, and a Sobol sequence has " +
                         std::to_string(kMaxSobolParams) + " dimensions",
                     "write 'rule: random'");
  }
}

int64_t max_trials(const Sampling& sampling, const SearchSpace& space) {
  switch (sampling.algorithm) {
    case SamplingAlgorithm::kGrid: return grid_size(space);
    case SamplingAlgorithm::kSobol: return kMaxSobolTrials;
    case SamplingAlgorithm::kRandom:
    case SamplingAlgorithm::kBayesian: break;
  }
  return kNoLimit;
}

int64_t trial_count(const SweepSpec& spec) {
  return std::min(spec.limits.max_total_trials, max_trials(spec.sampling, spec.search_space));
}

int64_t concurrent_limit(const SweepSpec& spec) {
  if (spec.limits.max_concurrent_trials > 0) return spec.limits.max_concurrent_trials;
  if (spec.sampling.algorithm != SamplingAlgorithm::kBayesian) return kNoLimit;
  const int64_t n_trials = trial_count(spec);
  return (n_trials + kBayesianRounds - 1) / kBayesianRounds;
}

std::string sampling_note(const SweepSpec& spec, int64_t n_observations) {
  if (spec.sampling.algorithm == SamplingAlgorithm::kBayesian) return bayesian_note(spec, n_observations);
  if (spec.sampling.algorithm != SamplingAlgorithm::kGrid) return "";
  const int64_t size = grid_size(spec.search_space);
  const int64_t n_trials = trial_count(spec);
  if (n_trials == size) return "Grid: all " + std::to_string(size) + " combinations";
  return "Grid: the first " + std::to_string(n_trials) + " of " +
         (size == kNoLimit ? "more than 10^18" : std::to_string(size)) + " combinations (limits.max_total_trials)";
}

struct Sampler::State {
  State(const Backend& b, const Context& c, const Sampling& s, const SearchSpace& space)
      : backend(b),
        context(c),
        sampling(s),
        n_params(space.n_params()),
        n_trials(max_trials(s, space)),
        specs(b, c, static_cast<size_t>(space.n_params())) {
    const std::vector<DistributionSpec> host_specs = space.specs();
    specs.upload(host_specs.data(), host_specs.size());
  }

  const Backend& backend;
  const Context& context;
  Sampling sampling;
  int64_t n_params;
  int64_t n_trials;
  DeviceBuffer<DistributionSpec> specs;
};

Sampler::Sampler(const Backend& backend, const Context& context, const Sampling& sampling, const SearchSpace& space) {
  check_sampling(sampling, space);
  state_ = std::make_unique<State>(backend, context, sampling, space);
}
Sampler::~Sampler() = default;

void Sampler::draw(int64_t first_trial, int64_t n_trials, double* draws) const {
  if (first_trial < 0 || n_trials < 0) throw std::invalid_argument("Sampler: negative trial or number of trials");
  if (n_trials > state_->n_trials - first_trial) {
    throw InputError({}, "",
                     "trials " + std::to_string(first_trial) + " and on: there are only " +
                         std::to_string(state_->n_trials) +
                         (state_->sampling.algorithm == SamplingAlgorithm::kGrid ? " combinations in the grid"
                                                                                 : " points in a Sobol sequence"),
                     "ask for fewer");
  }
  if (n_trials == 0 || state_->n_params == 0) return;
  const Backend& backend = state_->backend;
  const auto draw_by = [&] {
    switch (state_->sampling.algorithm) {
      case SamplingAlgorithm::kGrid: return backend.sample_grid;
      case SamplingAlgorithm::kSobol: return backend.sample_sobol;
      case SamplingAlgorithm::kRandom:
      case SamplingAlgorithm::kBayesian: break;
    }
    return backend.sample_random;
  }();
  draw_by(state_->context, state_->specs.data(), state_->n_params, first_trial, n_trials, draws);
}

Configurations sample(const Backend& backend, const Context& context, const Sampling& sampling,
                      const SearchSpace& space, int64_t first_trial, int64_t n_trials) {
  const Sampler sampler(backend, context, sampling, space);
  if (n_trials < 0) throw std::invalid_argument("sample: negative number of trials");
  std::vector<double> draws(static_cast<size_t>(n_trials * space.n_params()));
  if (backend.kind == DeviceKind::kCpu) {  // a vector is memory of that device
    sampler.draw(first_trial, n_trials, draws.data());
  } else {
    const DeviceBuffer<double> device_draws(backend, context, draws.size());
    sampler.draw(first_trial, n_trials, device_draws.data());
    device_draws.download(draws.data(), draws.size());
  }
  return Configurations(space, first_trial, n_trials, std::move(draws));
}

Configurations sample(const Backend& backend, const Context& context, const SweepSpec& spec) {
  Configurations out = sample(backend, context, spec.sampling, spec.search_space, 0, trial_count(spec));
  if (spec.sampling.algorithm == SamplingAlgorithm::kBayesian) take_ends(out);
  return out;
}

Configurations sample_random(const Backend& backend, const Context& context, const SearchSpace& space,
                             int64_t first_trial, int64_t n_trials) {
  return sample(backend, context, Sampling{}, space, first_trial, n_trials);
}

}  // namespace lockstep
