#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include <lockstep/backend.h>
#include <lockstep/executor.h>
#include <lockstep/sweep.h>

namespace lockstep {

/// The loop of trials that report when they please, for one who drives it from outside: the same decisions as `run_sweep`
/// takes. Trials get a slot as in a sweep, and wait there until they are started.
class DrivenLoop {
 public:
  virtual ~DrivenLoop() = default;

  /// Tells the observers of the start, and gives the first trials slots. Once, before all else.
  virtual void begin() = 0;
  /// Starts up to `n` of the trials that have slots; ids.
  virtual std::vector<int64_t> start(int64_t n) = 0;
  /// What trials have come to since the last call. Those that are to end have then been told to the observers.
  virtual void take(const Arrivals& arrivals) = 0;
  /// What is to cut the sweep short now: its timeout.
  virtual std::optional<SweepEnd> cut_short() const = 0;
  /// Aborts the trials that run.
  virtual void cut(SweepEnd why) = 0;
  /// Tells the observers of the end.
  virtual SweepResult end() = 0;
  virtual const Progress& progress() const = 0;
};

/// Over an executor that is asynchronous, and is not waited for. Everything must outlive the loop.
/// @param proposer may be null
std::unique_ptr<DrivenLoop> make_driven_loop(const SweepSpec& spec, Configurations& configurations, Proposer* proposer,
                                             Executor& executor, const Backend& backend, const Context& context,
                                             std::span<SweepObserver* const> observers,
                                             std::span<const EarlierTrial> earlier);

}  // namespace lockstep
