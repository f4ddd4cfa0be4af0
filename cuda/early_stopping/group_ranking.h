#pragma once

#include <thrust/sort.h>

#include <algorithm>
#include <cstdint>

#include "cuda/common/execution.h"

/// Ranking within groups: what successive halving and population based training share.
namespace lockstep::LOCKSTEP_BACKEND_NAMESPACE {

/// Sorts behind every group: one that is not ranked.
inline constexpr int64_t kNoGroup = INT64_MAX;

/// One that is ranked, beside the others of its group: by score, ties by trial.
struct Contestant {
  int64_t group;
  double score;
  int32_t trial;
  int32_t slot;
};

struct IsRankedHigher {
  LOCKSTEP_HD bool operator()(const Contestant& a, const Contestant& b) const {
    if (a.group != b.group) return a.group < b.group;
    if (a.score != b.score) return a.score > b.score;
    return a.trial < b.trial;
  }
};

/// Where a contestant's group stands among all: [first, first + n).
struct GroupSpan {
  int64_t first;
  int64_t n;
};

/// How many a policy asks for of a group: its best, in order, and its worst, in any. Both parts do not overlap.
struct GroupCuts {
  int64_t n_best;
  int64_t n_worst;
};

#ifdef __CUDACC__

struct FindGroup {
  const Contestant* contestants;
  int64_t n;
  GroupSpan* spans;

  LOCKSTEP_HD int64_t first_from(int64_t group) const {
    int64_t begin = 0;
    for (int64_t end = n; begin < end;) {
      const int64_t middle = begin + (end - begin) / 2;
      if (contestants[middle].group < group) {
        begin = middle + 1;
      } else {
        end = middle;
      }
    }
    return begin;
  }
  LOCKSTEP_HD void operator()(int64_t i) const {
    const int64_t group = contestants[i].group;
    if (group == kNoGroup) {
      spans[i] = {i, 0};
      return;
    }
    const int64_t first = first_from(group);
    spans[i] = {first, first_from(group + 1) - first};
  }
};

#endif

/// Puts the contestants in the order of their groups, and in each group of n the `cuts(n, contestant).n_best` best first, in
/// order, and the `n_worst` worst last. Those of kNoGroup come behind all. `spans` [n] says where each one's group is now.
/// On the host a selection; on a device, which sorts, everything comes in order: what a policy reads are the best, the last
/// that is not among the worst, and who is where, and these are equal on every backend.
template <class Cuts>
void rank_groups(const Context& context, Contestant* contestants, GroupSpan* spans, int64_t n, const Cuts& cuts) {
  if (n <= 0) return;
#ifdef __CUDACC__
  (void)cuts;
  ThrustAllocator allocator(context);
  thrust::sort(thrust_policy(context, allocator), contestants, contestants + n, IsRankedHigher());
  for_each_index(context, n, FindGroup{contestants, n, spans});
#else
  (void)context;
  const auto is_before = [](const Contestant& a, const Contestant& b) { return a.group < b.group; };
  // Of one group, or in the order of the slots, as they often are.
  if (!std::is_sorted(contestants, contestants + n, is_before)) std::sort(contestants, contestants + n, is_before);
  for (int64_t first = 0; first < n;) {
    Contestant* const begin = contestants + first;
    Contestant* const end = std::upper_bound(begin, contestants + n, *begin, is_before);
    const int64_t size = begin->group == kNoGroup ? 0 : end - begin;
    if (size > 0) {
      const GroupCuts cut = cuts(size, *begin);
      Contestant* const best_end = begin + cut.n_best;
      if (cut.n_best > 0) {
        std::nth_element(begin, best_end - 1, end, IsRankedHigher());
        std::sort(begin, best_end, IsRankedHigher());
      }
      Contestant* const last_kept = end - cut.n_worst - 1;
      if (last_kept >= best_end) std::nth_element(best_end, last_kept, end, IsRankedHigher());
    }
    std::fill(spans + first, spans + (end - contestants), GroupSpan{first, size});
    first = end - contestants;
  }
#endif
}

}  // namespace lockstep::LOCKSTEP_BACKEND_NAMESPACE
