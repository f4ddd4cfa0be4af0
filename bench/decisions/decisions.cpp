// Lockstep's side of bench/decisions/run: the decision pass over recorded metrics, with nobody training.
#include <algorithm>
#include <cstdio>
#include <fstream>
#include <stdexcept>
#include <vector>

#include <CLI/CLI.hpp>

#include <lockstep/backend.h>
#include <lockstep/sampling.h>
#include <lockstep/sweep_spec.h>

#include "core/brackets.h"
#include "core/decisions.h"
#include "timing.h"

namespace {

using namespace lockstep;

std::vector<double> read_curves(const std::string& path, int64_t size) {
  std::vector<double> curves(static_cast<size_t>(size));
  std::ifstream file(path, std::ios::binary);
  if (!file.read(reinterpret_cast<char*>(curves.data()), static_cast<std::streamsize>(curves.size() * sizeof(double)))) {
    throw std::runtime_error(path + " has not " + std::to_string(size) + " numbers");
  }
  return curves;
}

SweepSpec sweep_of(const std::string& policy, int64_t n_trials) {
  return parse_sweep("type: sweep\nsampling_algorithm: {type: random, seed: 7}\n"
                     "trial: {model: mlp, dataset: digits}\n"
                     "search_space: {lr: {type: loguniform, min_value: -9, max_value: -2}}\n"
                     "objective: {goal: maximize, primary_metric: accuracy}\n"
                     "early_termination: " + policy + "\n"
                     "limits: {max_total_trials: " + std::to_string(n_trials) + "}\n",
                     "bench");
}

}  // namespace

int main(int argc, char** argv) {
  bench::refuse_debug_build();
  std::string curves_file;
  std::string policy = "{type: none}";
  int64_t n_trials = 100'000;
  int64_t n_intervals = 100;
  double min_seconds = 0.5;
  CLI::App app("Decides over recorded metrics.");
  app.add_option("--curves", curves_file, "Raw doubles [intervals, trials]")->required();
  app.add_option("--trials", n_trials, "All running together")->capture_default_str();
  app.add_option("--intervals", n_intervals, "That each trains")->capture_default_str();
  app.add_option("--policy", policy, "early_termination, as YAML")->capture_default_str();
  app.add_option("--min-seconds", min_seconds, "Decide sweeps until so much has gone by")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  try {
    const std::vector<double> curves = read_curves(curves_file, n_trials * n_intervals);
    const SweepSpec spec = sweep_of(policy, n_trials);
    Context context;
    const Configurations configurations = sample(host_backend(), context, spec);
    const std::vector<int32_t> lengths(static_cast<size_t>(n_trials), static_cast<int32_t>(n_intervals));
    const auto brackets = plan_brackets(spec.early_termination, {n_trials, n_trials, n_intervals});
    const Population population = {{1}, std::vector<int32_t>(lengths.size(), 0)};
    const auto run = [&](auto&& look) {
      Decisions decisions(host_backend(), context, spec.objective.goal, spec.early_termination, configurations, lengths,
                          n_trials, brackets, population);
      decisions.fill();
      std::vector<uint8_t> has_ended(static_cast<size_t>(n_trials), 0);
      std::vector<int32_t> live;
      int64_t n_left = n_trials;
      for (int64_t n = 0; n < n_intervals; ++n) {
        // What an executor would do. Rows are slots here, as all start together.
        const double* const metrics = curves.data() + n * n_trials;
        if (live.empty()) {
          std::copy_n(metrics, n_trials, decisions.metrics());
        } else {
          for (const int32_t slot : live) decisions.metrics()[slot] = metrics[slot];
        }
        for (const Event& event : decisions.decide(0).events) {
          has_ended[static_cast<size_t>(event.slot)] = event.successor == event.trial ? 0 : 1;
          n_left -= event.successor == event.trial ? 0 : 1;
        }
        // Few are reported one by one, from a list that is made anew when it is twice too long.
        if (8 * n_left < n_trials && (live.empty() || 2 * n_left < static_cast<int64_t>(live.size()))) {
          live.clear();
          for (int64_t slot = 0; slot < n_trials; ++slot) {
            if (!has_ended[static_cast<size_t>(slot)]) live.push_back(static_cast<int32_t>(slot));
          }
        }
        look(n_left);
      }
    };
    int64_t n_running = n_trials;
    int64_t n_decisions = 0;
    run([&](int64_t n_left) {
      n_decisions += n_running;
      n_running = n_left;
    });
    bench::print_rates(bench::repeat(min_seconds, [&] { run([](int64_t) {}); }), n_decisions);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
