// Configurations by name, and from values to draws.
#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <utility>

#include <lockstep/configurations.h>
#include <lockstep/search_space.h>
#include <lockstep/sweep_spec.h>

#include "core/distribution_kinds.h"

namespace lockstep {

namespace {

using enum DistributionKind;

/// How far, as a share, a value may be beyond its range's end by rounding alone.
constexpr double kRounding = 1e-9;
/// Deviations from the mean where a normal range is taken to end.
constexpr double kDeviations = 6;

/// Whether the choice is meant by a value that was read elsewhere: numbers may be whole or not, and lists are text there.
bool is_same(const Value& choice, const Value& value) {
  if (choice.is_number() && value.is_number()) return choice.as_real() == value.as_real();
  return choice == value || (value.is_text() && value.as_text() == choice.to_string());
}

/// The ends of a range, as values.
std::pair<double, double> ends_of(const DistributionSpec& spec) {
  std::pair<double, double> ends{spec.a, spec.b};
  const bool normal = spec.kind == kNormal || spec.kind == kQNormal || spec.kind == kLogNormal || spec.kind == kQLogNormal;
  if (normal) ends = {spec.a - kDeviations * spec.b, spec.a + kDeviations * spec.b};
  // These two say their ends as values themselves.
  const bool as_logarithms = is_logarithmic(spec.kind) && spec.kind != kLogInt && spec.kind != kLogUniformValues;
  return as_logarithms ? std::pair{std::exp(ends.first), std::exp(ends.second)} : ends;
}

[[noreturn]] void refuse_name(const std::string& name, const std::vector<std::string>& known) {
  const std::string near = nearest_name(name, known);
  std::string names;
  for (const std::string& each : known) names += (names.empty() ? "" : ", ") + each;
  throw InputError({}, name, "there is no such hyperparameter",
                   near.empty() ? (names.empty() ? "this configuration has none" : "there are " + names)
                                : "did you mean '" + near + "'?");
}

/// What `read` makes of a hyperparameter's value, with its name in the message where that is another kind of value.
template <class Read>
decltype(auto) read_as(const Configuration& configuration, const std::string& name, const Read& read) {
  try {
    return read(configuration.value(name));
  } catch (const InputError& error) {
    if (!error.key().empty()) throw;
    throw InputError({}, name, error.what(), "");
  }
}

}  // namespace

const Value& Configuration::value(const std::string& name) const {
  std::vector<std::string> known;
  for (const auto& [each, value] : values_) {
    if (each == name) return value;
    known.push_back(each);
  }
  refuse_name(name, known);
}

double Configuration::number(const std::string& name) const {
  return read_as(*this, name, [](const Value& value) { return value.as_real(); });
}

int64_t Configuration::integer(const std::string& name) const {
  return read_as(*this, name, [](const Value& value) { return value.as_integer(); });
}

bool Configuration::flag(const std::string& name) const {
  return read_as(*this, name, [](const Value& value) { return value.as_bool(); });
}

const std::string& Configuration::text(const std::string& name) const {
  return read_as(*this, name, [](const Value& value) -> const std::string& { return value.as_text(); });
}

std::optional<double> Distribution::encode(const Value& value) const {
  if (spec.kind == kChoice) {
    auto found = std::find(values.begin(), values.end(), value);
    if (found == values.end()) {
      found = std::find_if(values.begin(), values.end(), [&](const Value& each) { return is_same(each, value); });
    }
    if (found == values.end()) return std::nullopt;
    return static_cast<double>(found - values.begin());
  }
  if (!value.is_number() || !std::isfinite(value.as_real())) return std::nullopt;
  const double number = value.as_real();
  if (spec.kind == kRandInt || spec.kind == kInt) {
    const double first = spec.kind == kInt ? spec.a : 0, step = spec.kind == kInt ? spec.q : 1;
    const double i = std::rint((number - first) / step);
    if (i < 0 || i >= static_cast<double>(spec.count)) return std::nullopt;
    return first + step * i;
  }
  const auto [low, high] = ends_of(spec);
  const bool is_quantised = spec.q > 0;
  if (is_quantised || spec.kind == kLogInt) {
    const double step = is_quantised ? spec.q : 1;
    const double i = std::rint(number / step);
    if (i < std::rint(low / step) || i > std::rint(high / step)) return std::nullopt;
    return i * step;
  }
  const double slack = kRounding * std::max(std::abs(low), std::abs(high));
  const double slack_low = is_logarithmic(spec.kind) ? kRounding * low : slack;
  if (number < low - slack_low || number > high + slack) return std::nullopt;
  return std::clamp(number, low, high);
}

Configuration SearchSpace::decode(std::span<const double> draws) const {
  if (static_cast<int64_t>(draws.size()) != n_params()) {
    throw std::invalid_argument("SearchSpace: " + std::to_string(draws.size()) + " draws for " + std::to_string(n_params()) +
                                " hyperparameters");
  }
  Value::Map values;
  for (size_t i = 0; i < draws.size(); ++i) values.emplace_back(parameters_[i].name, parameters_[i].distribution.decode(draws[i]));
  return Configuration(std::move(values));
}

std::vector<double> SearchSpace::encode(const Value::Map& values) const {
  std::vector<double> draws(parameters_.size());
  std::vector<bool> is_given(parameters_.size());
  for (const auto& [name, value] : values) {
    const auto column = find(name);
    if (!column) {
      std::vector<std::string> names;
      for (const Parameter& parameter : parameters_) names.push_back(parameter.name);
      refuse_name(name, names);
    }
    const auto i = static_cast<size_t>(*column);
    if (is_given[i]) throw InputError({}, name, "is given twice", "remove one of the two");
    const Distribution& distribution = parameters_[i].distribution;
    const auto draw = distribution.encode(value);
    if (!draw) {
      throw InputError({}, name, value.to_json() + " is not in its " + distribution.type_name(),
                       "give a value that it can draw");
    }
    draws[i] = *draw;
    is_given[i] = true;
  }
  const auto missing = std::find(is_given.begin(), is_given.end(), false);
  if (missing != is_given.end()) {
    throw InputError({}, parameters_[static_cast<size_t>(missing - is_given.begin())].name, "has no value", "give one");
  }
  return draws;
}

}  // namespace lockstep
