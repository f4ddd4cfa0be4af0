#include <utility>

#include <lockstep/sweep_recorder.h>

#include "store/export.h"
#include "store/journal.h"
#include "store/results.h"

namespace lockstep {

namespace {

RunInfo info_of(RecorderOptions options) {
  RunInfo info;
  info.lockstep_version = LOCKSTEP_VERSION;
  info.device = std::move(options.device);
  info.seed = options.seed;
  // The first says what kind of a record it is, where somebody would train by it.
  info.notes = {"recorded by the program that ran it"};
  info.notes.insert(info.notes.end(), options.notes.begin(), options.notes.end());
  info.earlier = std::move(options.earlier);
  return info;
}

}  // namespace

struct SweepRecorder::State {
  State(const std::string& folder, RecorderOptions options)
      : directory(folder),
        mode(options.overwrite ? JournalMode::kOverwrite : JournalMode::kNew),
        journal(folder, info_of(std::move(options)), mode) {}

  const std::string directory;
  const JournalMode mode;
  Journal journal;
  bool has_started = false;
  bool has_ended = false;
};

SweepRecorder::SweepRecorder(const std::string& directory, RecorderOptions options)
    : state_(std::make_unique<State>(directory, std::move(options))) {}

SweepRecorder::~SweepRecorder() {
  if (state_->has_started && !state_->has_ended) state_->journal.abandon("the program left the sweep before its end");
}

void SweepRecorder::on_start(const SweepSpec& spec, const Configurations& configurations) {
  SweepSpec recorded = spec;
  // The text would say how to train: but the program knows that alone.
  recorded.text.clear();
  state_->has_started = true;
  state_->journal.on_start(recorded, configurations);
}

void SweepRecorder::on_interval(const IntervalReport& report) { state_->journal.on_interval(report); }

void SweepRecorder::on_end(const SweepResult& result) {
  state_->journal.on_end(result);
  state_->has_ended = true;
  state_->journal.close();
  export_results(load_results(state_->directory));
}

}  // namespace lockstep
