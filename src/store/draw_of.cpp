#include "store/draw_of.h"

#include <algorithm>
#include <cmath>

namespace lockstep {

std::optional<double> draw_of(const Distribution& distribution, const Value& value) {
  if (distribution.spec.kind == DistributionKind::kChoice) {
    const auto found = std::find(distribution.values.begin(), distribution.values.end(), value);
    if (found == distribution.values.end()) return std::nullopt;
    return static_cast<double>(found - distribution.values.begin());
  }
  if (!value.is_number()) return std::nullopt;
  const double number = value.as_real();
  if (!std::isfinite(number)) return std::nullopt;
  const bool is_exact_integer = number == std::floor(number) && std::abs(number) <= 0x1p53;
  if (distribution.is_integer() && !is_exact_integer) return std::nullopt;
  return number;
}

}  // namespace lockstep
