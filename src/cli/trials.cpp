#include <memory>

#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "report/format.h"
#include "store/export.h"
#include "store/trial_state.h"

namespace lockstep::cli {
namespace {

std::string table(const SweepRecord& record) {
  std::vector<std::vector<std::string>> rows{{"trial", "state", record.primary_metric, "intervals"}};
  for (const auto& parameter : record.search_space.parameters()) rows[0].push_back(parameter.name);
  for (const auto& trial : record.trials) {
    rows.push_back({std::to_string(trial.number), state_word(trial.state), trial.value ? format_number(*trial.value) : "",
                    std::to_string(trial.n_intervals)});
    for (const auto& value : trial.hyperparameters) rows.back().push_back(format_value(value));
  }
  return format_table(rows);
}

void trials(const std::string& directory, const std::string& format) {
  const SweepRecord record = load_results(directory);
  if (format == "csv") {
    print(trials_csv(record));
  } else if (format == "json") {
    print(json_text(trials_json(record)) + "\n");
  } else {
    print(table(record));
  }
}

}  // namespace

void add_trials(CLI::App& app) {
  auto directory = std::make_shared<std::string>();
  auto format = std::make_shared<std::string>("table");
  auto* command = app.add_subcommand("trials", "list a sweep's trials");
  command->add_option("DIR", *directory, "folder of a sweep's results")->required();
  command->add_option("--format", *format, "table, csv or json")
      ->check(CLI::IsMember({"table", "csv", "json"}))
      ->capture_default_str();
  command->footer("Example:\n  lockstep trials lockstep-results/digits_mlp-20260101-120000 --format csv > trials.csv");
  command->callback([directory, format] { trials(*directory, *format); });
}

}  // namespace lockstep::cli
