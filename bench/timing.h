#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

namespace lockstep::bench {

/// Ends the program in a Debug build.
inline void refuse_debug_build() {
#ifndef NDEBUG
  std::fputs("this is a Debug build, whose figures mean nothing; configure with -DCMAKE_BUILD_TYPE=Release\n", stderr);
  std::exit(1);
#endif
}

struct Repetitions {
  int64_t n = 0;
  double seconds = 0;
};

/// Runs `call` once to warm up, then until `min_seconds` have gone by. `bench/peers/stopwatch.py` has the same for Python.
template <class Call>
Repetitions repeat(double min_seconds, Call call) {
  using Clock = std::chrono::steady_clock;
  call();
  Repetitions done;
  const auto begin = Clock::now();
  while (done.n == 0 || done.seconds < min_seconds) {
    call();
    ++done.n;
    done.seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  }
  return done;
}

}  // namespace lockstep::bench
