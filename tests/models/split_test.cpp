#include "models/data/split.h"

#include <algorithm>
#include <numeric>

#include "models/files.h"

namespace lockstep::models {
namespace {

std::vector<int64_t> joined(const Split& split) {
  std::vector<int64_t> all = split.train;
  all.insert(all.end(), split.validation.begin(), split.validation.end());
  all.insert(all.end(), split.test.begin(), split.test.end());
  std::sort(all.begin(), all.end());
  return all;
}

std::vector<int64_t> iota(int64_t n) {
  std::vector<int64_t> out(static_cast<size_t>(n));
  std::iota(out.begin(), out.end(), 0);
  return out;
}

TEST(Split, GivesEachRowToOnePart) {
  for (const int64_t n : {3, 4, 5, 10, 101, 1797}) {
    const Split split = split_rows(n, {}, "a.csv");
    EXPECT_EQ(joined(split), iota(n)) << n;
    EXPECT_GE(split.train.size(), 1u);
    EXPECT_GE(split.validation.size(), 1u);
    EXPECT_GE(split.test.size(), 1u);
  }
  const Split split = split_rows(1000, {0.25, 0.1, 3}, "a.csv");
  EXPECT_EQ(split.validation.size(), 250u);
  EXPECT_EQ(split.test.size(), 100u);
  EXPECT_TRUE(split_rows(10, {0.2, 0, 0}, "a.csv").test.empty());
  EXPECT_EQ(split_rows(3, {0.9, 0.09, 0}, "a.csv").train.size(), 1u);
}

TEST(Split, IsFixedBySeed) {
  // Golden: a change of the shuffle would change every result that users have compared.
  const Split golden = split_rows(20, {0.2, 0.2, 0}, "a.csv");  // from make_split_golden.py
  EXPECT_EQ(golden.validation, (std::vector<int64_t>{4, 6, 10, 14}));
  EXPECT_EQ(golden.test, (std::vector<int64_t>{3, 5, 12, 18}));
  EXPECT_EQ(split_rows(50, {0.2, 0.2, 5}, "a.csv").train, split_rows(50, {0.2, 0.2, 5}, "a.csv").train);
  EXPECT_NE(split_rows(50, {0.2, 0.2, 5}, "a.csv").train, split_rows(50, {0.2, 0.2, 6}, "a.csv").train);
}

TEST(Split, IsRandom) {
  // A row's chance to be in the validation part is its fraction, wherever it stands: 4000 splits, each row within 5
  // sigma.
  std::vector<int> times(20, 0);
  for (uint64_t seed = 0; seed < 4000; ++seed) {
    for (const auto row : split_rows(20, {0.2, 0.2, seed}, "a.csv").validation) ++times[static_cast<size_t>(row)];
  }
  for (const int count : times) EXPECT_NEAR(count, 800, 5 * 25.3);
}

TEST(Split, StratifiesByClass) {
  std::vector<int64_t> labels;
  for (int i = 0; i < 500; ++i) labels.push_back(i % 10 == 0 ? 2 : i % 10 < 4 ? 1 : 0);  // 300, 150, 50
  const Split split = split_stratified(labels, {"a", "b", "c"}, {}, "a.csv");
  EXPECT_EQ(joined(split), iota(500));
  const auto counts = [&](const std::vector<int64_t>& part) {
    std::vector<int> out(3, 0);
    for (const auto row : part) ++out[static_cast<size_t>(labels[static_cast<size_t>(row)])];
    return out;
  };
  EXPECT_EQ(counts(split.train), (std::vector<int>{180, 90, 30}));
  EXPECT_EQ(counts(split.validation), (std::vector<int>{60, 30, 10}));
  EXPECT_EQ(counts(split.test), (std::vector<int>{60, 30, 10}));
}

TEST(Split, RefusesTooFewRows) {
  expect_error<DataError>([] { split_rows(2, {}, "a.csv"); }, {"a.csv", "2 usable rows", "at least 3"});
  EXPECT_EQ(split_rows(2, {0.2, 0, 0}, "a.csv").train.size(), 1u);
  expect_error<DataError>([] { split_rows(1, {0.2, 0, 0}, "a.csv"); }, {"at least 2"});
  expect_error<DataError>(
      [] {
        split_stratified({0, 0, 0, 1, 1}, {"cat", "dog"}, {}, "a.csv");
      },
      {"a.csv", "'dog'", "has 2", "3 parts"});
}

}  // namespace
}  // namespace lockstep::models
