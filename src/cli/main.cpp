#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <exception>
#include <random>

#include <lockstep/error.h>

#include "cli/commands.h"
#include "report/format.h"

namespace lockstep::cli {

void print(const std::string& text) {
  const bool written = std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0;
  if (written || errno == EPIPE) return;
  throw OutputError(std::string("standard output: ") + std::strerror(errno) + "; free space, or send the output elsewhere");
}

uint64_t random_seed() {
  std::random_device device;
  return (static_cast<uint64_t>(device()) << 32 | device()) >> 11;  // 53 bits: survives JSON and YAML readers
}

void SweepFileOptions::add_to(CLI::App& command) {
  command.add_option("FILE", file, "sweep file (YAML, Azure ML's sweep-job schema)")->required();
  command.add_option("--set", set, "change a value of the file: a dotted path and a YAML value; may be repeated")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
  command.add_option("--seed", seed, "seed of everything random, instead of sampling_algorithm.seed")->type_name("N");
  command.add_option("--max-total-trials", max_total_trials, "instead of limits.max_total_trials")->type_name("N");
}

SweepSpec SweepFileOptions::load() const {
  std::vector<Override> overrides;
  for (const auto& text : set) overrides.push_back(parse_override(text));
  if (!max_total_trials.empty()) overrides.push_back({"limits.max_total_trials", max_total_trials});
  if (!seed.empty()) overrides.push_back({"sampling_algorithm.seed", seed});
  return load_sweep_file(file, overrides);
}

namespace {

int report(const char* kind, const char* message, ExitCode code) {
  // A name in it may hold what a terminal would obey.
  std::fprintf(stderr, "lockstep: %s: %s\n", kind, printable(message, true).c_str());
  return static_cast<int>(code);
}

/// A wrong command line, in the form of every other error; "did you mean" for a command.
int report_usage(const CLI::App& app, const CLI::ParseError& error, const char* first_argument) {
  std::string message = error.what();
  std::string command = "lockstep";
  if (!app.get_subcommands().empty()) {
    command += " " + app.get_subcommands().front()->get_name();
  } else if (first_argument && first_argument[0] != '-') {
    std::vector<std::string> names;
    for (const CLI::App* each : app.get_subcommands([](const CLI::App* command) { return !command->get_group().empty(); })) {
      names.push_back(each->get_name());
    }
    const std::string near = nearest_name(first_argument, names);
    message = std::string("unknown command '") + first_argument + "'";
    if (!near.empty()) message += "; did you mean '" + near + "'?";
  }
  std::fprintf(stderr, "lockstep: error: %s\nRun '%s --help' for how to use it.\n", printable(message, true).c_str(),
               command.c_str());
  return static_cast<int>(ExitCode::kUsage);
}

int run(int argc, char** argv) {
  CLI::App app("Trains thousands of hyperparameter configurations as one batched model.", "lockstep");
  app.set_version_flag("--version", std::string("lockstep ") + LOCKSTEP_VERSION);
  app.require_subcommand(1);
  app.footer(
      "Examples:\n"
      "  lockstep run examples/digits_mlp.yml\n"
      "  lockstep run sweep.yml --seed 7 --set limits.max_total_trials=200 --output results\n"
      "  lockstep best results\n"
      "  lockstep trials results --format csv > trials.csv\n"
      "  lockstep report results\n"
      "  lockstep plot results\n"
      "  lockstep export results --to optuna.db\n"
      "  lockstep sample sweep.yml -n 1000 > configurations.csv\n"
      "  lockstep optimize --space space.yml --command './train --lr {lr}' --q 4 --rounds 20\n"
      "  lockstep simulate --curves curves.csv --policy policy.yml --goal minimize\n\n"
      "Exit codes: 0 success, 1 internal error, 2 wrong command line, 3 wrong sweep file, 4 unusable data,\n"
      "5 results cannot be written or read, 6 device not there, 7 training task failed, 8 a replay differs,\n"
      "130 interrupted.\n"
      "'lockstep COMMAND --help' tells more about a command.");
  add_run(app);
  add_resume(app);
  add_replay(app);
  add_export_model(app);
  add_compare(app);
  add_plot(app);
  add_export(app);
  add_import(app);
  add_convert(app);
  add_validate(app);
  add_best(app);
  add_trials(app);
  add_report(app);
  add_serve(app);
  add_sample(app);
  add_optimize(app);
  add_simulate(app);
  add_info(app);
  add_reference(app);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // help or version
    if (argc == 1) {
      std::fputs(app.help().c_str(), stderr);
      return static_cast<int>(ExitCode::kUsage);
    }
    return report_usage(app, error, argv[1]);
  }
  return 0;
}

}  // namespace
}  // namespace lockstep::cli

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);  // `lockstep trials ... | head` is no failure
  std::signal(SIGXFSZ, SIG_IGN);  // a file above the user's limit is a failure to write, with a message
  using namespace lockstep;
  try {
    return cli::run(argc, argv);
  } catch (const cli::ExitRequest& request) {
    return request.code;
  } catch (const Error& error) {
    return cli::report("error", error.what(), error.exit_code());
  } catch (const std::bad_alloc&) {
    return cli::report("error", "out of memory; lower limits.max_concurrent_trials", ExitCode::kDevice);
  } catch (const std::exception& error) {
    return cli::report("internal error, please report it", error.what(), ExitCode::kInternal);
  }
}
