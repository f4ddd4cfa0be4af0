#pragma once

#include <vector>

#include <lockstep/search_space.h>

namespace lockstep::test {

/// One of each kind of distribution, with parameters that reach far.
inline std::vector<DistributionSpec> every_kind() {
  using enum DistributionKind;
  return {{kChoice, 0, 0, 0, 3},         {kRandInt, 0, 0, 0, int64_t{1} << 40}, {kUniform, -2, 5, 0, 0},
          {kQUniform, -2, 5, 0.3, 0},    {kLogUniform, -745, 709, 0, 0},        {kQLogUniform, -3, 8, 0.7, 0},
          {kNormal, 1, 2, 0, 0},         {kQNormal, 1, 20, 0.1, 0},             {kLogNormal, 0, 80, 0, 0},
          {kQLogNormal, 0, 3, 1.5, 0},   {kInt, -5, 95, 5, 21},                 {kLogInt, 1, 1e9, 0, 0},
          {kLogUniformValues, 1e-300, 1e300, 0, 0}};
}

}  // namespace lockstep::test
