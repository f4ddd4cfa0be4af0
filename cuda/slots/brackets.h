#pragma once

#include <lockstep/brackets.h>

#include "cuda/common/macros.h"

namespace lockstep {

/// A bracket of a plan: `n_trials` rows from `first` on.
struct Bracket {
  int64_t kind;
  int64_t first;
  int64_t n_trials;
};

/// The bracket that `row` is in.
LOCKSTEP_HD inline Bracket bracket_of(const BracketPlan& plan, int64_t row) {
  int64_t cycle = 0;
  for (int64_t kind = 0; kind < plan.n_kinds; ++kind) cycle += plan.size[kind];
  int64_t kind = 0;
  int64_t first = row - row % cycle;
  while (row >= first + plan.size[kind]) first += plan.size[kind++];
  const int64_t left = plan.n_trials - first;
  return {kind, first, plan.size[kind] < left ? plan.size[kind] : left};
}

/// Which of at most `n_rungs` rungs at first, first * eta, first * eta^2, ... stands at `age`, counted from 0; -1: none.
LOCKSTEP_HD inline int64_t rung_at(int64_t age, int64_t first, int64_t eta, int64_t n_rungs) {
  int64_t number = 0;
  // Divided, as the product may be too large for a number.
  for (; number < n_rungs && age > first; ++number) {
    if (age % eta != 0) return -1;
    age /= eta;
  }
  return number < n_rungs && age == first ? number : -1;
}

/// How many of a bracket's `n` trials go on after rung `number`.
LOCKSTEP_HD inline int64_t survivors(int64_t n, int64_t eta, int64_t number) {
  for (; number >= 0; --number) n /= eta;
  return n > 0 ? n : 1;
}

}  // namespace lockstep
