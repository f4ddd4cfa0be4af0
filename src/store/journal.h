#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <unordered_map>
#include <variant>
#include <vector>

#include <lockstep/sweep.h>

#include "store/output_directory.h"
#include "store/utc_time.h"

namespace lockstep {

class JournalWriter;

/// What a sweep's results say of the run that made them, beside the sweep file.
struct RunInfo {
  std::string lockstep_version;
  std::string torch_version;
  std::string device;              ///< "cpu" or "cuda:0"
  std::string processor;           ///< what the last bits of a result may hang on
  std::string data_fingerprint;    ///< of the data set
  uint64_t seed = 0;               ///< used, whether given or drawn
  int64_t n_slots = 0;             ///< trials that could train at once
  std::string plan;                ///< how trials were grouped, as JSON; "": nobody says
  std::vector<std::string> notes;  ///< of the executor, the data and what the sweep learns from
  std::vector<EarlierTrial> earlier;  ///< that it learns from: a resume needs them, and their folders may be gone by then
};

/// How far a sweep was that goes on: what its database may keep.
struct RecordedPast {
  struct Trial {
    int64_t id = 0;
    int64_t n_reported = 0;
    bool is_running = true;
  };
  int64_t n_ticks = 0;
  std::vector<Trial> trials;  ///< that had started
};

enum class JournalMode {
  kNew,        ///< refuses a folder that holds a sweep
  kOverwrite,  ///< removes the files of an earlier sweep
  kResume,     ///< goes on with the sweep that the folder holds
};

/// The journal of record: writes a sweep to DIRECTORY/sweep.db as it goes.
///
/// A thread of its own does the writing; the observer's calls only put their report in a queue, and all that is queued
/// goes into one transaction. They wait in one case alone: when `max_queued` reports of metrics are not written yet, so
/// that a disk which cannot follow does not fill the memory. Killed at any moment, the database holds every transaction
/// committed so far, whole. A failure to write ends the writing, and is thrown as OutputError by the next call and by
/// `close`.
class Journal final : public SweepObserver {
 public:
  static constexpr int64_t kMaxQueued = 4'000'000;

  /// Makes the folder and the database, or throws OutputError: an output that cannot be written is refused before
  /// training.
  Journal(const std::string& directory, RunInfo info, JournalMode mode = JournalMode::kNew,
          int64_t max_queued = kMaxQueued);
  /// Writes what is queued; a failure that nobody asked for with `close` is lost.
  ~Journal() override;

  void on_start(const SweepSpec& spec, const Configurations& configurations) override;
  void on_interval(const IntervalReport& report) override;
  void on_end(const SweepResult& result) override;

  /// Waits until all that was reported so far is on the disk. Throws OutputError if it could not be written.
  void flush();
  /// Records that the sweep ended by an exception, writes all and closes. Never throws: the exception matters more.
  void abandon(const std::string& failure) noexcept;
  /// Waits until all is written and closes the database. Throws OutputError if anything could not be written.
  void close();

 private:
  struct Start {
    SweepSpec spec;
    Configurations configurations;
  };
  struct Interval {
    IntervalReport report;
  };
  struct End {
    SweepResult result;
  };
  struct Failure {
    std::string message;
  };
  struct Flush {};
  using What = std::variant<Start, RecordedPast, Interval, End, Failure, Flush>;
  struct Work {
    UtcTime time;
    What what;
  };

  void enqueue(What what, int64_t size);
  void play_back(const IntervalReport& report);
  void end_past();
  void run_writer();
  void write(const std::deque<Work>& batch);
  void stop_writer();

  const int64_t max_queued_;
  const bool is_resumed_;
  const DirectoryLock lock_;
  /// Of a resumed sweep, until something new is reported.
  std::optional<RecordedPast> past_;
  std::unordered_map<int64_t, size_t> past_trials_;  ///< trial -> its place in `past_`
  std::unique_ptr<JournalWriter> writer_;  ///< the writer thread's own while it runs

  std::mutex mutex_;
  std::condition_variable has_work_;
  std::condition_variable has_space_;
  std::deque<Work> queue_;
  int64_t n_enqueued_ = 0;  ///< pieces of work, ever
  int64_t n_written_ = 0;   ///< of these, those that are written
  int64_t n_queued_ = 0;  ///< reports of metrics in the queue and in the transaction under way
  bool closing_ = false;
  std::exception_ptr failure_;

  std::thread thread_;  ///< last: it uses all of the above
};

}  // namespace lockstep
