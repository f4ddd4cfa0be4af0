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

bool is_normal(DistributionKind kind) {
  return kind == DistributionKind::kNormal || kind == DistributionKind::kQNormal ||
         kind == DistributionKind::kLogNormal || kind == DistributionKind::kQLogNormal;
}

std::string text(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

Value scalar(const Json& json) {
  if (json.is_null()) return "None";  // as Python writes it
  if (json.is_boolean()) return json.get<bool>();
  if (json.is_number_integer()) return json.get<int64_t>();
  if (json.is_number()) return json.get<double>();
  return json.get<std::string>();
}

/// Whether our quantised draws, multiples of `step`, are the same values.
bool is_lattice(double low, double step) {
  const double multiple = low / step;
  return std::abs(multiple - std::nearbyint(multiple)) <= 1e-9 * std::max(1.0, std::abs(multiple));
}

Distribution float_range(double low, double high, double step, bool log) {
  if (log) return log_uniform_values(low, high);
  if (step > 0 && is_lattice(low, step)) return quniform(low, high, step);
  return uniform(low, high);
}

Distribution from_optuna(const Json& json) {
  const auto name = json.at("name").get<std::string>();
  const Json& attributes = json.at("attributes");
  if (name == "CategoricalDistribution") {
    std::vector<Value> values;
    for (const Json& each : attributes.at("choices")) values.push_back(scalar(each));
    return choice(std::move(values));
  }
  const auto real = [&](const char* key) { return attributes.at(key).get<double>(); };
  // IntUniformDistribution, IntLogUniformDistribution, UniformDistribution, LogUniformDistribution and
  // DiscreteUniformDistribution are of Optuna 2, whose studies later ones still hold.
  const bool log = name.find("Log") != std::string::npos || attributes.value("log", false);
  if (name.starts_with("Int")) {
    const auto low = attributes.at("low").get<int64_t>();
    const auto high = attributes.at("high").get<int64_t>();
    if (log) return log_int_range(low, high);
    const auto step = attributes.value("step", int64_t{1});
    return int_range(low, high, step);
  }
  double step = 0;
  for (const char* key : {"step", "q"}) {
    if (attributes.contains(key) && attributes.at(key).is_number()) step = real(key);
  }
  return float_range(real("low"), real("high"), step, log);
}

}  // namespace

std::string optuna_distribution_json(const Distribution& distribution) { return text(describe(distribution)); }

std::string optuna_distribution_json(const Distribution& distribution, const DrawRange& drawn) {
  Json json = describe(distribution);
  if (json["name"] != "FloatDistribution") return text(json);
  Json& attributes = json["attributes"];
  const bool log = attributes["log"].get<bool>();
  if (is_normal(distribution.spec.kind)) return text(float_distribution(drawn.low, drawn.high, log));
  return text(float_distribution(std::min(drawn.low, attributes["low"].get<double>()),
                                 std::max(drawn.high, attributes["high"].get<double>()), log));
}

std::optional<Distribution> distribution_from_optuna(const std::string& json) {
  try {
    return from_optuna(Json::parse(json));
  } catch (const std::exception&) {
    return std::nullopt;
  }
}

}  // namespace lockstep
