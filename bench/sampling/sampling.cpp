// Lockstep's side of bench/sampling/run: draws a mixed space through the public API, into memory it has written before.
#include <vector>

#include <CLI/CLI.hpp>

#include <lockstep/backend.h>
#include <lockstep/sampling.h>
#include <lockstep/search_space.h>

#include "timing.h"

namespace {

using namespace lockstep;

SearchSpace mixed_space() {
  SearchSpace space;
  space.add("dropout", quniform(0, 1, 0.05));
  space.add("lr", loguniform(-9, -2));
  space.add("shift", normal(1, 2));
  space.add("units", int_range(1, 512));
  space.add("activation", choice({Value("relu"), Value("tanh"), Value("gelu"), Value("silu"), Value("elu")}));
  return space;
}

}  // namespace

int main(int argc, char** argv) {
  bench::refuse_debug_build();
  int64_t n_trials = 1'000'000;
  double min_seconds = 0.5;
  bool sobol = false;
  CLI::App app("Draws configurations of five hyperparameters.");
  app.add_option("--trials", n_trials, "Configurations at a time")->capture_default_str();
  app.add_option("--min-seconds", min_seconds, "Draw until so much has gone by")->capture_default_str();
  app.add_flag("--sobol", sobol, "Draw a scrambled Sobol sequence");
  CLI11_PARSE(app, argc, argv);

  const SearchSpace space = mixed_space();
  Context context;
  context.seed = 7;
  const Sampling sampling{sobol ? SamplingAlgorithm::kSobol : SamplingAlgorithm::kRandom, {}};
  const Sampler sampler(host_backend(), context, sampling, space);
  std::vector<double> draws(static_cast<size_t>(n_trials * space.n_params()));
  bench::print_rates(bench::repeat(min_seconds, [&] { sampler.draw(0, n_trials, draws.data()); }), n_trials);
}
