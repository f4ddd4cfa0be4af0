#include "cuda/common/philox.h"

#include <gtest/gtest.h>

#include <limits>

namespace lockstep {
namespace {

void expect_words(const RandomWords& words, uint32_t a, uint32_t b, uint32_t c, uint32_t d) {
  EXPECT_EQ(words.word[0], a);
  EXPECT_EQ(words.word[1], b);
  EXPECT_EQ(words.word[2], c);
  EXPECT_EQ(words.word[3], d);
}

// The known answers of Random123's kat_vectors for philox4x32 with 10 rounds.
TEST(Philox, GivesTheKnownAnswers) {
  expect_words(philox4x32({{0, 0, 0, 0}}, 0, 0), 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8);
  expect_words(philox4x32({{~0u, ~0u, ~0u, ~0u}}, ~0u, ~0u), 0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd);
  expect_words(philox4x32({{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}}, 0xa4093822, 0x299f31d0), 0xd16cfe09,
               0x94fdcceb, 0x5001e420, 0x24126ea1);
}

TEST(Philox, KeysByEveryPartOfThePlace) {
  const uint64_t base = random_words(7, RandomPurpose::kConfiguration, 17, 0, 3).bits();
  EXPECT_EQ(base, random_words(7, RandomPurpose::kConfiguration, 17, 0, 3).bits());
  EXPECT_NE(base, random_words(8, RandomPurpose::kConfiguration, 17, 0, 3).bits());
  EXPECT_NE(base, random_words(7 + (1ull << 32), RandomPurpose::kConfiguration, 17, 0, 3).bits());
  EXPECT_NE(base, random_words(7, RandomPurpose::kRowFill, 17, 0, 3).bits());
  EXPECT_NE(base, random_words(7, RandomPurpose::kConfiguration, 18, 0, 3).bits());
  EXPECT_NE(base, random_words(7, RandomPurpose::kConfiguration, 17 + (int64_t{1} << 32), 0, 3).bits());
  EXPECT_NE(base, random_words(7, RandomPurpose::kConfiguration, 17, 1, 3).bits());
  EXPECT_NE(base, random_words(7, RandomPurpose::kConfiguration, 17, 0, 4).bits());
}

TEST(Philox, UnitIntervalNeverReachesItsEnds) {
  EXPECT_EQ(unit_interval(uint64_t{0}), 0x1p-53);
  EXPECT_EQ(unit_interval(~uint64_t{0}), 1 - 0x1p-53);
  EXPECT_EQ(unit_interval(uint64_t{1} << 63), 0.5 + 0x1p-53);
  EXPECT_EQ(unit_interval(uint32_t{0}), 0x1p-33);
  EXPECT_EQ(unit_interval(~uint32_t{0}), 1 - 0x1p-33);
}

TEST(Philox, BoundedIntegersCoverTheirRange) {
  EXPECT_EQ(bounded_integer(0, 10), 0);
  EXPECT_EQ(bounded_integer(~uint64_t{0}, 10), 9);
  EXPECT_EQ(bounded_integer(~uint64_t{0}, 1), 0);
  EXPECT_EQ(bounded_integer(uint64_t{1} << 63, 10), 5);
  EXPECT_EQ(bounded_integer((uint64_t{1} << 63) - 1, 10), 4);
  const int64_t most = std::numeric_limits<int64_t>::max();
  EXPECT_EQ(bounded_integer(~uint64_t{0}, most), most - 1);
}

TEST(Philox, BoundedIntegersAreTheHighHalfOfTheProduct) {
  for (int64_t i = 0; i < 10'000; ++i) {
    const uint64_t bits = random_words(7, RandomPurpose::kConfiguration, i, 0, 0).bits();
    const uint64_t size = random_words(7, RandomPurpose::kConfiguration, i, 0, 1).bits();
    const auto count = static_cast<int64_t>(size >> (1 + i % 63));
    const auto product = static_cast<unsigned __int128>(bits) * static_cast<uint64_t>(count);
    ASSERT_EQ(bounded_integer(bits, count), static_cast<int64_t>(product >> 64)) << bits << " " << count;
  }
}

}  // namespace
}  // namespace lockstep
