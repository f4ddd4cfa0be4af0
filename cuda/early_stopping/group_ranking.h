#pragma once

#include <thrust/sort.h>

#include <algorithm>
#include <cstdint>

#include "cuda/common/execution.h"
#include "cuda/common/order_statistics.h"

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

/// Where a contestant's group stands among all: [first, first + n), the last `n_worst` of them its worst.
struct GroupSpan {
  int64_t first;
  int64_t n;
  int64_t n_worst;
};

/// How many a policy asks for of a group: its best, in order, and its worst, in any. Both parts do not overlap.
struct GroupCuts {
  int64_t n_best;
  int64_t n_worst;
};

#ifdef __CUDACC__

template <class Cuts>
struct FindGroup {
  Cuts cuts;
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
      spans[i] = {i, 0, 0};
      return;
    }
    const int64_t first = first_from(group);
    const int64_t size = first_from(group + 1) - first;
    spans[i] = {first, size, cuts(size, contestants[i]).n_worst};
  }
};

#else

/// Of one group, puts its worst last, and in front of them the worst that is kept, if any is.
inline void put_worst_last(Contestant* begin, Contestant* end, int64_t n_worst, double* workspace) {
  const int64_t n = end - begin;
  const int64_t n_kept = n - n_worst;
  if (n_kept < 1) return;
  const auto score = [begin](int64_t i) { return begin[i].score; };
  const double lowest_kept = select_rank(n, score, n_worst, workspace);
  const int64_t n_not_below = std::count_if(begin, end, [=](const Contestant& one) { return one.score >= lowest_kept; });
  if (n_not_below > n_kept) {
    // Of equal ones some stay.
    std::nth_element(begin, begin + n_kept - 1, end, IsRankedHigher());
    return;
  }
  Contestant* const worst = std::partition(begin, end, [=](const Contestant& one) { return one.score >= lowest_kept; });
  std::iter_swap(std::max_element(begin, worst, IsRankedHigher()), worst - 1);
}

#endif

/// Puts the contestants in the order of their groups, and in each group of n the `cuts(n, contestant).n_best` best first, in
/// order, and the `n_worst` worst last. Those of kNoGroup come behind all. `spans` [n] says where each one's group is now.
/// On the host a selection; on a device, which sorts, everything comes in order: what a policy reads are the best, the last
/// that is not among the worst, and who is where, and these are equal on every backend.
template <class Cuts>
void rank_groups(const Context& context, Contestant* contestants, GroupSpan* spans, int64_t n, const Cuts& cuts) {
  if (n <= 0) return;
#ifdef __CUDACC__
  ThrustAllocator allocator(context);
  thrust::sort(thrust_policy(context, allocator), contestants, contestants + n, IsRankedHigher());
  for_each_index(context, n, FindGroup<Cuts>{cuts, contestants, n, spans});
#else
  const DeviceBuffer<double> workspace(context, n);
  // Behind the others, which keep their order.
  int64_t n_ranked = 0;
  for (int64_t i = 0; i < n; ++i) {
    if (contestants[i].group != kNoGroup) std::swap(contestants[n_ranked++], contestants[i]);
  }
  std::fill(spans + n_ranked, spans + n, GroupSpan{n_ranked, 0, 0});
  n = n_ranked;
  const auto is_before = [](const Contestant& a, const Contestant& b) { return a.group < b.group; };
  // Of one group, or in the order of the slots, as they often are.
  if (!std::is_sorted(contestants, contestants + n, is_before)) std::sort(contestants, contestants + n, is_before);
  for (int64_t first = 0; first < n;) {
    Contestant* const begin = contestants + first;
    Contestant* const end = std::upper_bound(begin, contestants + n, *begin, is_before);
    const int64_t size = end - begin;
    const GroupCuts cut = cuts(size, *begin);
    put_worst_last(begin, end, cut.n_worst, workspace.data());
    Contestant* const best_end = begin + cut.n_best;
    Contestant* const last_kept = end - cut.n_worst - 1;
    // The last kept stays where it is, unless it is one of the best.
    if (cut.n_best > 0) {
      if (best_end <= last_kept) std::nth_element(begin, best_end - 1, last_kept, IsRankedHigher());
      std::sort(begin, best_end, IsRankedHigher());
    }
    std::fill(spans + first, spans + (end - contestants), GroupSpan{first, size, cut.n_worst});
    first = end - contestants;
  }
#endif
}

}  // namespace lockstep::LOCKSTEP_BACKEND_NAMESPACE
