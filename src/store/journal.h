#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include <lockstep/sweep.h>

#include "store/utc_time.h"

namespace lockstep {

class JournalWriter;

/// What a sweep's results say of the run that made them, beside the sweep file.
struct RunInfo {
  std::string lockstep_version;
  std::string torch_version;
  std::string device;              ///< "cpu" or "cuda:0"
  uint64_t seed = 0;               ///< used, whether given or drawn
  std::vector<std::string> notes;  ///< of the executor and the data
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
  /// @param overwrite remove the files of an earlier sweep instead of refusing them
  Journal(const std::string& directory, RunInfo info, bool overwrite = false, int64_t max_queued = kMaxQueued);
  /// Writes what is queued; a failure that nobody asked for with `close` is lost.
  ~Journal() override;

  void on_start(const SweepSpec& spec, const Configurations& configurations) override;
  void on_interval(const IntervalReport& report) override;
  void on_end(const SweepResult& result) override;

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
  struct Work {
    UtcTime time;
    std::variant<Start, Interval, End, Failure> what;
  };

  void enqueue(std::variant<Start, Interval, End, Failure> what, int64_t size);
  void run_writer();
  void write(const std::deque<Work>& batch);
  void stop_writer();

  const int64_t max_queued_;
  std::unique_ptr<JournalWriter> writer_;  ///< the writer thread's own while it runs

  std::mutex mutex_;
  std::condition_variable has_work_;
  std::condition_variable has_space_;
  std::deque<Work> queue_;
  int64_t n_queued_ = 0;  ///< reports of metrics in the queue and in the transaction under way
  bool closing_ = false;
  std::exception_ptr failure_;

  std::thread thread_;  ///< last: it uses all of the above
};

}  // namespace lockstep
