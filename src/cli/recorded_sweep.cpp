#include "cli/recorded_sweep.h"

#include <filesystem>
#include <optional>
#include <sstream>

#include <lockstep/sampling.h>

namespace lockstep::cli {

namespace {

Configurations sample_again(const SweepRecord& record, const SweepSpec& spec) {
  Context context;
  context.seed = record.seed;
  Configurations configurations = sample(host_backend(), context, spec);
  if (spec.sampling.algorithm == SamplingAlgorithm::kBayesian) return configurations;
  for (const TrialRecord& trial : record.trials) {
    if (!trial.exploits.empty()) continue;  // the record has the configuration that it came to
    for (int64_t column = 0; column < configurations.space().n_params(); ++column) {
      const Value& recorded = trial.hyperparameters[static_cast<size_t>(column)];
      if (trial.number < configurations.n_trials() && configurations.value(trial.number, column) == recorded) continue;
      throw OutputError(record.directory + ": trial " + std::to_string(trial.number) + " was sampled with " +
                        configurations.space()[column].name + " = " + recorded.to_string() +
                        ", which seed " + std::to_string(record.seed) + " does not give now; use Lockstep " +
                        record.lockstep_version + ", which wrote it");
    }
  }
  return configurations;
}

std::string as_quoted(const std::string& line) {
  const size_t first = line.find_first_not_of(' ');
  return std::string(1, '\'').append(line, first == std::string::npos ? 0 : first).append(1, '\'');
}

/// The first line that differs, as "'old' is now 'new'".
std::string first_difference(const std::string& recorded, const std::string& now) {
  std::istringstream olds(recorded), news(now);
  std::string old_line, new_line;
  for (;;) {
    const bool has_old = static_cast<bool>(std::getline(olds, old_line));
    const bool has_new = static_cast<bool>(std::getline(news, new_line));
    if (!has_old && !has_new) return "";
    if (has_old && has_new && old_line == new_line) continue;
    std::string out = has_old ? as_quoted(old_line) : as_quoted(new_line);
    if (has_old && has_new) return out.append(" is now ").append(as_quoted(new_line));
    return out.append(has_old ? " is gone" : " was added");
  }
}

/// A file that is gone or cannot be read any more says nothing.
std::string sweep_file_difference(const SweepRecord& record) {
  std::error_code ignored;
  if (record.spec_file.empty() || !std::filesystem::exists(record.spec_file, ignored)) return "";
  // Both with the same override: then both are written by the same hand, without comments.
  const std::vector<Override> seed{{"sampling_algorithm.seed", std::to_string(record.seed)}};
  std::string difference;
  try {
    difference = first_difference(parse_sweep(record.spec_text, record.spec_file, seed).text,
                                  load_sweep_file(record.spec_file, seed).text);
  } catch (const Error& error) {
    difference = error.what();
  }
  if (difference.empty()) return "";
  return record.spec_file + " is not what was run, options of that run counted: " + difference +
         "; what was run is used";
}

std::vector<std::string> find_differences(const SweepRecord& record, const RunInfo& now) {
  std::vector<std::string> out;
  if (std::string file = sweep_file_difference(record); !file.empty()) out.push_back(std::move(file));
  const auto compare = [&](const char* what, const std::string& then, const std::string& is) {
    if (then.empty() || then == is) return;
    out.push_back(std::string(what) + " was " + then + " and is " + is + ": results may differ in their last digits");
  };
  compare("Lockstep", record.lockstep_version, now.lockstep_version);
  compare("LibTorch", record.torch_version, now.torch_version);
  compare("the device", record.device, now.device);
  compare("the processor's instruction set", record.processor, now.processor);
  return out;
}

/// A plan is of use where the machine is the same.
TrainingOptions with_plan(TrainingOptions options, const SweepRecord& record) {
  if (record.processor == processor_features()) options.plan = record.plan;
  return options;
}

SweepSpec parse_recorded(const SweepRecord& record, const std::vector<Override>& overrides) {
  if (record.is_imported()) {
    throw InputError(record.directory + ": the sweep was " + (record.notes.empty() ? "imported" : record.notes.front()) +
                     ", so there is no model here to train; train it with the program that recorded it");
  }
  return parse_sweep(record.spec_text, record.spec_file, overrides);
}

/// Of a sweep of built-in trials.
const SweepRecord& with_model(const SweepRecord& record) {
  if (!runs_commands(record)) return record;
  throw InputError(record.directory + ": its trials are runs of a program, so there is no model here to train; " +
                   "`lockstep best " + record.directory + " --command` prints the best trial's command");
}

Device device_of(const std::string& text) {
  std::string ignored;
  return choose_device(text, ignored);
}

}  // namespace

bool runs_commands(const SweepRecord& record) {
  return !record.is_imported() && parse_sweep(record.spec_text, record.spec_file).command.has_value();
}

RecordedSweep::RecordedSweep(const SweepRecord& record, const std::vector<Override>& overrides)
    : spec(parse_recorded(record, overrides)), configurations(sample_again(record, spec)) {
  spec.sampling.seed = record.seed;
}

RecordedTraining::RecordedTraining(const SweepRecord& record, const SweepRunOptions& options,
                                   const std::vector<Override>& overrides)
    : sweep(with_model(record), overrides),
      device(device_of(options.device.empty() ? record.device : options.device)),
      training(sweep.spec, sweep.configurations, device, record.seed, with_plan(options.executor, record)),
      info(run_info(sweep.spec, sweep.configurations, training, device, record.seed)),
      differences(find_differences(record, info)) {
  if (record.data_fingerprint.empty() || record.data_fingerprint == info.data_fingerprint) return;
  data_difference = "the data is not what the sweep was started with (then: " + record.data_fingerprint +
                    "; now: " + info.data_fingerprint + ")";
}

void RecordedTraining::take_recorded_configurations(const SweepRecord& record) {
  if (sweep.spec.sampling.algorithm != SamplingAlgorithm::kBayesian) return;
  std::vector<TrialConfiguration> recorded;
  for (const TrialRecord& trial : record.trials) {
    recorded.push_back({trial.number, trial.draws});
    sweep.configurations.replace(trial.number, trial.draws);
  }
  training.executor().configure(recorded);
}

}  // namespace lockstep::cli
