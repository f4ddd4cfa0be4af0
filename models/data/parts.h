#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "models/data/prepare.h"
#include "models/data/split.h"
#include "models/data/target.h"

namespace lockstep::models {

struct Moments {
  double mean = 0;
  double std = 0;  ///< of the population; exactly 0 for a constant
};

Moments moments_of(const std::vector<double>& values);

/// Positions in `target.rows` of each part, by the rule of `prepare`.
/// @param name the data, for messages
/// @param file_rows rows that came from each file, in order; empty: all from one
/// Throws DataError when the training or the validation part is empty, or there are too few rows to split.
Split choose_parts(const std::string& name, const std::vector<int64_t>& file_rows, const Target& target,
                   const PrepareOptions& options);

/// Sets `out`'s task and classes, or the mean and deviation of the training part's targets. Throws DataError when these
/// are constant.
/// @param target_name for messages
void fit_target(const Target& target, const std::vector<int64_t>& train, const std::string& name,
                const std::string& target_name, PreparedData& out);

/// Size and targets of a part, by what `fit_target` learnt.
void encode_targets(const Target& target, const std::vector<int64_t>& part, const PreparedData& fitted,
                    PreparedPart& out);

}  // namespace lockstep::models
