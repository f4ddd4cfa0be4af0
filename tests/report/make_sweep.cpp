// make_sweep DIR [--trials N] [--intervals N] [--all] [--hostile]: a recorded sweep to look at, without training
// (made_sweep.h). --all: no trial is stopped.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>

#include "report/made_sweep.h"

int main(int argc, char** argv) {
  lockstep::testing::MadeSweep made;
  const char* directory = nullptr;
  for (int i = 1; i < argc; ++i) {
    const auto is = [&](const char* name) { return std::strcmp(argv[i], name) == 0; };
    if (is("--trials") && i + 1 < argc) {
      made.n_trials = std::atoll(argv[++i]);
    } else if (is("--intervals") && i + 1 < argc) {
      made.n_intervals = std::atoll(argv[++i]);
    } else if (is("--all")) {
      made.stops = false;
    } else if (is("--hostile")) {
      made.hostile = true;
    } else {
      directory = argv[i];
    }
  }
  if (directory == nullptr) {
    std::fprintf(stderr, "make_sweep DIR [--trials N] [--intervals N] [--all] [--hostile]\n");
    return 2;
  }
  try {
    lockstep::testing::make_sweep(directory, made);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "make_sweep: %s\n", error.what());
    return 1;
  }
  return 0;
}
