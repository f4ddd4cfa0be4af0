#include "cli/sweep_run.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include <lockstep/bayesian.h>
#include <lockstep/sampling.h>
#include <lockstep/sweep.h>

#include "cli/commands.h"
#include "cli/interrupt.h"
#include "core/brackets.h"
#include "report/format.h"
#include "report/leaderboard.h"
#include "report/progress.h"
#include "report/report_page.h"
#include "report/summary.h"
#include "store/export.h"
#include "store/results.h"

namespace lockstep::cli {

namespace {

constexpr size_t kBestShown = 5;

/// Writes out what a sweep that failed has in its journal. A second failure must not hide the first.
bool export_after_failure(const std::string& output) noexcept {
  try {
    export_results(load_results(output));
  } catch (...) {
    return false;
  }
  write_report_or_warn(output);
  return true;
}

/// Says why the first trial failed: the others often do so for the same reason, a module that is missing, say.
class FirstFailure final : public SweepObserver {
 public:
  explicit FirstFailure(std::function<void(const std::string&)> tell) : tell_(std::move(tell)) {}
  void on_interval(const IntervalReport& report) override {
    for (const TrialEnd& end : report.ends) {
      if (has_told_ || report.played_back || end.state != TrialState::kFailed) continue;
      has_told_ = true;
      tell_("trial " + std::to_string(end.trial) + " has " + printable(end.reason));
    }
  }

 private:
  const std::function<void(const std::string&)> tell_;
  bool has_told_ = false;
};

/// Ends the sweep after the interval in which the stop file is made; a file that was there before means nothing. It is looked
/// for by a thread: programs may not report for hours.
class StopFile {
 public:
  StopFile(const std::string& output, Interrupt& interrupt) : path_(output + "/" + kStopFile), interrupt_(interrupt) {
    remove();
    thread_ = std::thread([this] { watch(); });
  }
  ~StopFile() {
    {
      const std::lock_guard lock(mutex_);
      closing_ = true;
    }
    closed_.notify_all();
    thread_.join();
    remove();
  }

 private:
  static constexpr std::chrono::milliseconds kBetween{200};

  void remove() const { unlink(path_.c_str()); }
  void watch() {
    std::unique_lock lock(mutex_);
    while (!closed_.wait_for(lock, kBetween, [this] { return closing_; })) {
      if (access(path_.c_str(), F_OK) == 0) interrupt_.request();
    }
  }

  const std::string path_;
  Interrupt& interrupt_;
  std::mutex mutex_;
  std::condition_variable closed_;
  bool closing_ = false;
  std::thread thread_;
};

}  // namespace

void write_report_or_warn(const std::string& output) noexcept {
  try {
    write_report(output, output + "/" + kReportFile);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "lockstep: warning: no report was written: %s; `lockstep report` writes it later\n", error.what());
  }
}

void SweepRunOptions::add_training_to(CLI::App& command) {
  command.add_option("--device", device, "auto, cpu, cuda or cuda:N")->capture_default_str();
  command.add_option("--threads", executor.n_threads, "worker threads on a CPU (default: one a core)")
      ->check(CLI::Range(1, 4096));
  command.add_option("--tile", executor.tile_size, "trials in one batched module (default: measured)")
      ->check(CLI::Range(1, 1 << 20));
  command.add_option("--memory", executor.memory_bytes, "stay within: trains fewer trials at once (default: what is free)")
      ->transform(CLI::AsSizeValue(false))
      ->check(CLI::PositiveNumber)
      ->type_name("SIZE");
  command.add_flag("-q,--quiet", quiet, "no progress and no notes, the result alone");
  command.add_option("--format", format, "of the result: text or json")
      ->check(CLI::IsMember({"text", "json"}))
      ->capture_default_str();
}

void SweepRunOptions::add_to(CLI::App& command) {
  add_training_to(command);
  command.add_option("--checkpoint-seconds", checkpoint.every_s, "save the sweep after so many seconds; 0: not by time")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command.add_option("--checkpoint-intervals", checkpoint.every_intervals, "save it after so many intervals; 0: not so")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command.add_flag("-v,--verbose", verbose, "say how the trials were grouped")->excludes(command.get_option("--quiet"));
}

void SweepRunOptions::note(const std::string& text) const {
  if (!quiet) std::fprintf(stderr, "%s\n", printable(text, true).c_str());
}

void SweepRunOptions::note_details(const RunInfo& info) const {
  for (const auto& line : info.notes) {
    if (verbose) note(line);
  }
}

void SweepRunOptions::note_sampling(const SweepSpec& spec, const std::vector<EarlierSweep>& earlier,
                                    std::optional<int64_t> n_intervals, RunInfo& info) const {
  WarmStart warm_start = match_earlier_trials(earlier, spec, n_intervals);
  info.earlier = std::move(warm_start.trials);
  std::vector<std::string> texts = std::move(warm_start.notes);
  const int64_t n_observations = std::count_if(info.earlier.begin(), info.earlier.end(),
                                               [](const EarlierTrial& trial) { return !trial.draws.empty(); });
  if (std::string sampled = sampling_note(spec, n_observations); !sampled.empty()) texts.push_back(std::move(sampled));
  for (std::string& text : texts) {
    note(text);
    info.notes.push_back(std::move(text));
  }
}

Trainer::Trainer(Training& training)
    : executor(training.executor()), backend(training.backend()), context(training.context()) {}

RunInfo run_info(const SweepSpec& spec, const Configurations& configurations, Training& training, const Device& device,
                 uint64_t seed) {
  RunInfo info;
  info.lockstep_version = LOCKSTEP_VERSION;
  info.torch_version = torch_version();
  info.device = device.to_string();
  info.processor = processor_features();
  info.data_fingerprint = training.data_fingerprint();
  info.seed = seed;
  info.n_slots = sweep_size(spec, configurations, training.executor()).n_slots;
  info.plan = training.plan();
  info.notes = training.notes();
  return info;
}

void train_sweep(const SweepSpec& spec, Configurations& configurations, const Trainer& trainer, const RunInfo& info,
                 const std::string& output, JournalMode mode, const SweepRunOptions& options, const TakenUp* past) {
  Journal journal(output, info, mode);
  Leaderboard leaderboard;
  ProgressDisplay progress(stderr, isatty(STDERR_FILENO) != 0);
  const auto warn = [&](const std::string& warning) {
    progress.break_line();
    std::fprintf(stderr, "lockstep: warning: %s\n", warning.c_str());
  };
  FirstFailure first_failure(warn);
  std::optional<Checkpointer> checkpointer;
  std::vector<SweepObserver*> observers{&journal, &first_failure};
  if (!trainer.executor.is_asynchronous()) {
    checkpointer.emplace(output, trainer.executor, journal, options.checkpoint, warn);
    observers.push_back(&*checkpointer);
  }
  observers.push_back(&leaderboard);
  if (past && past->check) observers.insert(observers.begin(), past->check);
  if (!options.quiet) observers.push_back(&progress);

  SweepResult result;
  {
    Interrupt interrupt;
    const StopFile stop_file(output, interrupt);
    try {
      const auto go = [&](auto&&... chosen_by) {
        return run_sweep(spec, configurations, chosen_by..., trainer.executor, trainer.backend, trainer.context, observers,
                         &interrupt.requested(), past ? &past->past : nullptr, info.earlier);
      };
      const std::unique_ptr<Proposer> proposer = make_proposer(spec, info.seed, info.earlier);
      result = proposer ? go(*proposer) : go();
    } catch (const std::exception& error) {
      progress.break_line();
      journal.abandon(error.what());
      if (export_after_failure(output)) options.note("What was trained until then is in " + output);
      throw;
    }
    journal.close();
    export_results(load_results(output));
    write_report_or_warn(output);
  }

  const SweepSummary summary{spec,      configurations, result, leaderboard.top(kBestShown, configurations),
                             info.seed, info.device,    output, info.earlier};
  const bool json = options.format == "json";
  print(json ? json_text(summary_json(summary)) + "\n" : (options.quiet ? "" : "\n") + summary_text(summary));
  if (result.end == SweepEnd::kInterrupted) throw ExitRequest{static_cast<int>(ExitCode::kInterrupted)};
}

}  // namespace lockstep::cli
