#pragma once

#include "cuda/metrics/score.h"
#include "cuda/sampling/distributions.h"

namespace lockstep {

/// How population based training changes a hyperparameter.
struct Exploration {
  double resample_probability;
  double factors[2];
};

/// One draw of `spec`, from 64 random bits.
LOCKSTEP_HD inline double drawn_anew(const DistributionSpec& spec, uint64_t bits) {
  double value = 0;
  with_kind(spec.kind, [&](auto kind) { draw<decltype(kind)::value, 1>(spec, &bits, 1, &value); });
  return value;
}

/// A draw of `spec` that a new configuration has where its source had `x`: another draw with resample_probability, else a
/// neighbour. That is `x` times one of the factors, inside the bounds and on the lattice of the distribution; of a choice
/// the value before or behind it. 128 bits of `words` decide.
LOCKSTEP_HD inline double explored(const DistributionSpec& spec, double x, const RandomWords& words,
                                   const Exploration& exploration) {
  if (unit_interval(words.word[2]) < exploration.resample_probability) return drawn_anew(spec, words.bits());
  const bool upward = (words.word[3] & 1) != 0;
  const double y = x * exploration.factors[upward ? 1 : 0];
  const double last = static_cast<double>(spec.count - 1);
  switch (spec.kind) {
    case DistributionKind::kChoice:
      if (last == 0) return x;
      return x == 0 ? 1 : x == last ? last - 1 : upward ? x + 1 : x - 1;
    case DistributionKind::kRandInt:
      return clip(rint(y), 0, last);
    case DistributionKind::kInt:
      return spec.a + spec.q * clip(rint((y - spec.a) / spec.q), 0, last);
    case DistributionKind::kLogInt:
      return clip(rint(y), spec.a, spec.b);
    case DistributionKind::kUniform:
    case DistributionKind::kLogUniformValues:
      return clip(y, spec.a, spec.b);
    case DistributionKind::kQUniform:
      return quantise(clip(y, spec.a, spec.b), spec.q);
    case DistributionKind::kLogUniform:
      return clip(y, exp_ieee(spec.a), exp_ieee(spec.b));
    case DistributionKind::kQLogUniform:
      return quantise(clip(y, exp_ieee(spec.a), exp_ieee(spec.b)), spec.q);
    case DistributionKind::kNormal:
    case DistributionKind::kLogNormal:
      return is_finite(y) ? y : x;
    case DistributionKind::kQNormal:
    case DistributionKind::kQLogNormal:
      return is_finite(y) ? quantise(y, spec.q) : x;
  }
  return kNaN;
}

}  // namespace lockstep
