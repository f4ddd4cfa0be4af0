#pragma once

#include <cstdint>
#include <vector>

#include <lockstep/search_space.h>

namespace lockstep {

/// Configurations as points of the unit cube, where a Gaussian process measures their distances: log kinds on a log
/// scale, normal ones by their probability, and a choice as a column a value, 1 / sqrt(2) at the one that is chosen
/// (so that two different values are at distance 1: Hamming's). Values are rounded before they become points.
class Encoding {
 public:
  explicit Encoding(const SearchSpace& space);

  int64_t n_params() const { return static_cast<int64_t>(specs_.size()); }
  /// Columns of a point; at least one.
  int64_t n_columns() const { return static_cast<int64_t>(params_.size()); }
  /// [n_columns] the hyperparameter behind each column; columns of one have one lengthscale.
  const std::vector<int64_t>& params() const { return params_; }
  int64_t first_column(int64_t param) const { return first_columns_[static_cast<size_t>(param)]; }
  /// Values that a hyperparameter has; 0: any in a range.
  int64_t n_values(int64_t param) const;
  bool is_choice(int64_t param) const { return spec(param).kind == DistributionKind::kChoice; }

  /// The point of a configuration [n_params], to `point` [n_columns].
  void encode(const double* draws, double* point) const;
  /// The configuration nearest to a point; of a choice the column that is largest.
  void decode(const double* point, double* draws) const;
  /// The point of the `i`-th of a hyperparameter's values, to its columns of `point`.
  void set_value(int64_t param, int64_t i, double* point) const;
  /// The number of the value that a configuration has there.
  int64_t value_of(int64_t param, double draw) const;

 private:
  const DistributionSpec& spec(int64_t param) const { return specs_[static_cast<size_t>(param)]; }
  double position(int64_t param, double draw) const;
  double draw_at(int64_t param, double position) const;

  std::vector<DistributionSpec> specs_;
  std::vector<int64_t> params_;
  std::vector<int64_t> first_columns_;
};

}  // namespace lockstep
