#!/usr/bin/env python3
"""Prints the golden rows of split_test.cpp: an independent writing of the documented shuffle (SplitMix64, Fisher-Yates
from the back, draws of the last incomplete stretch refused). The first fifth is the validation part."""
MASK = 2**64 - 1


def split_mix(state):
    while True:
        state = (state + 0x9E3779B97F4A7C15) & MASK
        z = state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        yield z ^ (z >> 31)


def shuffled(n, seed):
    draws = split_mix(seed)
    rows = list(range(n))
    for i in range(n, 1, -1):
        limit = MASK - MASK % i
        draw = next(d for d in draws if d < limit)
        rows[i - 1], rows[draw % i] = rows[draw % i], rows[i - 1]
    return rows


rows = shuffled(20, 0)
print("validation", sorted(rows[:4]), "test", sorted(rows[4:8]))
