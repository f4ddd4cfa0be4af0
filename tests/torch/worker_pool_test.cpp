// A program of its own: thread sanitizer runs it without the rest of LibTorch's users.

#include "torch/worker_pool.h"

#include <atomic>
#include <chrono>
#include <stdexcept>
#include <thread>

#include <gtest/gtest.h>

namespace lockstep {
namespace {

TEST(WorkerPool, DoesEachPieceOnceAndReturnsWhenAllAreDone) {
  WorkerPool pool(3);
  EXPECT_EQ(pool.n_threads(), 3);
  for (const int64_t n : {0, 1, 2, 3, 100}) {
    std::vector<int> times(static_cast<size_t>(n), 0);  // each element written by one worker, read here after
    for (int round = 0; round < 20; ++round) pool.run(n, [&](int64_t i) { ++times[static_cast<size_t>(i)]; });
    for (const int each : times) EXPECT_EQ(each, 20) << "of " << n;
  }
}

TEST(WorkerPool, WorksOnAllThreadsAtOnce) {
  WorkerPool pool(4);
  std::atomic<int> n_waiting = 0;
  // Each piece waits for the other three: with fewer threads this would not end.
  pool.run(4, [&](int64_t) {
    ++n_waiting;
    while (n_waiting < 4) std::this_thread::yield();
  });
  EXPECT_EQ(n_waiting, 4);
}

TEST(WorkerPool, TakesPiecesUpInOrder) {
  WorkerPool pool(1);
  std::vector<int64_t> order;
  pool.run(5, [&](int64_t i) { order.push_back(i); });
  EXPECT_EQ(order, (std::vector<int64_t>{0, 1, 2, 3, 4}));
}

TEST(WorkerPool, RethrowsAFailureAndLeavesOutTheRest) {
  WorkerPool pool(2);
  std::atomic<int> n_done = 0;
  const auto fail_at_3 = [&](int64_t i) {
    if (i == 3) throw std::runtime_error("piece 3");
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    ++n_done;
  };
  try {
    pool.run(1000, fail_at_3);
    ADD_FAILURE() << "did not throw";
  } catch (const std::runtime_error& failure) {
    EXPECT_STREQ(failure.what(), "piece 3");
  }
  EXPECT_LT(n_done, 100);
  n_done = 0;
  pool.run(3, fail_at_3);
  EXPECT_EQ(n_done, 3) << "it works on after a failure";
}

TEST(WorkerPool, HasAThreadAtLeast) {
  WorkerPool pool(0);
  int n = 0;
  pool.run(1, [&](int64_t) { ++n; });
  EXPECT_EQ(n, 1);
}

}  // namespace
}  // namespace lockstep
