#pragma once

#include <lockstep/backend.h>
#include <thrust/iterator/transform_iterator.h>
#include <thrust/scan.h>

#include "cuda/common/execution.h"
#include "cuda/common/marks.h"

/// The log of an interval: which slots have an event, and work on those events alone. Their number is in device memory,
/// and nobody waits for it.
namespace lockstep::LOCKSTEP_BACKEND_NAMESPACE {

#ifdef __CUDACC__

struct MarkAsNumber {
  LOCKSTEP_HD int64_t operator()(uint8_t mark) const { return mark; }
};

struct ListMarked {
  const uint8_t* marks;
  const int64_t* n_until;  ///< [n] marks up to each, itself included
  int64_t n;
  int64_t* list;
  int64_t* n_listed;

  LOCKSTEP_HD void operator()(int64_t i) const {
    if (marks[i]) list[n_until[i] - 1] = i;
    if (i == n - 1) *n_listed = n_until[i];
  }
};

#endif

/// Lists in ascending order which of `marks` [n] are 1; the others are 0.
inline void list_marked(const Context& context, const uint8_t* marks, int64_t n, int64_t* list, int64_t* n_listed) {
#ifdef __CUDACC__
  if (n == 0) return fill_zero(context, n_listed, sizeof(int64_t));
  const DeviceBuffer<int64_t> n_until(context, n);
  ThrustAllocator allocator(context);
  const auto numbers = thrust::make_transform_iterator(marks, MarkAsNumber());
  thrust::inclusive_scan(thrust_policy(context, allocator), numbers, numbers + n, n_until.data());
  for_each_index(context, n, ListMarked{marks, n_until.data(), n, list, n_listed});
#else
  (void)context;
  int64_t listed = 0;
  for_each_mark(marks, n, [&](int64_t i) { list[listed++] = i; });
  *n_listed = listed;
#endif
}

/// How many places of the log are visited for its events: on a device all, as their number is known there alone.
inline int64_t n_places(const SweepView& sweep) {
#ifdef __CUDACC__
  return sweep.n_slots;
#else
  return *sweep.n_events;
#endif
}

template <class Function>
struct VisitEvent {
  const int64_t* n_events;
  Function function;
  LOCKSTEP_HD void operator()(int64_t place) const {
    if (place < *n_events) function(place);
  }
};

/// Calls `function(place)` for each place of the log that has an event, in any order.
template <class Function>
void for_each_event(const Context& context, const SweepView& sweep, const Function& function) {
  for_each_index(context, n_places(sweep), VisitEvent<Function>{sweep.n_events, function});
}

}  // namespace lockstep::LOCKSTEP_BACKEND_NAMESPACE
