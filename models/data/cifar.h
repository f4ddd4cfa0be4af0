#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "models/data/array.h"

namespace lockstep::models {

/// Which of an image's labels is the class: CIFAR-10 has one, CIFAR-100 a coarse (20 classes) and a fine one (100).
enum class CifarLabel { kOnly, kCoarse, kFine };

struct CifarImages {
  Array images;                ///< [n, 3, 32, 32], red, green and blue
  std::vector<double> labels;  ///< [n]
};

/// Reads the binary versions of CIFAR-10 and CIFAR-100 (A. Krizhevsky, 2009). `name` is for messages. Throws DataError for
/// an empty file, one that is no whole number of records, and a label that there cannot be.
CifarImages read_cifar(const std::string& bytes, CifarLabel label, const std::string& name);

}  // namespace lockstep::models
