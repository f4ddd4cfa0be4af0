#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <lockstep/configurations.h>
#include <lockstep/executor.h>
#include <lockstep/sweep_spec.h>

#include "command/child_processes.h"
#include "command/metric_sink.h"
#include "command/output_reader.h"
#include "command/tracking_server.h"

namespace lockstep {

/// What a trial had come to that goes on from a run before.
struct RunBefore {
  int64_t n_reports = 0;
  std::string end;  ///< why it had ended, if somebody had it go on all the same; the reason of its next end says so
};

struct CommandOptions {
  std::string directory;           ///< of the sweep's results
  int64_t n_at_once = 0;           ///< programs that run at once; 0: one a core
  std::vector<std::string> gpus;   ///< what CUDA_VISIBLE_DEVICES can say, to be shared out; none: it is left as it is
  std::string program_folder;      ///< where the `lockstep` program is; put on the PATH of the programs
  std::function<void(const std::string&)> warn;
  /// Trials that go on: they keep their outputs, and reports of steps that they had made are not counted again.
  std::map<int64_t, RunBefore> going_on;
  bool is_resumed = false;  ///< the folder has a snapshot of the code, which is used
};

/// What `CUDA_VISIBLE_DEVICES` names, or else the GPUs that the driver knows; none: there are none.
std::vector<std::string> visible_gpus();
/// Runs a program as each trial: in a copy of its code, in a process group of its own, with what it prints in a file. A
/// report of the primary metric is held until the sweep has decided on it. Trial 7 of a sweep has the folder trials/7:
/// output.txt, metrics.jsonl (every metric that it logged), outputs/ and, of what it ran in, what it made or changed: work/.
class CommandExecutor final : public Executor, private MetricSink {
 public:
  /// Spec and configurations must outlive it. Throws InputError when there is no code to run, and OutputError.
  CommandExecutor(const SweepSpec& spec, const Configurations& configurations, CommandOptions options);
  /// Ends all programs that run.
  ~CommandExecutor() override;

  int64_t capacity() const override;
  bool is_asynchronous() const override { return true; }
  int64_t n_intervals(int64_t) const override;
  void configure(std::span<const TrialConfiguration>) override {}  // the loop has written them to the configurations
  /// Throws OutputError when a program cannot be started.
  void start(std::span<const Placement> placements) override;
  Arrivals await(double wait_s) override;
  void train_interval(double*) override;
  void retire(std::span<const int64_t> trials) override;
  void keep(int64_t) override {}
  std::optional<double> test_kept(int64_t) override { return std::nullopt; }
  std::vector<std::string> notes() const override;

 private:
  using Clock = std::chrono::steady_clock;
  /// A trial that was started and whose programs are not all gone.
  struct Trial {
    int64_t slot = 0;
    bool is_launched = false;      ///< else it waits until the one before it in its slot is gone
    Clock::time_point started_at;
    std::deque<double> reports;    ///< of the primary metric, that `await` has not given
    int64_t n_reported = 0;        ///< ever
    int64_t n_given = 0;           ///< of these
    int64_t n_decided = 0;         ///< of these
    bool is_retired = false;       ///< the sweep has done with it: nothing that it says counts
    Clock::time_point retired_at;
    bool has_timed_out = false;
    std::optional<ChildEnd> end;
    std::optional<int64_t> last_step_before;  ///< of a run before this one
    std::map<std::string, int64_t> names;     ///< of metrics, and how often each was logged
    std::string last_line;                    ///< of its output
    OutputReader output;
  };

  void log(int64_t trial, const std::vector<LoggedMetric>& metrics, bool hold) override;
  void on_line(int64_t trial, std::string_view line);
  void on_end(int64_t trial, const ChildEnd& end);
  void prepare_folders();
  bool is_slot_free(int64_t slot) const;
  void launch(int64_t id, Trial& trial);
  void launch_waiting(std::unique_lock<std::mutex>& lock);
  void end_overdue();
  std::vector<std::string> environment(int64_t id, const Trial& trial, const std::string& folder);
  int64_t n_reports_before(int64_t id) const;
  TrialExit exit_of(int64_t id, const Trial& trial) const;
  TrialExit own_exit_of(int64_t id, const Trial& trial) const;
  std::string failure(const Trial& trial) const;
  void write_metrics(int64_t trial, const std::vector<LoggedMetric>& metrics);
  std::optional<int64_t> last_step_of(int64_t trial) const;

  const SweepSpec& spec_;
  const CommandSpec& command_;
  const Configurations& configurations_;
  CommandOptions options_;
  std::string shim_;      ///< folder of the Python package that stands for azureml-core
  std::string snapshot_;  ///< of the code; "": there is none
  bool is_prepared_ = false;

  mutable std::mutex mutex_;
  std::condition_variable news_;      ///< for `await`: a report, an end
  std::condition_variable decided_;   ///< for programs whose report is held
  std::map<int64_t, Trial> trials_;
  std::vector<int64_t> given_;        ///< whose reports the last `await` gave
  bool has_metrics_failed_ = false;   ///< metrics.jsonl could not be written, which was said

  // Last, so that their threads end before what they use.
  std::unique_ptr<TrackingServer> server_;
  std::unique_ptr<ChildProcesses> children_;
};

}  // namespace lockstep
