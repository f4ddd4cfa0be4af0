#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <limits>
#include <memory>
#include <optional>
#include <set>
#include <thread>

#include <lockstep/bayesian.h>
#include <lockstep/sampling.h>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/shell_command.h"
#include "cli/test_functions.h"
#include "core/nested_choice.h"
#include "report/format.h"

namespace lockstep::cli {
namespace {

struct OptimizeOptions {
  std::string function;
  std::string space;
  std::string command;
  std::string goal = "minimize";
  std::string rule = "bayesian";
  std::string acquisition = "auto";
  int64_t q = 1;
  int64_t rounds = 50;
  int64_t startup = 0;
  int64_t model_size = BayesianSettings{}.model_size;
  double failures = 0;
  std::string seed;
  int n_jobs = 0;
  std::string format = "text";
};

/// Where the next configurations come from: the sampler under test, or one that learns nothing.
class Source {
 public:
  Source(const OptimizeOptions& options, const SearchSpace& space, Goal goal, uint64_t seed) : space_(space) {
    if (options.rule == "bayesian") {
      BayesianOptions bayesian;
      bayesian.goal = goal;
      bayesian.seed = seed;
      BayesianSettings& settings = bayesian.settings;
      settings.startup = options.startup;
      settings.model_size = options.model_size;
      settings.acquisition = options.acquisition == "thompson" ? Acquisition::kThompson
                             : options.acquisition == "log_ei" ? Acquisition::kLogEi
                                                               : Acquisition::kAuto;
      sampler_.emplace(space, bayesian);
    }
    sampling_.algorithm = options.rule == "sobol" ? SamplingAlgorithm::kSobol : SamplingAlgorithm::kRandom;
    context_.seed = seed;
  }

  Configurations ask(int64_t q) {
    if (sampler_) return sampler_->ask(q);
    const int64_t first = n_asked_;
    n_asked_ += q;
    return sample(host_backend(), context_, sampling_, space_, first, q);
  }
  void tell(const double* draws, double value) {
    if (sampler_) sampler_->tell({draws, static_cast<size_t>(space_.n_params())}, value);
  }

 private:
  const SearchSpace& space_;
  std::optional<BayesianSampler> sampler_;
  Sampling sampling_;
  Context context_;
  int64_t n_asked_ = 0;
};

/// What is optimised: a built-in function, or a command that prints a number.
struct Problem {
  SearchSpace space;
  Goal goal = Goal::kMinimize;
  std::function<std::vector<double>(const Configurations&)> values;
  std::optional<double> least;  ///< known of a built-in function
};

Problem built_in(const std::string& name, double failures, uint64_t seed) {
  const TestFunction function = test_function(name);
  const auto values = [function, failures, seed](const Configurations& batch) {
    std::vector<double> out;
    for (int64_t trial = batch.first_trial(); trial < batch.first_trial() + batch.n_trials(); ++trial) {
      out.push_back(evaluation_fails(seed, trial, failures) ? std::numeric_limits<double>::quiet_NaN()
                                                            : function.value(batch.row(trial), batch.space().n_params()));
    }
    return out;
  };
  return {function.space, Goal::kMinimize, values, function.least};
}

Problem of_command(const OptimizeOptions& options) {
  Problem problem;
  problem.space = load_space_file(options.space).search_space;
  problem.goal = options.goal == "maximize" ? Goal::kMaximize : Goal::kMinimize;
  std::vector<std::string> names;
  std::vector<int64_t> params;  // without those that stand in maps of others
  const std::set<std::string> nested = nested_names(problem.space);
  for (int64_t param = 0; param < problem.space.n_params(); ++param) {
    if (nested.count(problem.space[param].name) != 0) continue;
    names.push_back(problem.space[param].name);
    params.push_back(param);
  }
  const CommandTemplate command(options.command, names);
  const int n_jobs = options.n_jobs > 0 ? options.n_jobs : std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  problem.values = [command, params, n_jobs](const Configurations& batch) {
    std::vector<std::string> commands;
    for (int64_t trial = batch.first_trial(); trial < batch.first_trial() + batch.n_trials(); ++trial) {
      std::vector<std::string> values;
      for (const int64_t param : params) values.push_back(composed_value(batch, trial, param).to_string());
      commands.push_back(command.with(values));
    }
    return numbers_of(commands, n_jobs);
  };
  return problem;
}

nlohmann::json configuration(const SearchSpace& space, const std::vector<double>& draws) {
  nlohmann::json out = nlohmann::json::object();
  for (int64_t param = 0; param < space.n_params(); ++param) {
    out[space[param].name] = space[param].distribution.decode(draws[static_cast<size_t>(param)]).to_string();
  }
  return out;
}

void optimize(const OptimizeOptions& options) {
  if (options.function.empty() == options.command.empty()) {
    throw CLI::RequiredError("one of --function and --command");
  }
  if (options.command.empty() != options.space.empty()) throw CLI::RequiredError("--space, with --command");
  if (options.failures > 0 && options.function.empty()) throw CLI::RequiredError("--function, with --failures");
  const uint64_t seed = options.seed.empty() ? random_seed() : std::stoull(options.seed);
  if (options.seed.empty()) {
    std::fprintf(stderr, "Seed: %llu (drawn; repeat with --seed)\n", static_cast<unsigned long long>(seed));
  }
  const Problem problem =
      options.function.empty() ? of_command(options) : built_in(options.function, options.failures, seed);
  Source source(options, problem.space, problem.goal, seed);
  const double sign = problem.goal == Goal::kMaximize ? -1 : 1;
  double best = std::numeric_limits<double>::infinity();  // of sign * value
  std::vector<double> best_draws;
  nlohmann::json trace = nlohmann::json::array(), seconds_of_asks = nlohmann::json::array();
  std::set<std::vector<double>> distinct;
  double seconds_asking = 0;
  int64_t n_failed = 0;
  for (int64_t round = 0; round < options.rounds; ++round) {
    const auto begin = std::chrono::steady_clock::now();
    const Configurations batch = source.ask(options.q);
    const double seconds_last = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    seconds_asking += seconds_last;
    seconds_of_asks.push_back(seconds_last);
    const std::vector<double> values = problem.values(batch);
    for (int64_t i = 0; i < options.q; ++i) {
      const double* draws = batch.row(batch.first_trial() + i);
      const double value = values[static_cast<size_t>(i)];
      distinct.emplace(draws, draws + problem.space.n_params());
      source.tell(draws, value);
      if (!std::isfinite(value)) {
        ++n_failed;
      } else if (sign * value < best) {
        best = sign * value;
        best_draws.assign(draws, draws + problem.space.n_params());
      }
    }
    trace.push_back(std::isfinite(best) ? nlohmann::json(sign * best) : nlohmann::json());
    if (options.format == "text" && (options.q > 1 || (round + 1) % 10 == 0 || round + 1 == options.rounds)) {
      std::fprintf(stderr, "round %lld | %lld evaluated | best %s | asked in %s s\n",
                   static_cast<long long>(round + 1), static_cast<long long>((round + 1) * options.q),
                   std::isfinite(best) ? format_number(sign * best).c_str() : "none yet", format_number(seconds_last).c_str());
    }
  }
  if (options.format == "json") {
    nlohmann::json out = {{"seed", seed}, {"evaluations", options.q * options.rounds}, {"failed", n_failed},
                          {"distinct", distinct.size()}, {"trace", trace}, {"seconds_asking", seconds_asking},
                          {"seconds_of_asks", seconds_of_asks}};
    if (std::isfinite(best)) {
      out["best"] = sign * best;
      out["configuration"] = configuration(problem.space, best_draws);
      if (problem.least) out["regret"] = best - *problem.least;
    }
    print(out.dump() + "\n");
    return;
  }
  if (!std::isfinite(best)) {
    throw TaskError("none of " + format_count(options.q * options.rounds) +
                    " evaluations gave a number; " +
                    (options.command.empty() ? "let fewer fail with --failures"
                                             : "run the command by hand and see what it prints last"));
  }
  std::string text = "Best value " + format_number(sign * best);
  if (problem.least) text += " (" + format_number(best - *problem.least) + " above the least)";
  if (n_failed > 0) text += ", " + format_count(n_failed) + " evaluations failed";
  text += "\n";
  for (int64_t param = 0; param < problem.space.n_params(); ++param) {
    text += "  " + problem.space[param].name + ": " +
            format_value(problem.space[param].distribution.decode(best_draws[static_cast<size_t>(param)])) + "\n";
  }
  print(text);
}

}  // namespace

void add_optimize(CLI::App& app) {
  auto options = std::make_shared<OptimizeOptions>();
  auto* command = app.add_subcommand("optimize", "optimise a function or a program by the sampler alone");
  command->add_option("--function", options->function, "a function that optimisers are compared on")
      ->check(CLI::IsMember(test_function_names()));
  command->add_option("--space", options->space, "file with the search_space of --command")->type_name("FILE");
  command->add_option("--command", options->command,
                      "run by sh for every configuration, {name} standing for a value; the last line that it prints is "
                      "the number to optimise");
  command->add_option("--goal", options->goal, "of --command")
      ->check(CLI::IsMember({"minimize", "maximize"}))
      ->capture_default_str();
  command->add_option("--q", options->q, "configurations at a time")->check(CLI::Range(1, 65536))->capture_default_str();
  command->add_option("--rounds", options->rounds, "how often")->check(CLI::Range(1, 1000000))->capture_default_str();
  command->add_option("--seed", options->seed, "of everything that is random")
      ->check(CLI::TypeValidator<uint64_t>())
      ->type_name("N");
  command->add_option("--rule", options->rule, "where configurations come from")
      ->check(CLI::IsMember({"bayesian", "random", "sobol"}))
      ->capture_default_str();
  command->add_option("--acquisition", options->acquisition, "of bayesian; auto: log_ei for up to 4 at a time")
      ->check(CLI::IsMember({"auto", "thompson", "log_ei"}))
      ->capture_default_str();
  command->add_option("--startup", options->startup, "of bayesian: Sobol points before there is a model; 0: it chooses")
      ->check(CLI::Range(0, 1000000))
      ->capture_default_str();
  command->add_option("--model-size", options->model_size, "of bayesian: observations that hyperparameters are fitted to")
      ->check(CLI::Range(2, 1000000))
      ->capture_default_str();
  command->add_option("--failures", options->failures,
                      "of --function: share of the evaluations that fail, by the seed and the evaluation's number alone")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  command->add_option("-j,--jobs", options->n_jobs, "commands at a time; 0: one a core")->check(CLI::Range(0, 4096));
  command->add_option("--format", options->format, "text or json")
      ->check(CLI::IsMember({"text", "json"}))
      ->capture_default_str();
  command->footer(
      "Examples:\n"
      "  lockstep optimize --function hartmann6 --q 64 --rounds 10 --seed 1\n"
      "  lockstep optimize --space space.yml --command 'python train.py --lr {lr}' --goal maximize --q 4 --rounds 20");
  command->callback([options] { optimize(*options); });
}

}  // namespace lockstep::cli
