#pragma once

#include <cstdint>

#include "cuda/common/macros.h"
#include "cuda/common/philox.h"
#include "cuda/sampling/sobol_directions.h"

/// Sobol's sequence in Gray-code order (Antonov and Saleev, 1979), with Joe and Kuo's direction numbers. A point has 32
/// binary digits a dimension, the first at the highest bit.
namespace lockstep {

inline constexpr int kSobolDigits = 32;
inline constexpr int kMaxSobolDimensions = static_cast<int>(sizeof(kSobolDimensions) / sizeof(SobolDimension));

/// The 32 direction numbers of a dimension, in [0, kMaxSobolDimensions): the initial ones, then the recurrence of
/// Bratley and Fox (Algorithm 659, ACM TOMS 14, 1988).
inline void sobol_directions(int dimension, uint32_t* directions) {
  const SobolDimension& packed = kSobolDimensions[dimension];
  const auto polynomial = static_cast<uint32_t>(packed.high >> 32);
  int degree = 0;
  while (polynomial >> (degree + 1)) ++degree;
  uint64_t m[kSobolDigits];
  for (int i = 1; i <= kSobolDigits; ++i) {
    if (degree == 0) {
      m[i - 1] = 1;
    } else if (i <= degree) {
      const uint64_t bits = i <= 11 ? packed.low >> ((i - 1) * (i - 2) / 2) : packed.high >> (i == 12 ? 0 : 11);
      m[i - 1] = ((bits & ((uint64_t{1} << (i - 1)) - 1)) << 1) | 1;
    } else {
      m[i - 1] = m[i - 1 - degree];
      for (int k = 1; k <= degree; ++k) {
        if (polynomial >> (degree - k) & 1) m[i - 1] ^= m[i - 1 - k] << k;
      }
    }
    directions[i - 1] = static_cast<uint32_t>(m[i - 1] << (kSobolDigits - i));
  }
}

/// A direction number after random linear matrix scrambling (Matousek, On the L2-discrepancy for anchored boxes,
/// Journal of Complexity 14, 1998): its 32 digits times a lower triangular matrix of 64 x 32 digits with ones on the
/// diagonal and random digits below, one matrix a dimension. Column c of the matrix is keyed by (seed, dimension, c)
/// alone.
LOCKSTEP_HD inline uint64_t scrambled_direction(uint64_t seed, int64_t dimension, uint32_t direction) {
  uint64_t result = 0;
  for (uint32_t digit = 0; digit < kSobolDigits; ++digit) {
    if (!(direction << digit >> 31)) continue;
    const uint64_t random = random_words(seed, RandomPurpose::kSobolScrambling, dimension, /*stream=*/0, digit).bits();
    const uint64_t one = uint64_t{1} << (63 - digit);
    result ^= one | (random & (one - 1));
  }
  return result;
}

/// The random digital shift that completes the scrambling: it makes each point uniform on its own.
LOCKSTEP_HD inline uint64_t sobol_shift(uint64_t seed, int64_t dimension) {
  return random_words(seed, RandomPurpose::kSobolScrambling, dimension, /*stream=*/1, 0).bits();
}

/// Digits of the point `index`, in [0, 2^32): the sum modulo 2 of the directions that its Gray code names.
template <class Digits>
LOCKSTEP_HD inline Digits sobol_point(const Digits* directions, uint32_t index) {
  Digits point = 0;
  int digit = 0;
  for (uint32_t gray = index ^ (index >> 1); gray != 0; gray >>= 1) {
    point ^= directions[digit++] & (Digits{0} - static_cast<Digits>(gray & 1));
  }
  return point;
}

/// The direction in which the point `index`, above 0, differs from the one before: the lowest digit of the index that
/// is 1.
LOCKSTEP_HD inline int gray_code_change(uint32_t index) {
  int digit = 0;
  for (; !(index & 1); index >>= 1) ++digit;
  return digit;
}

}  // namespace lockstep
