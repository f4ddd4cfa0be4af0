// Rows that move with their trials: compaction in place, and copies.
#include <gtest/gtest.h>

#include <memory>
#include <numeric>
#include <random>
#include <set>

#include "cuda/backend_test.h"

namespace lockstep::test {
namespace {

using Bytes = std::vector<uint8_t>;

/// Every byte of a row tells the row and the byte's place.
Bytes numbered(int64_t n_rows, int64_t row_bytes) {
  Bytes bytes(static_cast<size_t>(n_rows * row_bytes));
  for (int64_t row = 0; row < n_rows; ++row) {
    for (int64_t i = 0; i < row_bytes; ++i) bytes[row * row_bytes + i] = static_cast<uint8_t>(row * 7 + i * 31 + row / 256);
  }
  return bytes;
}

Bytes row_of(const Bytes& matrix, int64_t row, int64_t row_bytes) {
  return {matrix.begin() + row * row_bytes, matrix.begin() + (row + 1) * row_bytes};
}

class RowMoves : public BackendTest {
 protected:
  struct Compacted {
    std::vector<Bytes> matrices;
    std::vector<int64_t> source;
  };

  Compacted compact(const Bytes& keep, const std::vector<int64_t>& row_bytes) {
    const auto n_rows = static_cast<int64_t>(keep.size());
    std::vector<std::unique_ptr<DeviceArray<uint8_t>>> arrays;
    std::vector<RowMatrix> matrices;
    for (const int64_t bytes : row_bytes) {
      arrays.push_back(std::make_unique<DeviceArray<uint8_t>>(*backend_, context_, numbered(n_rows, bytes)));
      matrices.push_back({arrays.back()->data(), bytes});
    }
    const DeviceArray<uint8_t> device_keep(*backend_, context_, keep);
    const DeviceArray<int64_t> source(*backend_, context_, std::vector<int64_t>(keep.size(), 77));
    backend_->compact_rows(context_, device_keep.data(), n_rows, matrices.data(),
                           static_cast<int64_t>(matrices.size()), source.data());
    Compacted result{{}, source.to_host()};
    for (const auto& array : arrays) result.matrices.push_back(array->to_host());
    return result;
  }
};
LOCKSTEP_EVERY_BACKEND(RowMoves);

TEST_P(RowMoves, RowsFromTheEndFillTheHoles) {
  const Compacted result = compact({1, 0, 1, 0, 0, 1, 1}, {4});
  EXPECT_EQ(result.source, (std::vector<int64_t>{0, 5, 2, 6, -1, -1, -1}));
  const Bytes before = numbered(7, 4);
  for (int64_t row = 0; row < 4; ++row) {
    EXPECT_EQ(row_of(result.matrices[0], row, 4), row_of(before, result.source[row], 4)) << row;
  }
}

TEST_P(RowMoves, MovesNothingThatNeedNotMove) {
  EXPECT_EQ(compact({1, 1, 1}, {8}).matrices[0], numbered(3, 8));
  EXPECT_EQ(compact({1, 1, 0, 0}, {8}).matrices[0], numbered(4, 8));
  EXPECT_EQ(compact({1, 1, 0, 0}, {8}).source, (std::vector<int64_t>{0, 1, -1, -1}));
  EXPECT_EQ(compact({0, 0, 0}, {8}).source, (std::vector<int64_t>{-1, -1, -1}));
  EXPECT_EQ(compact({0}, {8}).source, std::vector<int64_t>{-1});
  EXPECT_EQ(compact({1}, {8}).source, std::vector<int64_t>{0});
  EXPECT_EQ(compact({9, 0, 255}, {8}).source, (std::vector<int64_t>{0, 2, -1}));
  EXPECT_TRUE(compact({}, {8}).source.empty());
}

// Widths that are and are not multiples of a word, alone and together; sizes around warps and blocks.
TEST_P(RowMoves, KeepsEveryRowThatStaysWhole) {
  std::mt19937 random(3);
  const std::vector<int64_t> row_bytes = {1, 3, 4, 12, 16, 17, 20, 4096, 8200};
  for (const int64_t n_rows : std::vector<int64_t>{2, 31, 32, 33, 257, pick(3000, 600)}) {
    std::vector<Bytes> before;
    for (const int64_t bytes : row_bytes) before.push_back(numbered(n_rows, bytes));
    for (const uint32_t percent : {1u, 50u, 97u}) {
      Bytes keep(static_cast<size_t>(n_rows));
      for (auto& each : keep) each = random() % 100 < percent ? 1 : 0;
      const auto n_kept = std::accumulate(keep.begin(), keep.end(), int64_t{0});
      const Compacted result = compact(keep, row_bytes);
      std::set<int64_t> seen;
      for (int64_t row = 0; row < n_rows; ++row) {
        const int64_t source = result.source[row];
        if (row >= n_kept) {
          ASSERT_EQ(source, -1);
          continue;
        }
        ASSERT_TRUE(source >= 0 && source < n_rows && keep[source]) << row;
        ASSERT_TRUE(seen.insert(source).second) << row;
        if (keep[row]) {
          ASSERT_EQ(source, row) << "a row moved that was in its place";
        }
        for (size_t m = 0; m < row_bytes.size(); ++m) {
          ASSERT_EQ(row_of(result.matrices[m], row, row_bytes[m]),
                    row_of(before[m], source, row_bytes[m]))
              << n_rows << " rows of " << row_bytes[m] << " bytes, row " << row;
        }
      }
    }
    if (GetParam() != DeviceKind::kCpu && n_rows == 33) break;
  }
}

TEST_P(RowMoves, CopiesRowsBetweenMatrices) {
  for (const int64_t row_bytes : {5, 8, 48, 8208}) {
    const DeviceArray<uint8_t> source(*backend_, context_, numbered(6, row_bytes));
    const DeviceArray<uint8_t> target(*backend_, context_, Bytes(static_cast<size_t>(4 * row_bytes), 99));
    const DeviceArray<int64_t> from(*backend_, context_, {5, -1, 1, 2, 5});
    const DeviceArray<int64_t> to(*backend_, context_, {0, 1, 3, -1, 2});
    const RowMatrix targets[] = {{target.data(), row_bytes}};
    const RowMatrix sources[] = {{source.data(), row_bytes}};
    backend_->copy_rows(context_, targets, sources, 1, from.data(), to.data(), 5);
    const Bytes result = target.to_host();
    const Bytes before = numbered(6, row_bytes);
    EXPECT_EQ(row_of(result, 0, row_bytes), row_of(before, 5, row_bytes));
    EXPECT_EQ(row_of(result, 1, row_bytes), Bytes(static_cast<size_t>(row_bytes), 99));
    EXPECT_EQ(row_of(result, 2, row_bytes), row_of(before, 5, row_bytes));
    EXPECT_EQ(row_of(result, 3, row_bytes), row_of(before, 1, row_bytes));
  }
}

TEST_P(RowMoves, CopiesWithinAMatrixThatIsNotAligned) {
  const DeviceArray<uint8_t> matrix(*backend_, context_, numbered(5, 16));
  // Rows of 16 bytes that begin at an odd address.
  const RowMatrix shifted[] = {{matrix.data() + 1, 16}};
  const DeviceArray<int64_t> from(*backend_, context_, {3}), to(*backend_, context_, {0});
  backend_->copy_rows(context_, shifted, shifted, 1, from.data(), to.data(), 1);
  Bytes expected = numbered(5, 16);
  std::copy(expected.begin() + 49, expected.begin() + 65, expected.begin() + 1);
  EXPECT_EQ(matrix.to_host(), expected);
}

TEST_P(RowMoves, RefusesRowsOfDifferentSizes) {
  const DeviceArray<uint8_t> matrix(*backend_, context_, Bytes(64));
  const DeviceArray<int64_t> rows(*backend_, context_, {0});
  const RowMatrix targets[] = {{matrix.data(), 8}};
  const RowMatrix sources[] = {{matrix.data(), 16}};
  EXPECT_THROW(backend_->copy_rows(context_, targets, sources, 1, rows.data(), rows.data(), 1), DeviceError);
}

}  // namespace
}  // namespace lockstep::test
