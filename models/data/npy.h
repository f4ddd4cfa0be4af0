#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace lockstep::models {

/// An array as NumPy saves one.
struct NpyArray {
  std::vector<int64_t> shape;
  std::vector<double> values;  ///< row-major, whatever the file's order; 64-bit integers beyond 2^53 are rounded
};

/// Reads the .npy format, versions 1 to 3: little-endian floats of 4 and 8 bytes, signed and unsigned integers of 1 to
/// 8 bytes and booleans, in C or Fortran order. `name` is for messages. Throws DataError for anything else, and for a
/// file cut short.
NpyArray read_npy(std::string_view bytes, const std::string& name);

}  // namespace lockstep::models
