#include <cstdio>
#include <memory>

#include "cli/commands.h"
#include "report/format.h"
#include "store/csv_import.h"
#include "store/optuna_import.h"
#include "store/optuna_study.h"
#include "store/output_directory.h"

namespace lockstep::cli {
namespace {

struct ImportOptions {
  std::string file;
  std::string output;
  bool overwrite = false;
  std::string study;
  std::string goal;
  std::string space;
  CsvImportOptions csv;
};

ImportedSweep read_csv(ImportOptions options) {
  if (!options.study.empty()) {
    throw CLI::ValidationError("--study", options.file + " is no SQLite database, so it holds no studies");
  }
  if (options.goal.empty()) {
    throw CLI::ValidationError("--goal", "is needed for CSV, which does not say whether a higher or a lower value is "
                                         "better: maximize or minimize");
  }
  options.csv.goal = options.goal == "maximize" ? Goal::kMaximize : Goal::kMinimize;
  if (!options.space.empty()) options.csv.space = load_space_file(options.space).search_space;
  return import_trials_csv(options.file, options.csv);
}

ImportedSweep read_database(const ImportOptions& options) {
  const auto refuse = [](const char* option) {
    throw CLI::ValidationError(option, "is for CSV; a database of Optuna says it itself");
  };
  if (!options.csv.metric.empty()) refuse("--metric");
  if (!options.csv.parameters.empty()) refuse("--parameters");
  if (!options.csv.curves.empty()) refuse("--curves");
  if (!options.space.empty()) refuse("--space");
  if (!options.goal.empty()) refuse("--goal");
  return import_optuna_study(options.file, options.study);
}

void import_sweep(const ImportOptions& options) {
  check_output_directory(options.output, options.overwrite);
  const ImportedSweep sweep = is_sqlite_file(options.file) ? read_database(options) : read_csv(options);
  write_imported_sweep(sweep, options.output, options.overwrite, LOCKSTEP_VERSION);
  std::string notes;
  for (const std::string& note : sweep.notes) notes += "Note: " + note + "\n";
  for (const std::string& line : sweep.left_out.lines("Left out")) notes += line + "\n";
  std::fputs(printable(notes, true).c_str(), stderr);
  print(printable(options.output) + ": " + format_count(static_cast<int64_t>(sweep.trials.size()), "trial") + " of " +
        printable(sweep.source) +
        (sweep.left_out.n() > 0 ? "; " + format_count(sweep.left_out.n()) + " left out" : "") + "\n");
}

}  // namespace

void add_import(CLI::App& app) {
  auto options = std::make_shared<ImportOptions>();
  auto* command = app.add_subcommand("import", "read a study of Optuna or a CSV of trials as a finished sweep");
  command->add_option("FILE", options->file, "SQLite database of Optuna, or CSV")->required();
  command->add_option("-o,--output", options->output, "folder for the sweep")->type_name("DIR")->required();
  command->add_flag("--overwrite", options->overwrite, "replace the sweep that the folder holds");
  command->add_option("--study", options->study, "of a database with several")->type_name("NAME");
  command->add_option("--goal", options->goal, "of CSV: maximize or minimize")
      ->check(CLI::IsMember({"maximize", "minimize"}))
      ->type_name("GOAL");
  command
      ->add_option("--metric", options->csv.metric,
                   "of CSV: the metric's name, and its column where there is one of that name (default: value)")
      ->type_name("NAME");
  command
      ->add_option("--parameters", options->csv.parameters,
                   "of CSV: the columns that are hyperparameters, separated by commas (default: params_..., or all)")
      ->delimiter(',')
      ->type_name("NAME,...");
  command->add_option("--space", options->space, "of CSV: file with the search_space (default: from the values)")
      ->type_name("FILE");
  command->add_option("--curves", options->csv.curves, "of CSV: CSV with the columns trial, interval, value")
      ->type_name("FILE");
  command->footer(
      "The folder is read by best, trials, compare, plot, export and simulate like that of a sweep; there is no model\n"
      "in it that could be trained. What is left out, and why, is said on standard error and kept with the sweep.\n\n"
      "Examples:\n"
      "  lockstep import optuna.db --study cnn -o cnn\n"
      "  lockstep import trials.csv --metric loss --goal minimize --parameters lr,layers -o old");
  command->callback([options] { import_sweep(*options); });
}

}  // namespace lockstep::cli
