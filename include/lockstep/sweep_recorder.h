#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <lockstep/sweep.h>

namespace lockstep {

struct RecorderOptions {
  bool overwrite = false;      ///< replace the sweep that the folder holds; otherwise it is refused
  uint64_t seed = 0;           ///< that the sweep is run with, for the record
  std::string device = "cpu";  ///< likewise
  std::vector<std::string> notes = {};         ///< sentences for the report
  std::vector<EarlierTrial> earlier = {};      ///< that the sweep learns from, for the report
};

/// Writes a sweep that runs inside a program to a folder, as `lockstep run` writes its own: sweep.db as it goes, trials.csv and
/// best.json at its end. So `lockstep best`, `trials`, `report`, `serve`, `compare`, `export` and `--warm-start` take it. It
/// cannot be resumed or replayed by them: they know nothing of the program that trains.
///
///     lockstep::SweepRecorder recorder("results", {.seed = 7});
///     lockstep::Study study(spec, {.seed = 7, .observers = {&recorder}});
///
/// For one sweep. A thread of its own does the writing. Everything throws OutputError where that fails; at the end of the
/// sweep all is on the disk, or `on_end` has thrown. Link lockstep::store.
class SweepRecorder final : public SweepObserver {
 public:
  /// Makes the folder. Refuses one that cannot be written, and one that holds a sweep.
  explicit SweepRecorder(const std::string& directory, RecorderOptions options = {});
  /// A sweep without an end is recorded as failed.
  ~SweepRecorder() override;

  void on_start(const SweepSpec& spec, const Configurations& configurations) override;
  void on_interval(const IntervalReport& report) override;
  void on_end(const SweepResult& result) override;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace lockstep
