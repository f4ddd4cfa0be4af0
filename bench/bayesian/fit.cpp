// Times the fit of a Gaussian process's hyperparameters by itself: Hartmann's function of 6 dimensions at the points of a
// Sobol sequence. By default as the sampler does it, to its model_size of the observations; --rows N to more.
#include <chrono>
#include <cstdio>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <torch/torch.h>

#include <lockstep/sampling.h>

#include "bayesian/gaussian_process.h"
#include "cli/test_functions.h"
#include "timing.h"

int main(int argc, char** argv) {
  using namespace lockstep;
  CLI::App app("the fit of hyperparameters");
  int64_t n = 2000, rows = BayesianSettings{}.model_size;
  uint64_t seed = 1;
  app.add_option("--observations", n)->capture_default_str();
  app.add_option("--rows", rows, "that the fit looks at")->capture_default_str();
  app.add_option("--seed", seed)->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  bench::refuse_debug_build();

  const cli::TestFunction function = cli::test_function("hartmann6");
  const int64_t d = function.space.n_params();
  Context context;
  context.seed = seed;
  const Configurations points =
      sample(host_backend(), context, {SamplingAlgorithm::kSobol}, function.space, 0, n);
  std::vector<double> values;
  for (int64_t i = 0; i < n; ++i) values.push_back(-function.value(points.row(i), d));
  const torch::Tensor y = torch::tensor(values, torch::kDouble);
  const GpData data{torch::tensor(points.draws(), torch::kDouble).reshape({n, d}), (y - y.mean()) / y.std(),
                    torch::arange(d, torch::kLong)};
  GpFitOptions options;
  options.max_rows = rows;
  options.seed = seed;
  const auto begin = std::chrono::steady_clock::now();
  const GpHyperparameters found = gp_fit(data, options);
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  std::printf("{\"seconds\": %.4f, \"noise_variance\": %.3g, \"log_likelihood\": %.1f}\n", seconds, found.noise_variance,
              gp_likelihood(data, found).value);
  return 0;
}
