#include "torch/worker_pool.h"

#include <algorithm>

#include <ATen/Parallel.h>

namespace lockstep {

WorkerPool::WorkerPool(int n_threads) {
  threads_.reserve(static_cast<size_t>(std::max(1, n_threads)));
  for (int i = 0; i < std::max(1, n_threads); ++i) threads_.emplace_back([this] { loop(); });
}

WorkerPool::~WorkerPool() {
  {
    std::lock_guard lock(mutex_);
    closing_ = true;
  }
  wake_.notify_all();
  for (auto& thread : threads_) thread.join();
}

void WorkerPool::run(int64_t n, const std::function<void(int64_t)>& work) {
  std::unique_lock lock(mutex_);
  work_ = &work;
  next_ = 0;
  end_ = n;
  failure_ = nullptr;
  wake_.notify_all();
  done_.wait(lock, [this] { return next_ >= end_ && n_running_ == 0; });
  work_ = nullptr;
  if (failure_) std::rethrow_exception(failure_);
}

void WorkerPool::loop() {
  at::set_num_threads(1);  // counts for the calling thread alone
  std::unique_lock lock(mutex_);
  while (true) {
    wake_.wait(lock, [this] { return closing_ || next_ < end_; });
    if (closing_) return;
    const int64_t i = next_++;
    const auto& work = *work_;
    ++n_running_;
    lock.unlock();
    std::exception_ptr failure;
    try {
      work(i);
    } catch (...) {
      failure = std::current_exception();
    }
    lock.lock();
    --n_running_;
    if (failure) {
      if (!failure_) failure_ = failure;
      next_ = end_;
    }
    if (next_ >= end_ && n_running_ == 0) done_.notify_all();
  }
}

}  // namespace lockstep
