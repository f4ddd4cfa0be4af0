#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace lockstep::models {

/// Numbers in rows of equal shape, as a file holds them: as its bytes where these are the numbers (images), which take an
/// eighth of the memory.
struct Array {
  std::vector<int64_t> shape;   ///< [n, ...]
  std::string bytes;            ///< row-major, unsigned
  std::vector<double> numbers;  ///< row-major, where `bytes` is empty

  size_t size() const { return bytes.empty() ? numbers.size() : bytes.size(); }
  double operator[](size_t i) const {
    return bytes.empty() ? numbers[i] : static_cast<double>(static_cast<unsigned char>(bytes[i]));
  }
};

/// "(60000, 28, 28)", as NumPy writes it.
inline std::string shape_text(const std::vector<int64_t>& shape) {
  std::string out = "(";
  for (const auto size : shape) {
    if (out.size() > 1) out += ", ";
    out += std::to_string(size);
  }
  return out + ")";
}

}  // namespace lockstep::models
