#include <lockstep/search_space.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>

namespace lockstep {

namespace {

/// A draw is one double: beyond this neighbouring integers are no longer distinct.
constexpr int64_t kMaxInteger = int64_t{1} << 53;
/// exp of more than this is not finite.
const double kMaxExponent = std::log(std::numeric_limits<double>::max());

std::string text(double x) { return Value(x).to_json(); }
std::string text(int64_t x) { return std::to_string(x); }

/// Factories do not know where the user wrote the field; the caller adds that.
[[noreturn]] void refuse(const std::string& field, const std::string& problem, const std::string& cure) {
  throw InputError({}, field, problem, cure);
}

void check_finite(const char* field, double x) {
  if (!std::isfinite(x)) refuse(field, std::isnan(x) ? "is not a number" : "is infinite", "write a finite number");
}

template <class T>
void check_order(T min_value, T max_value) {
  if (min_value > max_value) {
    refuse("min_value", text(min_value) + " is above max_value " + text(max_value), "swap them");
  }
}

void check_q(double q, double largest) {
  check_finite("q", q);
  if (q <= 0) refuse("q", text(q) + " is not positive", "write the distance between values, such as 1");
  if (!std::isfinite(largest / q)) {
    refuse("q", text(q) + " is too small for values up to " + text(largest), "enlarge it");
  }
}

Distribution make(DistributionKind kind, double a, double b, double q = 0, int64_t count = 0) {
  return Distribution{DistributionSpec{kind, a, b, q, count}, {}};
}

void check_bounds(double min_value, double max_value) {
  check_finite("min_value", min_value);
  check_finite("max_value", max_value);
  check_order(min_value, max_value);
  if (!std::isfinite(max_value - min_value)) {
    refuse("max_value", text(max_value) + " is too far from min_value " + text(min_value), "narrow the range");
  }
}

void check_log_bounds(double min_value, double max_value) {
  check_bounds(min_value, max_value);
  if (max_value > kMaxExponent) {
    refuse("max_value", "exp(" + text(max_value) + ") is infinite",
           "bounds are in log space: write the logarithm, or use log_uniform_values");
  }
}

void check_normal(double mu, double sigma) {
  check_finite("mu", mu);
  check_finite("sigma", sigma);
  if (sigma <= 0) refuse("sigma", text(sigma) + " is not positive", "write a standard deviation above 0");
}

void check_lognormal(double mu, double sigma) {
  check_normal(mu, sigma);
  if (mu > kMaxExponent) refuse("mu", "exp(" + text(mu) + ") is infinite", "mu is in log space: write the logarithm");
}

void check_choice_value(const Value& value) {
  if (value.is_null()) refuse("values", "contain a null", "write a number, text, boolean, list or map");
  if (value.is_real() && !std::isfinite(value.as_real())) {
    refuse("values", "contain a number that is not finite", "write finite numbers");
  }
  if (value.is_list()) {
    for (const Value& element : value.as_list()) check_choice_value(element);
  }
  if (value.is_map()) {
    for (const auto& [key, element] : value.as_map()) check_choice_value(element);
  }
}

void check_integer_bounds(int64_t min_value, int64_t max_value) {
  check_order(min_value, max_value);
  if (min_value < -kMaxInteger) refuse("min_value", text(min_value) + " is below -2^53", "raise it");
  if (max_value > kMaxInteger) refuse("max_value", text(max_value) + " is above 2^53", "lower it");
}

}  // namespace

const char* Distribution::type_name() const {
  switch (spec.kind) {
    case DistributionKind::kChoice: return "choice";
    case DistributionKind::kRandInt: return "randint";
    case DistributionKind::kUniform: return "uniform";
    case DistributionKind::kQUniform: return "quniform";
    case DistributionKind::kLogUniform: return "loguniform";
    case DistributionKind::kQLogUniform: return "qloguniform";
    case DistributionKind::kNormal: return "normal";
    case DistributionKind::kQNormal: return "qnormal";
    case DistributionKind::kLogNormal: return "lognormal";
    case DistributionKind::kQLogNormal: return "qlognormal";
    case DistributionKind::kInt:
    case DistributionKind::kLogInt: return "int";
    case DistributionKind::kLogUniformValues: return "log_uniform_values";
  }
  return "unknown";
}

bool Distribution::is_integer() const {
  return spec.kind == DistributionKind::kRandInt || spec.kind == DistributionKind::kInt ||
         spec.kind == DistributionKind::kLogInt;
}

Value Distribution::decode(double x) const {
  if (is_integer()) return Value(static_cast<int64_t>(x));
  if (spec.kind != DistributionKind::kChoice) return Value(x);
  if (!(x >= 0 && x < static_cast<double>(values.size()))) {
    throw std::out_of_range("draw " + text(x) + " is no index into " + std::to_string(values.size()) + " choices");
  }
  return values[static_cast<size_t>(x)];
}

Distribution choice(std::vector<Value> values) {
  if (values.empty()) refuse("values", "is empty", "list at least one value");
  for (const Value& value : values) check_choice_value(value);
  Distribution result = make(DistributionKind::kChoice, 0, 0, 0, static_cast<int64_t>(values.size()));
  result.values = std::move(values);
  return result;
}

Distribution randint(int64_t upper) {
  if (upper < 1) refuse("upper", text(upper) + " leaves no value", "write at least 1: values are 0..upper-1");
  if (upper > kMaxInteger) refuse("upper", text(upper) + " is above 2^53", "lower it");
  return make(DistributionKind::kRandInt, 0, 0, 0, upper);
}

Distribution uniform(double min_value, double max_value) {
  check_bounds(min_value, max_value);
  return make(DistributionKind::kUniform, min_value, max_value);
}

Distribution quniform(double min_value, double max_value, double q) {
  check_bounds(min_value, max_value);
  check_q(q, std::max(std::abs(min_value), std::abs(max_value)));
  return make(DistributionKind::kQUniform, min_value, max_value, q);
}

Distribution loguniform(double min_value, double max_value) {
  check_log_bounds(min_value, max_value);
  return make(DistributionKind::kLogUniform, min_value, max_value);
}

Distribution qloguniform(double min_value, double max_value, double q) {
  check_log_bounds(min_value, max_value);
  check_q(q, std::exp(max_value));
  return make(DistributionKind::kQLogUniform, min_value, max_value, q);
}

Distribution normal(double mu, double sigma) {
  check_normal(mu, sigma);
  return make(DistributionKind::kNormal, mu, sigma);
}

Distribution qnormal(double mu, double sigma, double q) {
  check_normal(mu, sigma);
  check_q(q, std::abs(mu) + sigma);
  return make(DistributionKind::kQNormal, mu, sigma, q);
}

Distribution lognormal(double mu, double sigma) {
  check_lognormal(mu, sigma);
  return make(DistributionKind::kLogNormal, mu, sigma);
}

Distribution qlognormal(double mu, double sigma, double q) {
  check_lognormal(mu, sigma);
  check_q(q, std::exp(mu));
  return make(DistributionKind::kQLogNormal, mu, sigma, q);
}

Distribution int_range(int64_t min_value, int64_t max_value, int64_t step) {
  check_integer_bounds(min_value, max_value);
  if (step < 1) refuse("step", text(step) + " is not positive", "write at least 1");
  const int64_t count = (max_value - min_value) / step + 1;
  const int64_t last = min_value + (count - 1) * step;
  return make(DistributionKind::kInt, static_cast<double>(min_value), static_cast<double>(last),
              static_cast<double>(step), count);
}

Distribution log_int_range(int64_t min_value, int64_t max_value) {
  check_integer_bounds(min_value, max_value);
  if (min_value < 1) {
    refuse("min_value", text(min_value) + " has no logarithm", "write at least 1, or leave out 'log: true'");
  }
  return make(DistributionKind::kLogInt, static_cast<double>(min_value), static_cast<double>(max_value));
}

Distribution log_uniform_values(double min_value, double max_value) {
  check_bounds(min_value, max_value);
  if (min_value <= 0) {
    refuse("min_value", text(min_value) + " has no logarithm",
           "write a bound above 0, in value space; loguniform takes bounds in log space");
  }
  return make(DistributionKind::kLogUniformValues, min_value, max_value);
}

SearchSpace& SearchSpace::add(std::string name, Distribution distribution, SourceLocation where) {
  if (name.empty()) throw InputError(where, "search_space", "a hyperparameter has no name", "name it");
  if (find(name)) {
    throw InputError(where, "search_space." + name, "is declared twice", "remove or rename one of the two");
  }
  parameters_.push_back({std::move(name), std::move(distribution), std::move(where)});
  return *this;
}

std::optional<int64_t> SearchSpace::find(const std::string& name) const {
  for (int64_t i = 0; i < n_params(); ++i) {
    if ((*this)[i].name == name) return i;
  }
  return std::nullopt;
}

std::vector<DistributionSpec> SearchSpace::specs() const {
  std::vector<DistributionSpec> result;
  result.reserve(parameters_.size());
  for (const Parameter& parameter : parameters_) result.push_back(parameter.distribution.spec);
  return result;
}

}  // namespace lockstep
