#pragma once

#include <thrust/sort.h>

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "cuda/common/execution.h"
#include "cuda/common/marks.h"
#include "cuda/common/math.h"

namespace lockstep::LOCKSTEP_BACKEND_NAMESPACE {

/// Larger than every score: marks one that is left out of a comparison.
inline constexpr double kLeftOut = kInfinity;

/// Ranks from 0, ascending, with lower <= upper <= lower + 1.
struct RankPair {
  int64_t lower;
  int64_t upper;
};

/// Those of some scores that count, and two of them by their rank.
struct OrderStatistics {
  int64_t n_compared;
  double lower;
  double upper;
};

#ifdef __CUDACC__

template <class Score>
struct WriteScore {
  Score score;
  double* scores;
  LOCKSTEP_HD void operator()(int64_t i) const { scores[i] = score(i); }
};

template <class Ranks>
struct PickRanks {
  Ranks ranks;
  const double* scores;  ///< [n] ascending
  int64_t n;
  OrderStatistics* out;

  LOCKSTEP_HD void operator()(int64_t) const {
    int64_t n_compared = 0;
    for (int64_t end = n; n_compared < end;) {
      const int64_t middle = n_compared + (end - n_compared) / 2;
      if (scores[middle] < kLeftOut) {
        n_compared = middle + 1;
      } else {
        end = middle;
      }
    }
    OrderStatistics statistics = {n_compared, 0, 0};
    if (n_compared > 0) {
      const RankPair pair = ranks(n_compared);
      statistics.lower = scores[pair.lower];
      statistics.upper = scores[pair.upper];
    }
    *out = statistics;
  }
};

#else

/// Two neighbouring order statistics of values[0, n), which are reordered. Values that cannot be the ones are dropped by
/// a bracket from a sample (Floyd and Rivest 1975), as long as that makes fewer of them; then introselect.
inline void select_ranks(double* values, int64_t n, RankPair ranks, OrderStatistics& out) {
  constexpr int64_t kSample = 1024;
  constexpr int64_t kMargin = 64;  // four standard deviations of a rank in the sample
  double sample[kSample];
  while (n > 4 * kSample) {
    for (int64_t i = 0; i < kSample; ++i) sample[i] = values[i * n / kSample];
    const int64_t at = ranks.lower * kSample / n;
    const int64_t low_at = std::max<int64_t>(at - kMargin, 0);
    const int64_t high_at = std::min<int64_t>(at + kMargin, kSample);
    std::nth_element(sample, sample + low_at, sample + kSample);
    const double low = low_at > 0 ? sample[low_at] : -kInfinity;
    if (high_at < kSample) std::nth_element(sample + low_at, sample + high_at, sample + kSample);
    const double high = high_at < kSample ? sample[high_at] : kInfinity;
    int64_t n_below = 0;
    int64_t n_above = 0;
    for (int64_t i = 0; i < n; ++i) {
      n_below += values[i] < low ? 1 : 0;
      n_above += values[i] > high ? 1 : 0;
    }
    const int64_t n_within = n - n_below - n_above;
    if (ranks.lower < n_below || ranks.upper >= n_below + n_within) break;
    if (low == high) {
      out.lower = out.upper = low;
      return;
    }
    if (n_within > n / 2) break;
    int64_t kept = 0;
    for (int64_t i = 0; i < n; ++i) {
      const double value = values[i];
      values[kept] = value;
      kept += value >= low && value <= high ? 1 : 0;
    }
    n = n_within;
    ranks = {ranks.lower - n_below, ranks.upper - n_below};
  }
  std::nth_element(values, values + ranks.upper, values + n);
  out.upper = values[ranks.upper];
  out.lower = ranks.lower == ranks.upper ? out.upper : *std::max_element(values, values + ranks.upper);
}

#endif

#ifndef __CUDACC__

/// Where two neighbouring order statistics are most likely found: in [low, high].
struct ScoreRange {
  double low;
  double high;
};

/// From a sample of at least kFewest of the scores that count; none where these are few.
template <class Score, class Ranks>
bool range_from_sample(int64_t n, const Score& score, const Ranks& ranks, ScoreRange& range) {
  constexpr int64_t kSample = 1024;
  constexpr int64_t kFewest = 256;
  if (n <= 4 * kSample) return false;
  double sample[kSample];
  int64_t size = 0;
  for (int64_t i = 0; i < kSample; ++i) {
    const double value = score(i * n / kSample);
    sample[size] = value;
    size += value < kLeftOut ? 1 : 0;
  }
  if (size < kFewest) return false;
  const auto margin = static_cast<int64_t>(2 * std::sqrt(static_cast<double>(size)));  // four standard deviations
  const int64_t at = ranks(size).lower;
  const int64_t low_at = std::max<int64_t>(at - margin, 0);
  const int64_t high_at = std::min<int64_t>(at + margin, size);
  std::nth_element(sample, sample + low_at, sample + size);
  range.low = low_at > 0 ? sample[low_at] : -kInfinity;
  if (high_at < size) std::nth_element(sample + low_at, sample + high_at, sample + size);
  range.high = high_at < size ? sample[high_at] : kLargestDouble;
  return true;
}

/// How many scores count, and how many of them are below and within a range, which are copied to `within`.
struct WithinRange {
  int64_t n_compared = 0;
  int64_t n_below = 0;
  int64_t n_within = 0;
};

template <class Score>
WithinRange copy_within(int64_t n, const Score& score, const ScoreRange& range, double* within) {
  // In parts, so that what is computed of all is computed in vector registers, and few are then picked.
  constexpr int64_t kPart = 512;
  double values[kPart];
  uint8_t is_within[kPart];
  WithinRange found;
  for (int64_t begin = 0; begin < n; begin += kPart) {
    const int64_t size = std::min(kPart, n - begin);
    for (int64_t i = 0; i < size; ++i) values[i] = score(begin + i);
    for (int64_t i = 0; i < size; ++i) {
      found.n_compared += values[i] < kLeftOut ? 1 : 0;
      found.n_below += values[i] < range.low ? 1 : 0;
    }
    for (int64_t i = 0; i < size; ++i) is_within[i] = (values[i] >= range.low) & (values[i] <= range.high) ? 1 : 0;
    for_each_mark(is_within, size, [&](int64_t i) { within[found.n_within++] = values[i]; });
  }
  return found;
}

template <class Score, class Ranks>
OrderStatistics select_scores(int64_t n, const Score& score, const Ranks& ranks, double* workspace) {
  const ScoreRange all = {-kInfinity, kLargestDouble};
  ScoreRange range = all;
  const bool is_sampled = range_from_sample(n, score, ranks, range);
  WithinRange found = copy_within(n, score, range, workspace);
  OrderStatistics statistics = {found.n_compared, 0, 0};
  if (found.n_compared == 0) return statistics;
  const RankPair pair = ranks(found.n_compared);
  if (is_sampled && (pair.lower < found.n_below || pair.upper >= found.n_below + found.n_within)) {
    found = copy_within(n, score, all, workspace);
  }
  select_ranks(workspace, found.n_within, {pair.lower - found.n_below, pair.upper - found.n_below}, statistics);
  return statistics;
}

/// The score of a rank from 0, ascending, where all count.
template <class Score>
double select_rank(int64_t n, const Score& score, int64_t rank, double* workspace) {
  const auto ranks = [n, rank](int64_t n_compared) {
    const int64_t of_those = n_compared == n ? rank : rank * n_compared / n;  // fewer are a sample
    return RankPair{of_those, of_those};
  };
  return select_scores(n, score, ranks, workspace).upper;
}

#endif

/// Writes to `out`, in device memory, what `ranks(n_compared)` asks for of the scores `score(i)`, i in [0, n), that are not
/// kLeftOut: only n_compared where there is none. Equal bits on every backend: a radix sort on a device, a selection on the
/// host. `workspace` is [n] in device memory.
template <class Score, class Ranks>
void order_statistics(const Context& context, int64_t n, const Score& score, const Ranks& ranks, double* workspace,
                      OrderStatistics* out) {
#ifdef __CUDACC__
  for_each_index(context, n, WriteScore<Score>{score, workspace});
  ThrustAllocator allocator(context);
  thrust::sort(thrust_policy(context, allocator), workspace, workspace + n);
  for_each_index(context, 1, PickRanks<Ranks>{ranks, workspace, n, out});
#else
  (void)context;
  *out = select_scores(n, score, ranks, workspace);
#endif
}

}  // namespace lockstep::LOCKSTEP_BACKEND_NAMESPACE
