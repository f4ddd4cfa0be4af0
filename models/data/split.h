#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace lockstep::models {

struct SplitOptions {
  double validation_fraction = 0.2;
  double test_fraction = 0.2;
  uint64_t seed = 0;  ///< its own, not the sweep's: a sweep with another seed is judged on the same examples
};

/// Row numbers of each part, ascending; every row is in one of them.
struct Split {
  std::vector<int64_t> train;
  std::vector<int64_t> validation;
  std::vector<int64_t> test;
};

/// Splits `n_rows` rows at random: the same on every machine, for the shuffle is our own. Throws DataError, with
/// `name`, when there are too few rows to give every part one.
Split split_rows(int64_t n_rows, const SplitOptions& options, const std::string& name);

/// The same with each class's rows split by the fractions, so that every part has the classes in like proportion.
/// @param labels class of each row, [n_rows], in 0 .. classes.size() - 1
/// @param classes names, for messages: DataError when one has too few rows to be in every part
Split split_stratified(const std::vector<int64_t>& labels, const std::vector<std::string>& classes,
                       const SplitOptions& options, const std::string& name);

/// `n_taken` of `n_rows` rows at random, ascending; the same on every machine.
std::vector<int64_t> sample_rows(int64_t n_rows, int64_t n_taken, uint64_t seed);

}  // namespace lockstep::models
