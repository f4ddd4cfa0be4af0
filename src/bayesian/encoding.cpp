#include "bayesian/encoding.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <ATen/native/Math.h>

#include "core/distribution_kinds.h"

namespace lockstep {
namespace {

using enum DistributionKind;

/// A choice's columns at the value that it has.
const double kChosen = std::sqrt(0.5);
/// Probabilities nearer to 0 and 1 are taken for these, where a normal distribution's quantiles are still finite.
constexpr double kSmallestProbability = 1e-9;

bool is_normal(DistributionKind kind) {
  return kind == kNormal || kind == kQNormal || kind == kLogNormal || kind == kQLogNormal;
}

/// The ends of a range, on the scale on which it is uniform.
std::pair<double, double> ends(const DistributionSpec& spec) {
  if (spec.kind == kLogInt) return {std::log(spec.a - 0.5), std::log(spec.b + 0.5)};
  if (spec.kind == kLogUniformValues) return {std::log(spec.a), std::log(spec.b)};
  return {spec.a, spec.b};
}

bool is_counted(DistributionKind kind) { return kind == kChoice || kind == kRandInt || kind == kInt; }

/// Values of a quantised range: from the one that its lower end rounds to, to that of its upper end.
std::pair<double, double> quantised_ends(const DistributionSpec& spec) {
  const bool log = spec.kind == kQLogUniform;
  const double low = log ? std::exp(spec.a) : spec.a, high = log ? std::exp(spec.b) : spec.b;
  return {std::rint(low / spec.q), std::rint(high / spec.q)};
}

}  // namespace

Encoding::Encoding(const SearchSpace& space) : specs_(space.specs()) {
  for (int64_t param = 0; param < n_params(); ++param) {
    first_columns_.push_back(n_columns());
    const int64_t n = is_choice(param) ? spec(param).count : 1;
    params_.insert(params_.end(), static_cast<size_t>(n), param);
  }
}

int64_t Encoding::n_values(int64_t param) const {
  const DistributionSpec& of = spec(param);
  if (is_counted(of.kind)) return of.count;
  if (of.kind == kLogInt) return static_cast<int64_t>(of.b - of.a) + 1;
  if (of.kind != kQUniform && of.kind != kQLogUniform) return 0;
  const auto [low, high] = quantised_ends(of);
  const double n = high - low + 1;
  return n < static_cast<double>(std::numeric_limits<int32_t>::max()) ? static_cast<int64_t>(n) : 0;
}

double Encoding::position(int64_t param, double draw) const {
  const DistributionSpec& of = spec(param);
  if (of.kind == kRandInt || of.kind == kInt) {
    return (static_cast<double>(value_of(param, draw)) + 0.5) / static_cast<double>(of.count);
  }
  // A quantised value may be 0, whose logarithm is not finite.
  const double x = is_logarithmic(of.kind) ? std::log(std::max(draw, std::numeric_limits<double>::min())) : draw;
  if (is_normal(of.kind)) {
    const double p = 0.5 * std::erfc(-(x - of.a) / of.b * std::sqrt(0.5));
    return std::clamp(p, kSmallestProbability, 1 - kSmallestProbability);
  }
  const auto [low, high] = ends(of);
  return high > low ? std::clamp((x - low) / (high - low), 0.0, 1.0) : 0.5;
}

double Encoding::draw_at(int64_t param, double position) const {
  const DistributionSpec& of = spec(param);
  const double u = std::clamp(position, 0.0, 1.0);
  if (of.kind == kRandInt || of.kind == kInt) {
    const double i = std::min(std::floor(u * static_cast<double>(of.count)), static_cast<double>(of.count - 1));
    return of.kind == kInt ? of.a + of.q * i : i;
  }
  double x;
  if (is_normal(of.kind)) {
    x = of.a + of.b * calc_ndtri(std::clamp(u, kSmallestProbability, 1 - kSmallestProbability));
  } else {
    const auto [low, high] = ends(of);
    x = std::clamp(low + (high - low) * u, low, high);
  }
  if (is_logarithmic(of.kind)) x = std::exp(x);
  if (of.kind == kLogInt) return std::clamp(std::rint(x), of.a, of.b);
  if (of.kind == kLogUniformValues) return std::clamp(x, of.a, of.b);
  const bool quantised = of.kind == kQUniform || of.kind == kQLogUniform || of.kind == kQNormal || of.kind == kQLogNormal;
  return quantised ? std::rint(x / of.q) * of.q : x;
}

int64_t Encoding::value_of(int64_t param, double draw) const {
  const DistributionSpec& of = spec(param);
  double i = draw;
  if (of.kind == kInt) i = (draw - of.a) / of.q;
  if (of.kind == kLogInt) i = draw - of.a;
  if (of.kind == kQUniform || of.kind == kQLogUniform) i = draw / of.q - quantised_ends(of).first;
  return std::clamp<int64_t>(std::llrint(i), 0, std::max<int64_t>(0, n_values(param) - 1));
}

void Encoding::set_value(int64_t param, int64_t i, double* point) const {
  const DistributionSpec& of = spec(param);
  double* columns = point + first_column(param);
  if (of.kind == kChoice) {
    std::fill_n(columns, of.count, 0.0);
    columns[i] = kChosen;
    return;
  }
  double draw = static_cast<double>(i);
  if (of.kind == kInt) draw = of.a + of.q * draw;
  if (of.kind == kLogInt) draw += of.a;
  if (of.kind == kQUniform || of.kind == kQLogUniform) draw = (quantised_ends(of).first + draw) * of.q;
  *columns = position(param, draw);
}

void Encoding::encode(const double* draws, double* point) const {
  for (int64_t param = 0; param < n_params(); ++param) {
    if (is_choice(param)) {
      set_value(param, value_of(param, draws[param]), point);
    } else {
      point[first_column(param)] = position(param, draws[param]);
    }
  }
}

void Encoding::decode(const double* point, double* draws) const {
  for (int64_t param = 0; param < n_params(); ++param) {
    const double* columns = point + first_column(param);
    draws[param] = is_choice(param)
                       ? static_cast<double>(std::max_element(columns, columns + spec(param).count) - columns)
                       : draw_at(param, *columns);
  }
}

}  // namespace lockstep
