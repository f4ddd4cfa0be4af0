#pragma once

#include <cstdio>
#include <random>
#include <string>

namespace lockstep {

/// 32 hexadecimal digits that nobody guesses: 128 bits.
inline std::string random_token() {
  std::random_device device;
  std::string token;
  for (int i = 0; i < 4; ++i) {
    char part[9];
    std::snprintf(part, sizeof part, "%08x", static_cast<unsigned>(device()));
    token += part;
  }
  return token;
}

}  // namespace lockstep
