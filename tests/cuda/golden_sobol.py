#!/usr/bin/env python3
"""Writes golden_sobol.csv: Sobol points from SciPy, and scrambled ones computed with nothing of Lockstep's.

directions,DIMENSION,FNV-1a hash of the 32 direction numbers
point,INDEX,DIMENSION,its 32 digits as a number: unscrambled
draw,SEED,TRIAL,DIMENSION,u: scrambled by a matrix over the digits of the point and a shift, from Philox
Usage: python3 golden_sobol.py > golden_sobol.csv    (needs scipy)
"""
from scipy.stats import qmc

M32 = 0xFFFFFFFF
N_DIMENSIONS = 1111


def philox4x32_10(counter, key):
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(10):
        p0, p1 = 0xD2511F53 * c0, 0xCD9E8D57 * c2
        c0, c1, c2, c3 = (p1 >> 32) ^ c1 ^ k0, p1 & M32, (p0 >> 32) ^ c3 ^ k1, p0 & M32
        k0, k1 = (k0 + 0x9E3779B9) & M32, (k1 + 0xBB67AE85) & M32
    return c0, c1, c2, c3


def random_bits(seed, dimension, stream, index):
    """64 digits, the first one first."""
    words = philox4x32_10((index, stream, dimension, 3 << 24), (seed & M32, seed >> 32))
    return [int(digit) for digit in f"{words[0]:032b}{words[1]:032b}"]


def fnv1a(numbers):
    value = 0xCBF29CE484222325
    for number in numbers:
        value = ((value ^ number) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return value


sobol = qmc.Sobol(N_DIMENSIONS, scramble=False, bits=32)
directions = [[int(v) for v in row] for row in sobol._sv]
for dimension in range(N_DIMENSIONS):
    print(f"directions,{dimension},{fnv1a(directions[dimension])}")

points = {}
for first, n in ((0, 17), (1000, 1), (99999, 1)):
    sobol.reset()
    if first:
        sobol.fast_forward(first)
    for offset, row in enumerate(sobol.random(n)):
        for dimension in (0, 1, 2, 3, 4, 9, 52, 160, 500, 1110):
            digits = int(row[dimension] * 2**32)
            points[first + offset, dimension] = digits
            print(f"point,{first + offset},{dimension},{digits}")

for seed in (7, (1 << 40) + 12345, (1 << 64) - 1):
    for dimension in (0, 1, 4, 160, 1110):
        columns = [random_bits(seed, dimension, 0, c) for c in range(32)]
        shift = random_bits(seed, dimension, 1, 0)
        for trial in (0, 1, 2, 3, 16, 1000, 99999):
            digits = [int(digit) for digit in f"{points[trial, dimension]:032b}"]
            scrambled = []
            for row in range(64):
                total = shift[row]
                for c in range(32):
                    total += digits[c] * (1 if row == c else columns[c][row] if row > c else 0)
                scrambled.append(total % 2)
            bits = int("".join(map(str, scrambled)), 2)
            print(f"draw,{seed},{trial},{dimension},{((bits >> 12) + 0.5) * 2.0**-52!r}")
