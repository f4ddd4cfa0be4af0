#pragma once

#include <lockstep/backend.h>

#include "cuda/common/macros.h"

/// The device algorithms, one compilation of each per backend; `lockstep/backend.h` documents them.
namespace lockstep::LOCKSTEP_BACKEND_NAMESPACE {

void sample_random(const Context&, const DistributionSpec* specs, int64_t n_params, int64_t first_trial,
                   int64_t n_trials, double* draws);
void sample_sobol(const Context&, const DistributionSpec* specs, int64_t n_params, int64_t first_trial,
                  int64_t n_trials, double* draws);
void sample_grid(const Context&, const DistributionSpec* specs, int64_t n_params, int64_t first_trial, int64_t n_trials,
                 double* draws);
void fill_uniform(const Context&, const RowFill&, double from, double to);
void fill_normal(const Context&, const RowFill&, double mean, double std);
void fill_bernoulli(const Context&, const RowFill&, double probability);
void permutation(const Context&, int64_t id, int64_t n, int64_t* order);
void decide(const Context&, const SweepView&, const DecideOptions&);
void compact_rows(const Context&, const uint8_t* keep, int64_t n_rows, const RowMatrix* matrices, int64_t n_matrices,
                  int64_t* source);
void copy_rows(const Context&, const RowMatrix* targets, const RowMatrix* sources, int64_t n_matrices,
               const int64_t* from, const int64_t* to, int64_t n);
void reduce_metric(const Context&, const MetricValues& values, double* sums);
void softmax(const Context&, const SoftmaxRows&);
void softmax_backward(const Context&, const SoftmaxRows&);
void cross_entropy(const Context&, const CrossEntropy&);
void lstm_step(const Context&, const LstmStep&);
void lstm_step_backward(const Context&, const LstmStepBackward&);
void max_pool(const Context&, const MaxPool&);
void batch_norm(const Context&, const BatchNorm&);
void batch_norm_backward(const Context&, const BatchNorm&, const BatchNormGradients&);
void layer_norm(const Context&, const LayerNorm&);
void layer_norm_backward(const Context&, const LayerNorm&, const LayerNormGradients&);
void sgd_update(const Context&, const SgdUpdate&);
void adam_update(const Context&, const AdamUpdate&);
void gp_covariance(const Context&, const MaternKernel&, const double* a, int64_t n_a, const double* b, int64_t n_b,
                   double* out);
void gp_lengthscale_gradient(const Context&, const MaternKernel&, const double* x, int64_t n, const double* weights,
                             double* out);
void gp_climb(const Context&, const PosteriorDraws&, const DrawClimb&);
void gp_log_improvement(const Context&, const LogImprovement&);
void gp_find_duplicates(const Context&, const double* x, int64_t n, const double* others, int64_t n_others,
                        int64_t n_dims, double tolerance, uint8_t* duplicate);

}  // namespace lockstep::LOCKSTEP_BACKEND_NAMESPACE
