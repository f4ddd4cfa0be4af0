#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include <lockstep/sweep.h>

#include "store/checkpoint.h"
#include "store/journal.h"

namespace lockstep {

/// When a sweep is saved: after so many intervals of the loop or so many seconds, whichever comes first; 0 is never. By
/// time it is saved more seldom where that would take more than a twentieth of the sweep's time.
struct CheckpointOptions {
  int64_t every_intervals = 0;
  double every_s = 60;
};

/// Saves a sweep as it goes, so that it can go on after a kill. A checkpoint replaces the one before when the journal has
/// everything that led to it, so the two always fit together. After the last interval, and when the sweep is cut short,
/// one is written in any case; while the disk is full the sweep goes on and the old one stays.
class Checkpointer final : public SweepObserver {
 public:
  /// To be called after `journal`. The executor and the journal must outlive it.
  /// @param warn told, once in a row, when a checkpoint cannot be written
  Checkpointer(std::string directory, const Executor& executor, Journal& journal, CheckpointOptions options,
               std::function<void(const std::string&)> warn);

  void on_interval(const IntervalReport& report) override;
  void on_cut(const IntervalReport& report) override;
  void on_end(const SweepResult& result) override;

 private:
  void note(const IntervalReport& report);
  /// Writes, and leaves it to `commit` to replace the one before.
  void write();
  void commit();

  std::string directory_;
  const Executor& executor_;
  Journal& journal_;
  CheckpointOptions options_;
  std::function<void(const std::string&)> warn_;
  CheckpointHeader header_;
  std::optional<CheckpointWriter> written_;
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
  double write_s_ = 0;  ///< that the last checkpoint took
  int64_t last_tick_ = 0;
  bool is_cut_ = false;
  bool has_warned_ = false;
};

}  // namespace lockstep
