#pragma once

#include <cstdint>

#include <torch/types.h>

#include "bayesian/encoding.h"
#include "bayesian/gaussian_process.h"

namespace lockstep {

/// The point [n_columns] with the largest logarithm of the expected improvement over `best` (Ament et al. 2023), as far as
/// a scan and climbs from its best candidates find it; in host memory, the point of a configuration.
/// @param process of standardised observations, and what is still being evaluated; larger is better
torch::Tensor log_ei_point(const Encoding& encoding, const GaussianProcess& process, double best, uint64_t seed);

/// [m] the logarithm of the expected improvement over `best` at points [m, n_columns].
torch::Tensor log_expected_improvement(const GaussianProcess& process, const torch::Tensor& points, double best);

}  // namespace lockstep
