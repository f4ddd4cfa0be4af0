#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <lockstep/search_space.h>

namespace lockstep::cli {

/// A function that optimisers are compared on, to be minimised.
struct TestFunction {
  std::string name;
  SearchSpace space;
  double (*value)(const double* x, int64_t n);
  double least;  ///< its value at the best point
};

/// "branin", "hartmann6", "ackley10", "ackley20", "mixed": the names.
std::vector<std::string> test_function_names();
/// Throws std::out_of_range for a name that is none.
TestFunction test_function(const std::string& name);

/// Whether an evaluation is one of the `share` in [0, 1] that fail whatever is proposed: where the number that SplitMix64,
/// started at `seed`, gives for `trial` (from 0) is below it. The same in every program that follows this.
bool evaluation_fails(uint64_t seed, int64_t trial, double share);

}  // namespace lockstep::cli
