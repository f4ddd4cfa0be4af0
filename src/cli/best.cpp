#include <cstdio>
#include <memory>

#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/train_again.h"
#include "command/command_line.h"
#include "report/format.h"
#include "store/export.h"

namespace lockstep::cli {
namespace {

void best(const std::string& directory, const std::string& format) {
  const SweepRecord record = load_results(directory);
  if (format == "json") {
    print(json_text(best_json(record)) + "\n");
    return;
  }
  const TrialRecord* trial = record.best();
  if (trial == nullptr) {
    print("No trial has reported a finite " + printable(record.primary_metric) + ".\n");
    return;
  }
  std::string out = "Trial " + std::to_string(trial->number) + "\n";
  std::vector<std::vector<std::string>> rows{
      {"validation " + record.primary_metric, format_number(*trial->value) + " at interval " + std::to_string(trial->best_interval)}};
  if (record.test_value) rows.push_back({"test " + record.primary_metric, format_number(*record.test_value)});
  for (int64_t p = 0; p < record.search_space.n_params(); ++p) {
    rows.push_back({record.search_space[p].name, trial->hyperparameters[static_cast<size_t>(p)].to_string()});
  }
  out += format_table(rows, "  ");
  if (const int64_t n = trial->n_exploits_before_best(); n > 0) {
    out += "Its hyperparameters are those of that interval. It had taken over another trial's weights " +
           format_times(n) + " before, the last time after interval " +
           std::to_string(trial->exploits[static_cast<size_t>(n - 1)].interval) + ".\n";
  }
  if (record.trials.size() > 1) out += optimism_note(static_cast<int64_t>(record.trials.size())) + "\n";
  print(out);
}

/// The best trial's command, to be run by hand.
void best_command(const std::string& directory) {
  const SweepRecord record = load_results(directory);
  if (record.is_imported()) {
    throw InputError(directory + ": the sweep was imported, and the program that trained it is not known");
  }
  const SweepSpec spec = parse_sweep(record.spec_text, record.spec_file);
  if (!spec.command) {
    throw InputError(directory + ": its trials are no programs, so the best one has no command line; `lockstep export-model " +
                     directory + " --trial best -o FILE` writes its model");
  }
  const TrialRecord& trial = find_trial(record, "best");
  const Configurations configurations(record.search_space, trial.number, 1, trial.draws);
  std::string line = command_line(*spec.command, configurations, trial.number, "outputs");
  line.erase(line.find_last_not_of(" \t\r\n") + 1);
  print(line + "\n");
  if (!spec.command->code.empty()) {
    std::fprintf(stderr, "Trial %lld; to be run in %s\n", static_cast<long long>(trial.number), printable(spec.command->code).c_str());
  }
}

}  // namespace

void add_best(CLI::App& app) {
  auto directory = std::make_shared<std::string>();
  auto format = std::make_shared<std::string>("text");
  auto* command = app.add_subcommand("best", "show a sweep's best trial");
  command->add_option("DIR", *directory, "folder of a sweep's results")->required();
  command->add_option("--format", *format, "text or json")->check(CLI::IsMember({"text", "json"}))->capture_default_str();
  auto as_command = std::make_shared<bool>(false);
  command->add_flag("--command", *as_command, "print its command line alone, where trials are programs")->excludes("--format");
  command->footer(
      "Examples:\n"
      "  lockstep best lockstep-results/digits_mlp-20260101-120000\n"
      "  lockstep best results --command > best.sh");
  command->callback([directory, format, as_command] {
    if (*as_command) {
      best_command(*directory);
    } else {
      best(*directory, *format);
    }
  });
}

}  // namespace lockstep::cli
