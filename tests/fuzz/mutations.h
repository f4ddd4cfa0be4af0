#pragma once

#include <cstddef>
#include <random>
#include <string>

namespace lockstep::fuzz {

using Random = std::mt19937_64;

/// Changes `input` a little, as somebody who writes a file badly, or a broken disk, might: bits, bytes, words, numbers
/// at the edge of their type, lines, and long repetitions. What is put in may come from `donor`, another input.
void mutate(std::string& input, const std::string& donor, Random& random, size_t max_size);

}  // namespace lockstep::fuzz
