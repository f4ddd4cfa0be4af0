#pragma once

#include <cstdint>
#include <cstring>

namespace lockstep {

/// Host: calls `function(i)` for each i in [0, n), ascending, where `marks[i]` is 1 and not 0. Quick where few are.
template <class Function>
void for_each_mark(const uint8_t* marks, int64_t n, Function function) {
  int64_t i = 0;
  for (; i + 8 <= n; i += 8) {
    uint64_t eight = 0;
    std::memcpy(&eight, marks + i, sizeof(eight));
    if (eight == 0) continue;
    for (int64_t k = i; k < i + 8; ++k) {
      if (marks[k]) function(k);
    }
  }
  for (; i < n; ++i) {
    if (marks[i]) function(i);
  }
}

}  // namespace lockstep
