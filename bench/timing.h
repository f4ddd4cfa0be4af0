#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>

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
  double cpu_seconds = 0;  ///< of all threads together
};

/// Runs `call` once to warm up, then until `min_seconds` have gone by. `bench/peers/stopwatch.py` has the same for Python.
template <class Call>
Repetitions repeat(double min_seconds, Call call) {
  using Clock = std::chrono::steady_clock;
  call();
  Repetitions done;
  const auto begin = Clock::now();
  const std::clock_t cpu_begin = std::clock();
  while (done.n == 0 || done.seconds < min_seconds) {
    call();
    ++done.n;
    done.seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  }
  done.cpu_seconds = static_cast<double>(std::clock() - cpu_begin) / CLOCKS_PER_SEC;
  return done;
}

/// Prints the JSON line of a contestant that does `per_call` of something in a call.
inline void print_rates(const Repetitions& done, int64_t per_call) {
  const auto n = static_cast<double>(done.n * per_call);
  std::printf("{\"per_s\": %.1f, \"per_cpu_s\": %.1f, \"per_call\": %lld}\n", n / done.seconds, n / done.cpu_seconds,
              static_cast<long long>(per_call));
}

}  // namespace lockstep::bench
