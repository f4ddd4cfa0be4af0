#include "store/journal.h"

#include <utility>

#include "store/journal_writer.h"
#include "store/output_directory.h"

namespace lockstep {

Journal::Journal(const std::string& directory, RunInfo info, bool overwrite, int64_t max_queued)
    : max_queued_(max_queued) {
  prepare_output_directory(directory, overwrite);
  writer_ = std::make_unique<JournalWriter>(directory + "/" + kDatabaseFile, std::move(info));
  thread_ = std::thread([this] { run_writer(); });
}

Journal::~Journal() { stop_writer(); }

void Journal::on_start(const SweepSpec& spec, const Configurations& configurations) {
  enqueue(Start{spec, configurations}, 0);
}

void Journal::on_interval(const IntervalReport& report) {
  enqueue(Interval{report}, static_cast<int64_t>(report.metrics.size()));
}

void Journal::on_end(const SweepResult& result) { enqueue(End{result}, 0); }

void Journal::abandon(const std::string& failure) noexcept {
  try {
    enqueue(Failure{failure}, 0);
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

void Journal::enqueue(std::variant<Start, Interval, End, Failure> what, int64_t size) {
  Work work{std::chrono::system_clock::now(), std::move(what)};
  {
    std::unique_lock lock(mutex_);
    // A single report above the limit goes in when the queue is empty, or it never would.
    has_space_.wait(lock, [&] { return failure_ || n_queued_ == 0 || n_queued_ + size <= max_queued_; });
    if (failure_) std::rethrow_exception(failure_);
    queue_.push_back(std::move(work));
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
  writer_->begin();
  for (const Work& work : batch) {
    if (const auto* start = std::get_if<Start>(&work.what)) {
      writer_->write_start(work.time, start->spec, start->configurations);
    } else if (const auto* interval = std::get_if<Interval>(&work.what)) {
      writer_->write_interval(work.time, interval->report);
    } else if (const auto* end = std::get_if<End>(&work.what)) {
      writer_->write_end(work.time, end->result);
    } else if (const auto* failure = std::get_if<Failure>(&work.what)) {
      writer_->write_failure(work.time, failure->message);
    }
  }
  writer_->commit();
}

}  // namespace lockstep
