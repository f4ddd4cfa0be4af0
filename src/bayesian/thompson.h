#pragma once

#include <cstdint>

#include <torch/types.h>

#include "bayesian/encoding.h"
#include "bayesian/gaussian_process.h"

namespace lockstep {

/// `q` points by Thompson sampling: each is where one function drawn from the posterior is largest, as far as a scan and
/// a climb find it. A function is looked at in a box of its own around the observation where it is largest among the
/// leading ones; the boxes are of several sizes, one of them the whole cube, in the shape of the lengthscales.
/// @param process of standardised observations; larger is better
/// @param with_means every other function is the posterior's mean: half of the points make use of what is known already
/// @return [q, n_columns] double in host memory, each the point of a configuration; some may be the same
torch::Tensor thompson_points(const Encoding& encoding, const GaussianProcess& process, int64_t q, uint64_t seed,
                              bool with_means = false);

/// [n, n_columns] points of configurations drawn by a scrambled Sobol sequence, in host memory.
torch::Tensor sobol_points(const Encoding& encoding, int64_t n, uint64_t seed);

}  // namespace lockstep
