// Rows that move with their trials: compaction in place, and copies from one matrix to another.
#include <thrust/iterator/transform_iterator.h>
#include <thrust/scan.h>

#include <string>

#include <lockstep/error.h>

#include "cuda/common/algorithms.h"
#include "cuda/common/execution.h"

namespace lockstep::LOCKSTEP_BACKEND_NAMESPACE {
namespace {

/// Sixteen bytes, moved at once.
struct alignas(16) WideWord {
  uint64_t part[2];
};

/// Words that one index copies: neighbouring threads of a device take neighbouring words, a thread of the host takes what
/// its first-level cache holds.
#ifdef __CUDACC__
constexpr int64_t kWordsPerIndex = 1;
#else
constexpr int64_t kWordsPerIndex = 512;
#endif

template <class Word>
struct CopyRow {
  Word* target;
  const Word* source;
  const int64_t* from;
  const int64_t* to;
  int64_t row_words;
  int64_t parts_per_row;

  LOCKSTEP_HD void operator()(int64_t i) const {
    const int64_t pair = i / parts_per_row;
    if (from[pair] < 0 || to[pair] < 0) return;
    const int64_t begin = i % parts_per_row * kWordsPerIndex;
    const int64_t end = begin + kWordsPerIndex < row_words ? begin + kWordsPerIndex : row_words;
    Word* const target_row = target + to[pair] * row_words;
    const Word* const source_row = source + from[pair] * row_words;
    for (int64_t word = begin; word < end; ++word) target_row[word] = source_row[word];
  }
};

bool is_made_of(const RowMatrix& target, const RowMatrix& source, size_t word_bytes) {
  const auto bits = reinterpret_cast<uintptr_t>(target.data) | reinterpret_cast<uintptr_t>(source.data) |
                    static_cast<uintptr_t>(target.row_bytes);
  return bits % word_bytes == 0;
}

template <class Word>
void copy_words(const Context& context, const RowMatrix& target, const RowMatrix& source, const int64_t* from,
                const int64_t* to, int64_t n) {
  const int64_t row_words = target.row_bytes / static_cast<int64_t>(sizeof(Word));
  const int64_t parts_per_row = (row_words + kWordsPerIndex - 1) / kWordsPerIndex;
  for_each_index(context, n * parts_per_row,
                 CopyRow<Word>{static_cast<Word*>(target.data), static_cast<const Word*>(source.data), from, to,
                               row_words, parts_per_row});
}

struct IsKept {
  LOCKSTEP_HD int64_t operator()(uint8_t keep) const { return keep != 0 ? 1 : 0; }
};

/// Where rows stand in a compaction.
struct Compaction {
  const uint8_t* keep;
  const int64_t* n_before;  ///< [n_rows] rows that stay before each
  int64_t n_rows;

  LOCKSTEP_HD int64_t n_kept() const { return n_before[n_rows - 1] + IsKept()(keep[n_rows - 1]); }
};

/// Lists the holes among the first rows, and the rows behind them that fill these: as many of the one as of the other.
struct ListMoves {
  Compaction rows;
  int64_t* from;  ///< [n_rows / 2] by move
  int64_t* to;

  LOCKSTEP_HD void operator()(int64_t row) const {
    const int64_t n_kept = rows.n_kept();
    const bool stays = rows.keep[row] != 0;
    if (row < n_kept && !stays) to[row - rows.n_before[row]] = row;
    if (row >= n_kept && stays) from[rows.n_before[row] - rows.n_before[n_kept]] = row;
  }
};

struct NameSource {
  Compaction rows;
  const int64_t* from;
  int64_t* source;

  LOCKSTEP_HD void operator()(int64_t row) const {
    source[row] = row >= rows.n_kept() ? -1 : rows.keep[row] != 0 ? row : from[row - rows.n_before[row]];
  }
};

struct FillNone {
  int64_t* rows;
  LOCKSTEP_HD void operator()(int64_t i) const { rows[i] = -1; }
};

}  // namespace

void copy_rows(const Context& context, const RowMatrix* targets, const RowMatrix* sources, int64_t n_matrices,
               const int64_t* from, const int64_t* to, int64_t n) {
  for (int64_t i = 0; i < n_matrices; ++i) {
    if (targets[i].row_bytes != sources[i].row_bytes) {
      throw DeviceError("copy_rows: matrix " + std::to_string(i) + " has rows of " + std::to_string(sources[i].row_bytes) +
                        " bytes, and its target of " + std::to_string(targets[i].row_bytes) + ".");
    }
    if (is_made_of(targets[i], sources[i], sizeof(WideWord))) {
      copy_words<WideWord>(context, targets[i], sources[i], from, to, n);
    } else if (is_made_of(targets[i], sources[i], sizeof(uint32_t))) {
      copy_words<uint32_t>(context, targets[i], sources[i], from, to, n);
    } else {
      copy_words<uint8_t>(context, targets[i], sources[i], from, to, n);
    }
  }
}

void compact_rows(const Context& context, const uint8_t* keep, int64_t n_rows, const RowMatrix* matrices,
                  int64_t n_matrices, int64_t* source) {
  if (n_rows <= 0) return;
  // At most half of the rows are holes that a row behind them fills.
  const int64_t most_moves = n_rows / 2;
  const DeviceBuffer<int64_t> n_before(context, n_rows);
  const DeviceBuffer<int64_t> moves(context, 2 * most_moves);
  int64_t* const from = moves.data();
  int64_t* const to = moves.data() + most_moves;
  ThrustAllocator allocator(context);
  const auto kept = thrust::make_transform_iterator(keep, IsKept());
  thrust::exclusive_scan(thrust_policy(context, allocator), kept, kept + n_rows, n_before.data(), int64_t{0});
  const Compaction rows{keep, n_before.data(), n_rows};
  for_each_index(context, 2 * most_moves, FillNone{moves.data()});
  for_each_index(context, n_rows, ListMoves{rows, from, to});
  for_each_index(context, n_rows, NameSource{rows, from, source});
  copy_rows(context, matrices, matrices, n_matrices, from, to, most_moves);
}

}  // namespace lockstep::LOCKSTEP_BACKEND_NAMESPACE
