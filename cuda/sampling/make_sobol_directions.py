#!/usr/bin/env python3
"""Writes sobol_directions.h: Joe and Kuo's primitive polynomials and initial direction numbers, packed.

They are taken from SciPy, which carries the whole set (21,201 dimensions) as scipy/stats/_sobol_direction_numbers.npz;
kept are all polynomials up to degree 13, which are 1,111 dimensions.
Usage: python3 make_sobol_directions.py [FILE.npz] > sobol_directions.h    (needs numpy, and scipy without FILE)
"""
import sys
from pathlib import Path

import numpy

N_DIMENSIONS = 1111
MAX_DEGREE = 13

HEADER = """\
// Written by make_sobol_directions.py; do not edit.
//
// The first 1,111 dimensions of new-joe-kuo-6.21201: all primitive polynomials up to degree 13, with the initial
// direction numbers of S. Joe and F. Y. Kuo, Constructing Sobol sequences with better two-dimensional projections,
// SIAM J. Sci. Comput. 30 (2008), as SciPy redistributes them (scipy/stats/_sobol_direction_numbers.npz, BSD-3-Clause).
//
// Copyright (c) 2008, Frances Y. Kuo and Stephen Joe. All rights reserved.
//
// Redistribution and use in source and binary forms, with or without modification, are permitted provided that the
// following conditions are met:
//   * Redistributions of source code must retain the above copyright notice, this list of conditions and the following
//     disclaimer.
//   * Redistributions in binary form must reproduce the above copyright notice, this list of conditions and the
//     following disclaimer in the documentation and/or other materials provided with the distribution.
//   * Neither the names of the copyright holders nor the names of the University of New South Wales and the University
//     of Waikato and its contributors may be used to endorse or promote products derived from this software without
//     specific prior written permission.
//
// THIS SOFTWARE IS PROVIDED BY THE COPYRIGHT HOLDERS AND CONTRIBUTORS "AS IS" AND ANY EXPRESS OR IMPLIED WARRANTIES,
// INCLUDING, BUT NOT LIMITED TO, THE IMPLIED WARRANTIES OF MERCHANTABILITY AND FITNESS FOR A PARTICULAR PURPOSE ARE
// DISCLAIMED. IN NO EVENT SHALL THE COPYRIGHT HOLDERS OR CONTRIBUTORS BE LIABLE FOR ANY DIRECT, INDIRECT, INCIDENTAL,
// SPECIAL, EXEMPLARY, OR CONSEQUENTIAL DAMAGES (INCLUDING, BUT NOT LIMITED TO, PROCUREMENT OF SUBSTITUTE GOODS OR
// SERVICES; LOSS OF USE, DATA, OR PROFITS; OR BUSINESS INTERRUPTION) HOWEVER CAUSED AND ON ANY THEORY OF LIABILITY,
// WHETHER IN CONTRACT, STRICT LIABILITY, OR TORT (INCLUDING NEGLIGENCE OR OTHERWISE) ARISING IN ANY WAY OUT OF THE USE
// OF THIS SOFTWARE, EVEN IF ADVISED OF THE POSSIBILITY OF SUCH DAMAGE.
#pragma once

#include <cstdint>

namespace lockstep {

/// One dimension. The initial number m_i (odd, below 2^i; m_1 = 1) is 2 h + 1, where h is the i - 1 bits at
/// (i-1)(i-2)/2 of `low` for i <= 11, those at 0 of `high` for i = 12 and those at 11 for i = 13. Bits 32 and up of
/// `high` are the polynomial, x^k as bit k. The first dimension is van der Corput's sequence and has the polynomial 1.
struct SobolDimension {
  uint64_t low;
  uint64_t high;
};

// clang-format off
inline constexpr SobolDimension kSobolDimensions[] = {
"""


def pack(polynomial, numbers):
    low, high = 0, polynomial << 32
    for i in range(1, polynomial.bit_length()):
        m = numbers[i - 1]
        assert m % 2 == 1 and 0 < m < 2**i
        if i <= 11:
            low |= (m >> 1) << ((i - 1) * (i - 2) // 2)
        else:
            high |= (m >> 1) << (0 if i == 12 else 11)
    return f"{{{low:#x}, {high:#x}}}"


def main():
    if len(sys.argv) > 1:
        source = Path(sys.argv[1])
    else:
        import scipy.stats

        source = Path(scipy.stats.__file__).parent / "_sobol_direction_numbers.npz"
    data = numpy.load(source)
    polynomials = [int(p) for p in data["poly"][:N_DIMENSIONS]]
    assert polynomials[-1].bit_length() - 1 == MAX_DEGREE
    print(HEADER, end="")
    line = " "
    for polynomial, numbers in zip(polynomials, data["vinit"].tolist()):
        entry = " " + pack(polynomial, numbers) + ","
        if len(line) + len(entry) > 120:
            print(line)
            line = " "
        line += entry
    print(line + "\n};\n// clang-format on\n\n}  // namespace lockstep")


main()
