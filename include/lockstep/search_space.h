#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <lockstep/error.h>
#include <lockstep/value.h>

namespace lockstep {

enum class DistributionKind : int32_t {
  kChoice,
  kRandInt,
  kUniform,
  kQUniform,
  kLogUniform,
  kQLogUniform,
  kNormal,
  kQNormal,
  kLogNormal,
  kQLogNormal,
  kInt,
  kLogInt,
  kLogUniformValues,
};

/// What a sampler needs to know of a distribution: plain data, the same bytes on host and device. One draw is
/// one double; what it stands for:
///
/// | kind | draw | a, b | q | count |
/// |---|---|---|---|---|
/// | choice | index into the values | | | number of values |
/// | randint | integer in [0, count) | | | `upper` |
/// | uniform, quniform | U(a, b), round(U/q)*q | min, max | q | |
/// | loguniform, qloguniform | exp(U(a, b)), round(exp(U)/q)*q | min, max **in log space** | q | |
/// | normal, qnormal | N(a, b), round(N/q)*q | mu, sigma | q | |
/// | lognormal, qlognormal | exp(N(a, b)), round(exp(N)/q)*q | mu, sigma | q | |
/// | int | a + q * integer in [0, count) | first, last value | step | number of values |
/// | log int | round(exp(U(log(a - 1/2), log(b + 1/2)))) clipped to [a, b] | first, last value | | |
/// | log_uniform_values | exp(U(log a, log b)) clipped to [a, b] | min, max in value space | | |
///
/// round is to the nearest, ties to even. Quantised values are not clipped (the reference's formula).
struct DistributionSpec {
  DistributionKind kind = DistributionKind::kUniform;
  double a = 0;
  double b = 0;
  double q = 0;
  int64_t count = 0;
};

/// A distribution that a hyperparameter is drawn from. The factories below check their arguments.
struct Distribution {
  DistributionSpec spec;
  std::vector<Value> values;  ///< kChoice only

  /// The Azure ML v2 name: "choice", "qloguniform", ...; "int" for kInt and kLogInt, "log_uniform_values".
  const char* type_name() const;
  /// True where draws are whole numbers by construction (randint, int).
  bool is_integer() const;
  /// What the draw `x` stands for: the chosen value, an integer or a real.
  Value decode(double x) const;
  /// The draw that stands for `value`; where values are whole or quantised that of the nearest one. nullopt where the
  /// distribution does not give it: another choice, or a number outside of the range (a normal one's ends six deviations
  /// from its mean).
  std::optional<double> encode(const Value& value) const;
};

/// Factories. Each throws InputError (without a place; the caller adds it) when an argument is refused by the
/// rules: min > max, q <= 0, sigma <= 0, no values, a bound that is not finite.
Distribution choice(std::vector<Value> values);
Distribution randint(int64_t upper);
Distribution uniform(double min_value, double max_value);
Distribution quniform(double min_value, double max_value, double q);
/// Bounds in log space: loguniform(-6, -1) draws from [exp(-6), exp(-1)].
Distribution loguniform(double min_value, double max_value);
Distribution qloguniform(double min_value, double max_value, double q);
Distribution normal(double mu, double sigma);
Distribution qnormal(double mu, double sigma, double q);
Distribution lognormal(double mu, double sigma);
Distribution qlognormal(double mu, double sigma, double q);
/// Both bounds belong to the range.
Distribution int_range(int64_t min_value, int64_t max_value, int64_t step = 1);
Distribution log_int_range(int64_t min_value, int64_t max_value);
/// Bounds in value space, both positive.
Distribution log_uniform_values(double min_value, double max_value);

/// A named hyperparameter.
struct Parameter {
  std::string name;
  Distribution distribution;
  SourceLocation where;  ///< where the user declared it, if in a file
};

/// One configuration by name: what a program reads its hyperparameters from.
class Configuration {
 public:
  Configuration() = default;
  explicit Configuration(Value::Map values) : values_(std::move(values)) {}

  /// A hyperparameter's value. These throw InputError for a name that is not there, with the nearest one that is, and for a
  /// value of another kind. `number` takes integers too.
  const Value& value(const std::string& name) const;
  double number(const std::string& name) const;
  int64_t integer(const std::string& name) const;
  bool flag(const std::string& name) const;
  const std::string& text(const std::string& name) const;
  /// All, in the order of the search space.
  const Value::Map& values() const { return values_; }

 private:
  Value::Map values_;
};

/// The hyperparameters of a sweep in declaration order, which is also the column order of a configuration matrix.
class SearchSpace {
 public:
  /// Appends a hyperparameter. Throws InputError when the name is empty or taken.
  SearchSpace& add(std::string name, Distribution distribution, SourceLocation where = {});

  int64_t n_params() const { return static_cast<int64_t>(parameters_.size()); }
  const Parameter& operator[](int64_t i) const { return parameters_[static_cast<size_t>(i)]; }
  const std::vector<Parameter>& parameters() const { return parameters_; }
  /// Column of `name`, if it is in the space.
  std::optional<int64_t> find(const std::string& name) const;
  /// The samplers' view, one entry a column.
  std::vector<DistributionSpec> specs() const;

  /// What draws [n_params] stand for, and the draws that stand for values, as `Distribution::encode` finds them. Throws
  /// InputError for a name that is missing or not in the space, and for a value that its distribution does not give.
  Configuration decode(std::span<const double> draws) const;
  std::vector<double> encode(const Value::Map& values) const;

 private:
  std::vector<Parameter> parameters_;
};

}  // namespace lockstep
