#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <lockstep/error.h>
#include <lockstep/search_space.h>
#include <lockstep/value.h>

namespace lockstep {

class Policy;

enum class Goal : int32_t { kMaximize, kMinimize };

struct Objective {
  Goal goal = Goal::kMaximize;
  std::string primary_metric = {};
  SourceLocation where = {};
};

enum class SamplingAlgorithm {
  kRandom,
  kSobol,  ///< random with `rule: sobol`: a scrambled Sobol sequence
  kGrid,   ///< every combination of choices, the last hyperparameter fastest
  kBayesian,  ///< chosen while the sweep runs, from what its trials came to (`lockstep/bayesian.h`)
};

/// How Bayesian sampling looks for what is best under its model.
enum class Acquisition {
  kAuto,      ///< log_ei for up to 4 configurations at a time, thompson for more
  kThompson,  ///< each configuration is the best point of one function drawn from the posterior
  kLogEi,     ///< the largest logarithm of the expected improvement, one configuration after another
};

/// What Bayesian sampling can be told beside its seed.
struct BayesianSettings {
  /// Configurations of a scrambled Sobol sequence, or observations told, before there is a model; 0: twice the
  /// hyperparameters, at least 8.
  int64_t startup = 0;
  Acquisition acquisition = Acquisition::kAuto;
  int64_t model_size = 320;  ///< observations that the model's hyperparameters are fitted to; it conditions on all
};

struct Sampling {
  SamplingAlgorithm algorithm = SamplingAlgorithm::kRandom;
  std::optional<uint64_t> seed = {};  ///< absent: the run draws one and records it
  BayesianSettings bayesian = {};     ///< kBayesian only
};

struct Limits {
  int64_t max_total_trials = 0;       ///< 1..10^6
  int64_t max_concurrent_trials = 0;  ///< slots; 0 means as many as memory takes
  double timeout_s = 0;               ///< of the whole sweep; 0 means none
  double trial_timeout_s = 0;         ///< of a trial, from its start; 0 means none
};

enum class PolicyKind : int32_t {
  kNone,
  kMedianStopping,
  kBandit,
  kTruncationSelection,
  kSuccessiveHalving,  ///< in brackets that start together and reach each rung together
  kHyperband,          ///< successive halving in brackets of several sizes
  kAsha,               ///< successive halving without waiting, in its stopping form
  kPbt,                ///< population based training: stops nobody
  kOwn,                ///< a program's own (`lockstep/policy.h`); no sweep file can name it
};

/// Whom median stopping compares a trial with (`docs/policies.md`).
enum class MedianReference : int32_t {
  kAll,        ///< those that reached the interval, and those that ended before it (the default, the reference's rule)
  kReached,    ///< only those that reached the interval
  kCompleted,  ///< only those that trained to their end
};

/// An early-termination policy (`docs/policies.md`).
struct EarlyTermination {
  PolicyKind kind = PolicyKind::kNone;
  int64_t evaluation_interval = 1;  ///< at least 1
  int64_t delay_evaluation = 0;
  MedianReference reference = MedianReference::kAll;  ///< of median stopping
  /// Bandit: exactly one of the two, at least 0; a ratio of the best, or in the metric's unit.
  std::optional<double> slack_factor = std::nullopt;
  std::optional<double> slack_amount = std::nullopt;
  /// Truncation selection: 1..99, and whether finished trials are left out of the comparison.
  int64_t truncation_percentage = 0;
  bool exclude_finished_jobs = false;
  /// Successive halving, Hyperband and ASHA act at *rungs*, which are intervals, instead of every `evaluation_interval`.
  int64_t reduction_factor = 3;  ///< eta, 2..10^6: one in so many goes on at a rung, and the next rung is so many times later
  int64_t min_resource = 1;      ///< r, at least 1: the interval of the first rung
  /// Successive halving: trials in a bracket, at least 2; absent: as many as train at once.
  std::optional<int64_t> bracket_size = std::nullopt;
  /// Hyperband: R, at least `min_resource`; absent: the most intervals that a trial of the sweep trains.
  std::optional<int64_t> max_resource = std::nullopt;
  /// ASHA: s, at least 0; the first rung is at min_resource * reduction_factor^s.
  int64_t min_early_stopping_rate = 0;
  /// Population based training: the part of a population that takes over weights, in (0, 0.5]; how likely a
  /// hyperparameter is drawn anew, in [0, 1], instead of multiplied by one of the factors, which are above 0.
  double quantile_fraction = 0.25;
  double resample_probability = 0.25;
  std::array<double, 2> perturbation_factors = {0.8, 1.2};
  std::shared_ptr<Policy> own = nullptr;  ///< kOwn only
  SourceLocation where = {};  ///< of the block, for messages
};

/// One entry of the `trial:` block: a constant of the training task.
struct Setting {
  Value value;
  SourceLocation where;
};

/// How a trial whose program was cut short is told to go on.
enum class ResumeBy {
  kRestart,      ///< it is not: it begins anew, and what it reported before does not count
  kEnvironment,  ///< LOCKSTEP_RESUME_FROM names its folder of outputs
  kArgument,     ///< so does the argument `--resume-from PATH`, put behind the command
};

/// A program whose runs are the trials: a sweep file's `trial.command` and what belongs to it.
struct CommandSpec {
  std::string command;  ///< for /bin/sh, with expressions: ${{search_space.lr}}, ${{inputs.data}}, ${{outputs.model}}
  std::string code;     ///< absolute path of the folder that every trial gets a copy of to run in; "": an empty one
  std::map<std::string, std::string> environment;  ///< variables
  std::map<std::string, std::string> inputs;       ///< a literal's text, or an absolute path
  std::vector<std::string> outputs;                ///< names, beside "default"; a folder each in every trial's outputs
  double grace_s = 10;  ///< from SIGTERM to SIGKILL, for a trial that is stopped
  ResumeBy resume = ResumeBy::kRestart;
  SourceLocation where;  ///< of the command
};

/// A sweep as its file describes it: Azure ML's CLI v2 sweep-job schema, with `trial:` naming a built-in task or a program.
struct SweepSpec {
  std::string file;  ///< for messages; may be empty
  std::string display_name;
  SearchSpace search_space;
  Sampling sampling;
  Objective objective;
  Limits limits;
  EarlyTermination early_termination;
  std::map<std::string, Setting> trial;  ///< `model`, `dataset`, `epochs`, ...; empty for a program
  std::optional<CommandSpec> command;    ///< the trials are runs of a program
  /// What stands in the file and does not apply here, such as `compute`: a sentence each, for the user to be told once.
  std::vector<std::string> ignored;
  /// The file's text with the overrides applied, as YAML: what the journal keeps.
  std::string text;
};

/// `--set key=value`: a dotted path into the file and a YAML scalar or flow collection.
struct Override {
  std::string key;
  std::string value;
};
/// Splits "a.b=c"; throws InputError when there is no '=' or no key.
Override parse_override(const std::string& text);

/// Reads and checks a sweep file. Throws InputError that names file, line, key and cure.
SweepSpec load_sweep_file(const std::string& path, const std::vector<Override>& overrides = {});
/// The same from memory; `file` is used in messages and to resolve nothing.
SweepSpec parse_sweep(const std::string& text, const std::string& file, const std::vector<Override>& overrides = {});

/// Reads what sampling needs, `search_space` and `sampling_algorithm`, from a sweep file or from a file that holds these
/// two alone; the rest of the spec stays as it is by default. Throws InputError that names file, line, key and cure.
SweepSpec load_space_file(const std::string& path, const std::vector<Override>& overrides = {});
/// The same from memory.
SweepSpec parse_space(const std::string& text, const std::string& file, const std::vector<Override>& overrides = {});

/// A policy by itself: what `lockstep simulate` reads.
struct PolicyFile {
  EarlyTermination early_termination;
  std::string type = "none";  ///< the policy's name
  std::optional<Goal> goal;   ///< of the objective, where the file has one
};
/// Reads an early-termination policy from a sweep file, from a file with `early_termination` (and `objective`) alone, or
/// from one that holds the policy's fields themselves. Throws InputError that names file, line, key and cure.
PolicyFile load_policy_file(const std::string& path, const std::vector<Override>& overrides = {});
/// The same from memory.
PolicyFile parse_policy(const std::string& text, const std::string& file, const std::vector<Override>& overrides = {});

/// The candidate nearest to `name`, or "" when none is near: for "did you mean". Nearness is edit distance (a swap of
/// neighbours counts as one), blind to case and to '-' against '_'; a candidate that `name` abbreviates is near too.
std::string nearest_name(const std::string& name, const std::vector<std::string>& candidates);

}  // namespace lockstep
