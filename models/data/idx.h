#pragma once

#include <string>

#include "models/data/array.h"

namespace lockstep::models {

/// Reads the IDX format (Y. LeCun's, of MNIST and its like): 1 to 8 dimensions of unsigned or signed bytes, big-endian
/// integers of 2 and 4 bytes, or floats of 4 and 8. `name` is for messages. Throws DataError for anything else, and for
/// a file that is shorter or longer than its header says. What was read as it is, is moved, not copied.
Array read_idx(std::string bytes, const std::string& name);

}  // namespace lockstep::models
