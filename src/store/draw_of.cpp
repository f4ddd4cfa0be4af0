#include "store/draw_of.h"

#include <algorithm>
#include <cmath>
#include <utility>

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

}  // namespace

std::optional<double> draw_of(const Distribution& distribution, const Value& value) {
  if (distribution.spec.kind == DistributionKind::kChoice) {
    const auto found = std::find(distribution.values.begin(), distribution.values.end(), value);
    if (found == distribution.values.end()) return std::nullopt;
    return static_cast<double>(found - distribution.values.begin());
  }
  if (!value.is_number()) return std::nullopt;
  const double number = value.as_real();
  if (!std::isfinite(number)) return std::nullopt;
  const bool is_exact_integer = number == std::floor(number) && std::abs(number) <= 0x1p53;
  if (distribution.is_integer() && !is_exact_integer) return std::nullopt;
  return number;
}

std::optional<double> nearest_draw(const Distribution& distribution, const Value& value) {
  const DistributionSpec& spec = distribution.spec;
  if (spec.kind == kChoice) {
    if (const auto same = draw_of(distribution, value)) return same;
    const auto found = std::find_if(distribution.values.begin(), distribution.values.end(),
                                    [&](const Value& each) { return is_same(each, value); });
    if (found == distribution.values.end()) return std::nullopt;
    return static_cast<double>(found - distribution.values.begin());
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

}  // namespace lockstep
