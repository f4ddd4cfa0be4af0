#include <memory>

#include <lockstep/sampling.h>

#include "cli/commands.h"
#include "cli/training.h"
#include "command/command_line.h"
#include "core/brackets.h"
#include "core/early_termination.h"
#include "report/format.h"

namespace lockstep::cli {
namespace {

void validate(const SweepFileOptions& options) {
  const SweepSpec spec = options.load();
  Context context;
  context.seed = spec.sampling.seed.value_or(0);
  const Configurations configurations = sample(host_backend(), context, spec);
  std::unique_ptr<Training> training;
  if (!spec.command) training = std::make_unique<Training>(spec, configurations, Device{}, context.seed, TrainingOptions{});
  print(options.file + ": valid. " + std::to_string(spec.search_space.n_params()) + " hyperparameters, " +
        std::to_string(configurations.n_trials()) + " trials, " + spec.objective.primary_metric + " to " +
        (spec.objective.goal == Goal::kMaximize ? "maximize" : "minimize") + ".\n");
  if (const std::string note = sampling_note(spec); !note.empty()) print("  " + note + "\n");
  for (const std::string& sentence : spec.ignored) print("  " + printable(sentence) + "\n");
  if (spec.command) {
    print("  Trial 0 runs: " + printable(command_line(*spec.command, configurations, 0, "outputs")) + "\n");
    return;
  }
  try {
    const std::string policy =
        describe_policy(spec.early_termination, sweep_size(spec, configurations, training->executor()));
    if (!policy.empty()) print("  " + policy + "\n");
  } catch (const InputError& error) {
    throw at_policy(error, spec);
  }
  for (const auto& note : training->notes()) print("  " + note + "\n");
}

}  // namespace

void add_validate(CLI::App& app) {
  auto options = std::make_shared<SweepFileOptions>();
  auto* command = app.add_subcommand("validate", "check a sweep file without running it");
  options->add_to(*command);
  command->footer(
      "Checks the file, the data and the metric, and trains one trial of each kind for one step. Of a program it shows the\n"
      "first trial's command and what of the file does not apply here, and runs nothing.\n\n"
      "Example:\n"
      "  lockstep validate sweep.yml --set trial.dataset=letter");
  command->callback([options] { validate(*options); });
}

}  // namespace lockstep::cli
