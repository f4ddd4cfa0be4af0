// One compilation of those device algorithms that need no sort: Thrust's headers cost nvcc most of its time, once a file.
#include "cuda/metrics/history.cu"
#include "cuda/metrics/reduce_metric.cu"
#include "cuda/optim/adam.cu"
#include "cuda/optim/sgd.cu"
#include "cuda/sampling/grid_sampling.cu"
#include "cuda/sampling/random_sampling.cu"
#include "cuda/sampling/row_fill.cu"
#include "cuda/sampling/sobol_sampling.cu"
