#pragma once

#include <cstdint>

#include "cuda/common/macros.h"
#include "cuda/common/math.h"

namespace lockstep {

/// What a random number is for. Part of the counter, so that no two uses ever share a stream.
enum class RandomPurpose : uint32_t {
  kConfiguration = 0,
  kRowFill = 1,
  kPermutation = 2,
  kSobolScrambling = 3,
  kExploit = 4,       ///< whom a trial takes over from, and how its configuration is changed
  kTrainingStep = 5,  ///< the key of what the random ops of a training step draw
};

/// Four random words: the output of one Philox block.
struct RandomWords {
  uint32_t word[4];

  /// Words 0 and 1 as one number.
  LOCKSTEP_HD uint64_t bits() const { return (static_cast<uint64_t>(word[0]) << 32) | word[1]; }
};

/// Philox-4x32-10 (Salmon, Moraes, Dror, Shaw: Parallel Random Numbers: As Easy as 1, 2, 3; SC 2011), as in Random123.
LOCKSTEP_HD_INLINE RandomWords philox4x32(RandomWords counter, uint32_t key0, uint32_t key1) {
  // Words in 64 bits each, so that a host's vector has lanes of one width: twice as fast there, and the same on a GPU.
  uint64_t word0 = counter.word[0], word1 = counter.word[1], word2 = counter.word[2], word3 = counter.word[3];
  for (int round = 0; round < 10; ++round) {
    const uint64_t product0 = uint64_t{0xD2511F53u} * static_cast<uint32_t>(word0);
    const uint64_t product1 = uint64_t{0xCD9E8D57u} * static_cast<uint32_t>(word2);
    word0 = (product1 >> 32) ^ word1 ^ key0;
    word1 = static_cast<uint32_t>(product1);
    word2 = (product0 >> 32) ^ word3 ^ key1;
    word3 = static_cast<uint32_t>(product0);
    key0 += 0x9E3779B9u;
    key1 += 0xBB67AE85u;
  }
  return {{static_cast<uint32_t>(word0), static_cast<uint32_t>(word1), static_cast<uint32_t>(word2),
           static_cast<uint32_t>(word3)}};
}

/// The random words at one place. The key is the seed; the counter is (index, stream, id's low word, purpose and the
/// low 24 bits of id's high word). Nothing but these five decides the result.
/// @param id a trial's id, or an epoch: in [0, 2^56)
/// @param stream which of the id's streams
/// @param index place in the stream
LOCKSTEP_HD_INLINE RandomWords random_words(uint64_t seed, RandomPurpose purpose, int64_t id, uint32_t stream,
                                            uint32_t index) {
  const uint32_t high = static_cast<uint32_t>(static_cast<uint64_t>(id) >> 32) & 0xFFFFFFu;
  return philox4x32({{index, stream, static_cast<uint32_t>(id), (static_cast<uint32_t>(purpose) << 24) | high}},
                    static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32));
}

/// An odd multiple of 2^-53: in (0, 1), never 0 or 1, and 1 - u is as exact as u.
LOCKSTEP_HD_INLINE double unit_interval(uint64_t bits) { return (exact_double(bits >> 12) + 0.5) * 0x1p-52; }

/// An odd multiple of 2^-33, in (0, 1).
LOCKSTEP_HD_INLINE double unit_interval(uint32_t bits) { return (static_cast<double>(bits) + 0.5) * 0x1p-32; }

/// An integer in [0, count) by multiply-high. Its bias is below count / 2^64.
LOCKSTEP_HD_INLINE int64_t bounded_integer(uint64_t bits, int64_t count) {
  // In halves rather than in 128 bits, for vectors. No sum overflows.
  const uint64_t low = static_cast<uint32_t>(bits), high = bits >> 32;
  const uint64_t count_low = static_cast<uint32_t>(count), count_high = static_cast<uint64_t>(count) >> 32;
  const uint64_t middle = high * count_low + (low * count_low >> 32);
  const uint64_t other = low * count_high + static_cast<uint32_t>(middle);
  return static_cast<int64_t>(high * count_high + (middle >> 32) + (other >> 32));
}

}  // namespace lockstep
