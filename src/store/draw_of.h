#pragma once

#include <optional>

#include <lockstep/search_space.h>

namespace lockstep {

/// The draw that stands for `value` as it was recorded, the inverse of `Distribution::decode`: the index of the first choice that equals it,
/// or the number. nullopt where it is no choice, no number, or no whole one where draws are whole. A number outside the
/// range is its own draw all the same.
std::optional<double> draw_of(const Distribution& distribution, const Value& value);

}  // namespace lockstep
