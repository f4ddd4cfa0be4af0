#include "store/checkpointer.h"

#include <algorithm>
#include <utility>

#include <lockstep/error.h>

namespace lockstep {

namespace {

/// Of a sweep's time that checkpoints by time may take: those of many large models take a while.
constexpr double kLargestShare = 0.05;

}  // namespace

Checkpointer::Checkpointer(std::string directory, const Executor& executor, Journal& journal,
                           CheckpointOptions options, std::function<void(const std::string&)> warn)
    : directory_(std::move(directory)),
      executor_(executor),
      journal_(journal),
      options_(options),
      warn_(std::move(warn)) {}

void Checkpointer::on_interval(const IntervalReport& report) {
  if (is_cut_) return;  // on_cut has saved the trials that are gone now
  note(report);
  if (report.played_back) {
    last_tick_ = report.tick;
    return;
  }
  const auto now = std::chrono::steady_clock::now();
  const std::chrono::duration<double> since = now - last_;
  const bool by_count = options_.every_intervals > 0 && report.tick - last_tick_ >= options_.every_intervals;
  const double between_s = std::max(options_.every_s, write_s_ / kLargestShare);
  const bool by_time = options_.every_s > 0 && since.count() >= between_s;
  if (!by_count && !by_time) return;
  write();
  commit();
  last_ = std::chrono::steady_clock::now();
  write_s_ = std::chrono::duration<double>(last_ - now).count();
  last_tick_ = report.tick;
}

void Checkpointer::on_cut(const IntervalReport& report) {
  is_cut_ = true;
  note(report);
  write();  // the journal has the interval's report only later
}

void Checkpointer::on_end(const SweepResult&) {
  if (!is_cut_) write();
  commit();
}

void Checkpointer::note(const IntervalReport& report) {
  header_.times.push_back(report.time);
  header_.kept = report.progress.best;
}

void Checkpointer::write() {
  try {
    written_.emplace(directory_, header_, executor_);
    has_warned_ = false;
  } catch (const OutputError& failure) {
    written_.reset();
    if (!has_warned_) warn_(std::string("no checkpoint: ") + failure.what() + "; the sweep goes on");
    has_warned_ = true;
  }
}

void Checkpointer::commit() {
  if (!written_) return;
  journal_.flush();
  try {
    written_->commit();
  } catch (const OutputError& failure) {
    warn_(std::string("no checkpoint: ") + failure.what() + "; the sweep goes on");
  }
  written_.reset();
}

}  // namespace lockstep
