#pragma once

#include <cstdint>

#include "cuda/common/execution.h"

#ifndef __CUDACC__
#include <algorithm>
#include <atomic>
#include <system_error>
#include <thread>
#include <vector>
#endif

namespace lockstep::LOCKSTEP_BACKEND_NAMESPACE {

/// Calls `function(i)` for i in [0, n), in any order, as for_each_index does. Where that is one thread, on the host,
/// every core takes part that would have `min_calls` or more to do: many, as a thread costs its start, and on a busy
/// machine a wait. Not for what a sweep's workers call: they have the cores already. `function` must not throw.
template <class Function>
void for_each_index_on_every_core(const Context& context, int64_t n, int64_t min_calls, Function function) {
#ifdef __CUDACC__
  for_each_index(context, n, function);
#else
  // Plain threads: Thrust's OpenMP backend would bring a second OpenMP library beside LibTorch's. Calls are taken a few
  // at a time, as a core that has something else to do is slower.
  const int64_t calls_at_once = std::max<int64_t>(min_calls / 8, 1);
  std::atomic<int64_t> next = 0;
  const auto work = [&] {
    for (int64_t first; (first = next.fetch_add(calls_at_once)) < n;) {
      for (int64_t i = first; i < std::min(first + calls_at_once, n); ++i) function(i);
    }
  };
  const int64_t n_threads = std::min<int64_t>(std::thread::hardware_concurrency(), n / min_calls);
  std::vector<std::jthread> others;
  try {
    for (int64_t i = 1; i < n_threads; ++i) others.emplace_back(work);
  } catch (const std::system_error&) {
    // No more threads are to be had: those that there are do it.
  }
  work();
#endif
}

}  // namespace lockstep::LOCKSTEP_BACKEND_NAMESPACE
