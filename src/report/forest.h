#pragma once

#include <bitset>
#include <cstdint>
#include <vector>

namespace lockstep {

/// Bins that a forest tells apart in one column.
inline constexpr size_t kMaxForestBins = 64;
using ForestBins = std::bitset<kMaxForestBins>;

/// A column of what a forest learns from, cut into bins.
struct ForestColumn {
  std::vector<uint8_t> bins;    ///< [n_rows], each below `weights.size()`
  std::vector<double> weights;  ///< of the bins: the share of the rows; adds up to 1
  bool is_ordered = true;       ///< otherwise any set of bins may be split off, not only the lower ones
};

/// Cuts numbers into at most kMaxForestBins bins of about as many rows; equal numbers share a bin.
ForestColumn ordered_column(const std::vector<double>& values);
/// A bin a category; where there are too many, the rare ones share one.
/// @param categories [n_rows], each below `n_categories`
ForestColumn category_column(const std::vector<int64_t>& categories, int64_t n_categories);

/// What a forest says of its columns, which vary independently of each other by their bins' weights.
struct ForestVariance {
  double total = 0;                ///< of the forest's predictions
  std::vector<double> of_columns;  ///< of its mean over all other columns; [n_columns]
  double held_out_r2 = 0;          ///< of rows that a tree was not grown on; can be negative
};

/// Grows a forest of regression trees on `targets` [n_rows] and decomposes its variance exactly, but for `total`, which is
/// of a fixed random sample. Deterministic. At least 4 rows.
ForestVariance forest_variance(const std::vector<ForestColumn>& columns, const std::vector<double>& targets);

}  // namespace lockstep
