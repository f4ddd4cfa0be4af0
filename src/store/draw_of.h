#pragma once

#include <optional>

#include <lockstep/search_space.h>

namespace lockstep {

/// The draw that stands for `value`, the inverse of `Distribution::decode`: the index of the first choice that equals it,
/// or the number. nullopt where it is no choice, no number, or no whole one where draws are whole. A number outside the
/// range is its own draw all the same.
std::optional<double> draw_of(const Distribution& distribution, const Value& value);

/// The draw that stands for `value`, which need not come from `distribution`: where values are whole or quantised that of the
/// nearest one. nullopt where the distribution does not give it: another choice, or a number outside of the range (a normal
/// one's ends six deviations from its mean).
std::optional<double> nearest_draw(const Distribution& distribution, const Value& value);

}  // namespace lockstep
