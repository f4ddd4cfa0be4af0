#pragma once

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace lockstep {

/// Threads that each run LibTorch with one thread of its own: batches are spread over cores, not one batch over all.
class WorkerPool {
 public:
  explicit WorkerPool(int n_threads);
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  int n_threads() const { return static_cast<int>(threads_.size()); }
  /// Calls `work(0) ... work(n - 1)`, taken up in this order, and returns when all are done. If one throws, those not taken up
  /// yet are left out and the exception is rethrown here.
  void run(int64_t n, const std::function<void(int64_t)>& work);

 private:
  void loop();

  std::vector<std::thread> threads_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::condition_variable done_;
  const std::function<void(int64_t)>* work_ = nullptr;
  int64_t next_ = 0;
  int64_t end_ = 0;
  int64_t n_running_ = 0;
  std::exception_ptr failure_;
  bool closing_ = false;
};

}  // namespace lockstep
