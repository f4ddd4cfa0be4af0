#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include <lockstep/sweep_spec.h>

namespace lockstep::cli {

/// Each adds a subcommand whose callback does the work. What it throws becomes a message and an exit code in main.cpp.
void add_run(CLI::App& app);
void add_resume(CLI::App& app);
void add_replay(CLI::App& app);
void add_export_model(CLI::App& app);
void add_compare(CLI::App& app);
void add_plot(CLI::App& app);
void add_export(CLI::App& app);
void add_import(CLI::App& app);
void add_convert(CLI::App& app);
void add_validate(CLI::App& app);
void add_best(CLI::App& app);
void add_trials(CLI::App& app);
void add_report(CLI::App& app);
void add_serve(CLI::App& app);
void add_sample(CLI::App& app);
void add_optimize(CLI::App& app);
void add_simulate(CLI::App& app);
void add_info(CLI::App& app);
/// Hidden.
void add_reference(CLI::App& app);

/// What `run` and `validate` share: the sweep file and what changes it.
struct SweepFileOptions {
  std::string file;
  std::vector<std::string> set;
  std::string seed;              ///< as typed; empty: the file's
  std::string max_total_trials;  ///< as typed; empty: the file's

  void add_to(CLI::App& command);
  /// Reads and checks the file with the overrides applied.
  SweepSpec load() const;
};

/// Thrown by a subcommand that ended well enough to have printed its results, but not with exit code 0.
struct ExitRequest {
  int code;
};

/// Prints to standard output; a reader that went away is no error.
void print(const std::string& text);

/// A seed for a user who gave none.
uint64_t random_seed();

}  // namespace lockstep::cli
