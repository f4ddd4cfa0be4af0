#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "models/data/array.h"
#include "models/data/prepare.h"

namespace lockstep::models {

/// What the dimensions of an example are.
enum class Layout {
  kOther,         ///< anything: standardised as one
  kImages,        ///< [channels, height, width]
  kChannelsLast,  ///< [height, width, channels], which become images
  kSequences,     ///< [steps, features]
};

/// Inputs with one target an example, of one file or several, before they are prepared.
struct Examples {
  std::string name;                ///< the first file, for messages
  Array inputs;                    ///< [n, ...] with two dimensions or more an example
  std::vector<double> targets;     ///< [n], NaN where there is none
  std::vector<int64_t> file_rows;  ///< that came from each file, in order
  Layout layout = Layout::kOther;
};

/// As `prepare` does with a table, for inputs that keep their shape: all of a channel (of images) or feature (of
/// sequences) get the training part's mean taken off and are divided by its standard deviation; NaN, a missing value,
/// becomes 0 then. Values must not be infinite. Throws what `prepare` throws.
PreparedData prepare_examples(const Examples& examples, const PrepareOptions& options);

}  // namespace lockstep::models
