#include <filesystem>
#include <memory>
#include <optional>

#include "cli/commands.h"
#include "report/format.h"
#include "store/export.h"
#include "store/optuna_export.h"
#include "store/output_directory.h"
#include "store/tensorboard_export.h"

namespace lockstep::cli {
namespace {

namespace fs = std::filesystem;

struct ExportOptions {
  std::string directory;
  std::string format;
  std::string output;
  bool overwrite = false;
  int64_t top = 100;
};

std::string default_output(const ExportOptions& options) {
  const fs::path directory(options.directory);
  if (options.format == "optuna.db") return (directory / "optuna.db").string();
  if (options.format == "json") return (directory / "sweep.json").string();
  return (directory / options.format).string();
}

bool is_same_file(const fs::path& a, const fs::path& b) {
  std::error_code ignored;
  return fs::equivalent(a, b, ignored);
}

/// Refuses what is there already, unless it may be replaced, and the sweep's own record in any case.
void check_output(const ExportOptions& options, const std::string& output) {
  const bool is_folder = options.format == "csv" || options.format == "tensorboard";
  std::error_code ignored;
  const fs::path path(output);
  const bool exists = fs::exists(path, ignored);
  if (is_folder) {
    if (exists && !fs::is_directory(path, ignored)) {
      throw OutputError(output + ": it is a file, and " + options.format + " makes a folder; choose another with --output");
    }
  } else if (fs::is_directory(path, ignored)) {
    throw OutputError(output + ": it is a folder; name the file with --output");
  }
  for (const char* own : {kDatabaseFile, kCheckpointFile}) {
    if (is_same_file(path, fs::path(options.directory) / own)) {
      throw OutputError(output + ": it is the sweep's own record; choose another file with --output");
    }
  }
  bool is_taken = !is_folder && exists;
  if (options.format == "csv") {
    is_taken = fs::exists(path / kTrialsFile, ignored) || fs::exists(path / kCurvesFile, ignored);
  } else if (options.format == "tensorboard") {
    is_taken = holds_tensorboard_export(output);
  }
  if (is_taken && !options.overwrite) {
    throw OutputError(output + ": " + (is_folder ? "it holds an export already" : "it is there already") +
                      "; choose another with --output, or replace it with --overwrite");
  }
}

void export_sweep(const ExportOptions& options) {
  const SweepRecord record = load_results(options.directory);
  const std::string output = options.output.empty() ? default_output(options) : options.output;
  check_output(options, output);
  const Reports reports = load_reports(options.directory);
  auto n_trials = static_cast<int64_t>(record.trials.size());
  if (options.format == "optuna.db") {
    export_optuna(record, reports, output);
  } else if (options.format == "csv") {
    export_csv(record, reports, output);
  } else if (options.format == "json") {
    export_json(record, reports, output);
  } else {
    n_trials = export_tensorboard(record, reports, output, options.top);
  }
  print(printable(output) + ": " + format_count(n_trials, "trial") +
        (n_trials < static_cast<int64_t>(record.trials.size()) ? ", the best of " + format_count(static_cast<int64_t>(record.trials.size())) : "") +
        "\n");
}

}  // namespace

void add_export(CLI::App& app) {
  auto options = std::make_shared<ExportOptions>();
  auto* command = app.add_subcommand("export", "write a sweep for Optuna, pandas or TensorBoard");
  command->add_option("DIR", options->directory, "folder of a sweep's results")->required();
  command->add_option("--to", options->format, "optuna.db, csv, json or tensorboard")
      ->check(CLI::IsMember({"optuna.db", "csv", "json", "tensorboard"}))
      ->type_name("FORMAT")
      ->required();
  command
      ->add_option("-o,--output", options->output,
                   "file, or folder with csv and tensorboard (default: in DIR: optuna.db, csv/, sweep.json, tensorboard/)")
      ->type_name("PATH");
  command->add_flag("--overwrite", options->overwrite, "replace an earlier export");
  command->add_option("--top", options->top, "of tensorboard: how many of the best trials")
      ->check(CLI::Range(int64_t{1}, int64_t{1'000'000}))
      ->type_name("K")
      ->capture_default_str();
  command->footer(
      "  optuna.db    a study with every trial; Optuna 4 and 5 and optuna-dashboard open it\n"
      "  csv          trials.csv, shaped like Optuna's trials_dataframe(), and curves.csv, a line an interval\n"
      "  json         the same in one file\n"
      "  tensorboard  learning curves and the HParams tab of the best trials\n\n"
      "Examples:\n"
      "  lockstep export results --to optuna.db\n"
      "  lockstep export results --to tensorboard --top 500 -o runs && tensorboard --logdir runs");
  command->callback([options] { export_sweep(*options); });
}

}  // namespace lockstep::cli
