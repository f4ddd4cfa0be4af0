#pragma once

#include <lockstep/search_space.h>

namespace lockstep {

/// Whether values of this kind are even, or normal, by their logarithm.
inline bool is_logarithmic(DistributionKind kind) {
  switch (kind) {
    case DistributionKind::kLogUniform:
    case DistributionKind::kQLogUniform:
    case DistributionKind::kLogNormal:
    case DistributionKind::kQLogNormal:
    case DistributionKind::kLogInt:
    case DistributionKind::kLogUniformValues: return true;
    default: return false;
  }
}

}  // namespace lockstep
