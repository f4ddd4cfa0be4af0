#include "store/optuna_distribution.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>

#include <nlohmann/json.hpp>

namespace lockstep {

namespace {

using Json = nlohmann::ordered_json;

/// The sampler's normal quantile stays within 9 of these.
constexpr double kWidestSigma = 10;

double finite(double x) {
  constexpr double kLargest = std::numeric_limits<double>::max();
  return std::clamp(x, -kLargest, kLargest);
}

Json float_distribution(double low, double high, bool log) {
  low = finite(low);
  high = finite(high);
  return {{"name", "FloatDistribution"},
          {"attributes", {{"step", nullptr}, {"low", low}, {"high", high}, {"log", log && low > 0}}}};
}

/// On the lattice of `q`, as the draws are.
Json quantized(double low, double high, double q) {
  return float_distribution(std::nearbyint(finite(low) / q) * q, std::nearbyint(finite(high) / q) * q, false);
}

Json int_distribution(int64_t low, int64_t high, int64_t step, bool log) {
  return {{"name", "IntDistribution"}, {"attributes", {{"log", log}, {"step", step}, {"low", low}, {"high", high}}}};
}

Json categorical(const std::vector<Value>& values) {
  Json choices = Json::array();
  for (const Value& value : values) {
    const std::string json = value.to_json();
    if (value.is_list() || value.is_map()) {
      choices.push_back(json);
    } else {
      choices.push_back(Json::parse(json));
    }
  }
  return {{"name", "CategoricalDistribution"}, {"attributes", {{"choices", std::move(choices)}}}};
}

Json describe(const Distribution& distribution) {
  const DistributionSpec& spec = distribution.spec;
  const double low = spec.a - kWidestSigma * spec.b;  // of the normal family
  const double high = spec.a + kWidestSigma * spec.b;
  switch (spec.kind) {
    case DistributionKind::kChoice: return categorical(distribution.values);
    case DistributionKind::kRandInt: return int_distribution(0, spec.count - 1, 1, false);
    case DistributionKind::kUniform: return float_distribution(spec.a, spec.b, false);
    case DistributionKind::kQUniform: return quantized(spec.a, spec.b, spec.q);
    case DistributionKind::kLogUniform: return float_distribution(std::exp(spec.a), std::exp(spec.b), true);
    case DistributionKind::kQLogUniform: return quantized(std::exp(spec.a), std::exp(spec.b), spec.q);
    case DistributionKind::kNormal: return float_distribution(low, high, false);
    case DistributionKind::kQNormal: return quantized(low, high, spec.q);
    case DistributionKind::kLogNormal: return float_distribution(std::exp(low), std::exp(high), true);
    case DistributionKind::kQLogNormal: return quantized(std::exp(low), std::exp(high), spec.q);
    case DistributionKind::kInt: {
      const auto first = static_cast<int64_t>(spec.a);
      const auto step = static_cast<int64_t>(spec.q);
      return int_distribution(first, first + step * (spec.count - 1), step, false);
    }
    case DistributionKind::kLogInt:
      return int_distribution(static_cast<int64_t>(spec.a), static_cast<int64_t>(spec.b), 1, true);
    case DistributionKind::kLogUniformValues: return float_distribution(spec.a, spec.b, true);
  }
  throw std::logic_error("a kind of distribution that Optuna's form is not known for");
}

}  // namespace

std::string optuna_distribution_json(const Distribution& distribution) {
  return describe(distribution).dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace lockstep
