#include "store/journal.h"

#include <utility>

#include "store/journal_writer.h"
#include "store/output_directory.h"

namespace lockstep {

Journal::Journal(const std::string& directory, RunInfo info, JournalMode mode, int64_t max_queued)
    : max_queued_(max_queued),
      is_resumed_(mode == JournalMode::kResume),
      lock_(is_resumed_ ? DirectoryLock(directory)
                        : prepare_output_directory(directory, mode == JournalMode::kOverwrite)) {
  if (is_resumed_) past_.emplace();
  writer_ = std::make_unique<JournalWriter>(directory + "/" + kDatabaseFile, std::move(info), is_resumed_);
  thread_ = std::thread([this] { run_writer(); });
}

Journal::~Journal() { stop_writer(); }

void Journal::on_start(const SweepSpec& spec, const Configurations& configurations) {
  enqueue(Start{spec, configurations}, 0);
}

void Journal::on_interval(const IntervalReport& report) {
  if (report.played_back) {
    play_back(report);
    return;
  }
  end_past();
  enqueue(Interval{report}, static_cast<int64_t>(report.metrics.size()));
}

void Journal::on_end(const SweepResult& result) {
  end_past();
  enqueue(End{result}, 0);
}

void Journal::play_back(const IntervalReport& report) {
  past_->n_ticks = report.tick;
  for (const int64_t trial : report.started) {
    past_trials_[trial] = past_->trials.size();
    past_->trials.push_back({trial});
  }
  for (const MetricReport& metric : report.metrics) {
    past_->trials[past_trials_.at(metric.trial)].n_reported = metric.interval;
  }
  for (const TrialEnd& end : report.ends) past_->trials[past_trials_.at(end.trial)].is_running = false;
}

void Journal::end_past() {
  if (!past_) return;
  enqueue(std::move(*past_), 0);
  past_.reset();
}

void Journal::flush() {
  enqueue(Flush{}, 0);
  std::unique_lock lock(mutex_);
  const int64_t last = n_enqueued_;
  has_space_.wait(lock, [&] { return failure_ || n_written_ >= last; });
  if (failure_) std::rethrow_exception(failure_);
}

void Journal::abandon(const std::string& failure) noexcept {
  try {
    if (!past_) enqueue(Failure{failure}, 0);  // a resume that did nothing new has changed nothing
    close();
  } catch (...) {
    // The sweep has failed already, and of the two failures the first is the one to report.
  }
}

void Journal::close() {
  stop_writer();
  if (failure_) std::rethrow_exception(failure_);
}

void Journal::stop_writer() {
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
  }
  has_work_.notify_all();
  if (thread_.joinable()) thread_.join();
  writer_.reset();
}

void Journal::enqueue(What what, int64_t size) {
  Work work{std::chrono::system_clock::now(), std::move(what)};
  {
    std::unique_lock lock(mutex_);
    // A single report above the limit goes in when the queue is empty, or it never would.
    has_space_.wait(lock, [&] { return failure_ || n_queued_ == 0 || n_queued_ + size <= max_queued_; });
    if (failure_) std::rethrow_exception(failure_);
    queue_.push_back(std::move(work));
    ++n_enqueued_;
    n_queued_ += size;
  }
  has_work_.notify_one();
}

void Journal::run_writer() {
  for (;;) {
    std::deque<Work> batch;
    int64_t size = 0;
    {
      std::unique_lock lock(mutex_);
      has_work_.wait(lock, [this] { return closing_ || !queue_.empty(); });
      if (queue_.empty()) break;
      batch.swap(queue_);
      size = n_queued_;
    }
    try {
      write(batch);
    } catch (...) {
      const std::lock_guard lock(mutex_);
      failure_ = std::current_exception();
      queue_.clear();
      has_space_.notify_all();
      return;
    }
    {
      const std::lock_guard lock(mutex_);
      n_queued_ -= size;
      n_written_ += static_cast<int64_t>(batch.size());
    }
    has_space_.notify_all();
  }
  try {
    writer_->finish();
  } catch (...) {
    const std::lock_guard lock(mutex_);
    failure_ = std::current_exception();
  }
}

void Journal::write(const std::deque<Work>& batch) {
  bool is_flush = false;
  writer_->begin();
  for (const Work& work : batch) {
    if (const auto* start = std::get_if<Start>(&work.what)) {
      writer_->write_start(work.time, start->spec, start->configurations);
    } else if (const auto* past = std::get_if<RecordedPast>(&work.what)) {
      writer_->write_resume(work.time, *past);
    } else if (const auto* interval = std::get_if<Interval>(&work.what)) {
      writer_->write_interval(work.time, interval->report);
    } else if (const auto* end = std::get_if<End>(&work.what)) {
      writer_->write_end(work.time, end->result);
    } else if (const auto* failure = std::get_if<Failure>(&work.what)) {
      writer_->write_failure(work.time, failure->message);
    } else {
      is_flush = true;
    }
  }
  writer_->commit();
  if (is_flush) writer_->sync();
}

}  // namespace lockstep
