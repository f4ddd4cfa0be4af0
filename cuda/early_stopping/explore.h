#pragma once

#include "cuda/metrics/score.h"
#include "cuda/sampling/distributions.h"

namespace lockstep {

/// How population based training changes a hyperparameter.
struct Exploration {
  double resample_probability;
  double factors[2];
};

/// `x` in [least, most].
LOCKSTEP_HD inline double clipped(double x, double least, double most) { return fmin(fmax(x, least), most); }

/// A draw of `spec` that a new configuration has where its source had `x`: another draw with resample_probability, else a
/// neighbour. That is `x` times one of the factors, inside the bounds and on the lattice of the distribution; of a choice
/// the value before or behind it. 128 bits of `words` decide.
LOCKSTEP_HD inline double explored(const DistributionSpec& spec, double x, const RandomWords& words,
                                   const Exploration& exploration) {
  if (unit_interval(words.word[2]) < exploration.resample_probability) return draw(spec, words.bits());
  const bool upward = (words.word[3] & 1) != 0;
  const double y = x * exploration.factors[upward ? 1 : 0];
  const double last = static_cast<double>(spec.count - 1);
  switch (spec.kind) {
    case DistributionKind::kChoice:
      if (last == 0) return x;
      return x == 0 ? 1 : x == last ? last - 1 : upward ? x + 1 : x - 1;
    case DistributionKind::kRandInt:
      return clipped(rint(y), 0, last);
    case DistributionKind::kInt:
      return spec.a + spec.q * clipped(rint((y - spec.a) / spec.q), 0, last);
    case DistributionKind::kLogInt:
      return clipped(rint(y), spec.a, spec.b);
    case DistributionKind::kUniform:
    case DistributionKind::kLogUniformValues:
      return clipped(y, spec.a, spec.b);
    case DistributionKind::kQUniform:
      return quantise(clipped(y, spec.a, spec.b), spec.q);
    case DistributionKind::kLogUniform:
      return clipped(y, exp_ieee(spec.a), exp_ieee(spec.b));
    case DistributionKind::kQLogUniform:
      return quantise(clipped(y, exp_ieee(spec.a), exp_ieee(spec.b)), spec.q);
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
