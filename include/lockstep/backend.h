#pragma once

#include <cstdint>

#include <lockstep/decision.h>
#include <lockstep/device.h>
#include <lockstep/gp_algorithms.h>
#include <lockstep/search_space.h>
#include <lockstep/sweep_spec.h>

namespace lockstep {

/// Gradients of one parameter of every row: [n_rows, size] contiguous float, belonging to columns
/// [offset, offset + size) of the parameter matrix.
struct GradientSegment {
  const float* gradient = nullptr;
  int64_t offset = 0;
  int64_t size = 0;
};

/// A row's learning-rate schedule, in epochs; fractions of one are rounded to steps. Formulas and names as in
/// torch.optim.lr_scheduler, at every step. All of it double, so that a tensor [n_rows, 13] holds one a row.
///
/// First the learning rate grows linearly over `warmup_epochs`, from `warmup_factor` times the schedule's first one to
/// it (LinearLR); the schedule has the epochs that are left (as in SequentialLR).
struct LearningRateSchedule {
  static constexpr double kConstant = 0, kStep = 1, kCosine = 2, kOneCycle = 3;

  double kind = kConstant;
  double step_size = 1;           ///< step: epochs between two drops
  double gamma = 0.1;             ///< step: what a drop multiplies with
  double eta_min = 0;             ///< cosine: the learning rate at the end
  double max_lr = 0;              ///< one_cycle: the peak; NaN: the row's learning rate
  double pct_start = 0.3;         ///< one_cycle: part of the steps that rise
  double div_factor = 25;         ///< one_cycle: peak / first
  double final_div_factor = 1e4;  ///< one_cycle: first / last
  double cycle_momentum = 1;  ///< one_cycle: not 0: momentum (Adam: beta1) goes the other way, instead of the row's own
  double base_momentum = 0.85;  ///< one_cycle: at the peak
  double max_momentum = 0.95;   ///< one_cycle: at both ends
  double warmup_epochs = 0;
  double warmup_factor = 1.0 / 3;
};

/// What is done with rows' gradients before the update, in this order: divided by the loss scale; a row whose gradient
/// is not finite skips its step; elements clamped (torch.nn.utils.clip_grad_value_); the row, taken as one vector,
/// scaled down to a norm (clip_grad_norm_ with its 1e-6). A row's result does not depend on other rows. Arrays
/// [n_rows]; one that is null asks for nothing.
struct RowGradients {
  const double* clip_value = nullptr;  ///< not positive, or infinite: not clamped
  const double* clip_norm = nullptr;   ///< not positive, or infinite: not scaled down
  /// What each row's loss was multiplied with. Adapted as torch.amp.GradScaler does: halved at a step that is skipped,
  /// doubled after `growth_interval` steps without one (0: never changed; negative: the row neither scales nor skips).
  float* loss_scale = nullptr;
  const double* growth_interval = nullptr;
  int64_t* good_steps = nullptr;  ///< since the scale last changed
  int64_t* skipped = nullptr;     ///< steps that each row has skipped so far
};

/// What the optimisers share: parameters [n_rows, n_columns] with `row_stride` floats between rows (state matrices
/// have the same layout), gradients by segment, and the number of steps each row has taken (a row is a trial, so it
/// has its own count). The segments array is in host memory; everything it points to, and every other pointer, in
/// the context's device memory. Per-row hyperparameters are [n_rows] double. A row that skips a step keeps its
/// parameters and optimiser state bit for bit; the step counts for the schedule, but not for Adam's bias correction.
struct RowUpdate {
  int64_t n_rows = 0;
  int64_t row_stride = 0;
  float* parameters = nullptr;
  const GradientSegment* segments = nullptr;
  int64_t n_segments = 0;
  int64_t* steps = nullptr;  ///< [n_rows], incremented by the update; a row that stands at 0 takes its first step
  const double* learning_rate = nullptr;
  const double* weight_decay = nullptr;
  RowGradients gradients = {};
  const LearningRateSchedule* schedule = nullptr;  ///< [n_rows]; null: constant
  int64_t steps_per_epoch = 1;
  int64_t n_epochs = 1;  ///< that the rows train for: the length of their schedules
  /// [n_rows] losses of this step, not scaled; null: not looked at. Rows whose loss is not finite, or above the
  /// threshold (null: none), are marked with 1 in `diverged`; the others keep their mark.
  const float* loss = nullptr;
  const double* divergence_threshold = nullptr;
  uint8_t* diverged = nullptr;
};

/// torch::optim::SGD's update, each hyperparameter per row.
struct SgdUpdate {
  RowUpdate rows;
  float* momentum_buffer = nullptr;  ///< as parameters; read only by rows whose momentum is not 0
  const double* momentum = nullptr;
  const double* dampening = nullptr;
  const uint8_t* nesterov = nullptr;
};

/// torch::optim::Adam's (decoupled = false) or AdamW's (true) update, each hyperparameter per row. Bias correction
/// in double.
struct AdamUpdate {
  RowUpdate rows;
  float* exp_avg = nullptr;
  float* exp_avg_sq = nullptr;
  const double* beta1 = nullptr;
  const double* beta2 = nullptr;
  const double* eps = nullptr;
  bool decoupled_weight_decay = false;
};

/// What Sobol sampling can draw: hyperparameters (dimensions with direction numbers) and trials (points of a sequence).
inline constexpr int64_t kMaxSobolParams = 1111;
inline constexpr int64_t kMaxSobolTrials = int64_t{1} << 32;

/// Rows to fill with random numbers: row t belongs to trial `trials[t]`, and its values depend on the context's seed, that
/// id, its step, `stream` and the column alone. In the context's device memory.
struct RowFill {
  const int64_t* trials = nullptr;  ///< [n_rows]
  int64_t n_rows = 0;
  int64_t row_size = 0;
  uint32_t stream = 0;              ///< which of a trial's streams: the n-th random op of its module, say
  /// [n_rows] training steps that each trial has taken: every step has streams of its own. Null: those of its construction.
  const int64_t* steps = nullptr;
  float* values = nullptr;          ///< [n_rows, row_size] contiguous
};

/// A matrix whose rows are moved with their trials: row i is the `row_bytes` bytes from `data + i * row_bytes`, in the
/// context's device memory.
struct RowMatrix {
  void* data = nullptr;
  int64_t row_bytes = 0;
};

/// Values of a metric, by trial and example: [n_rows, n_columns] float, `row_stride` floats between rows, in the context's
/// device memory.
struct MetricValues {
  const float* values = nullptr;
  int64_t n_rows = 0;
  int64_t n_columns = 0;
  int64_t row_stride = 0;
};

/// Rows for softmax, and for its way back. All in the context's device memory, contiguous.
inline constexpr int64_t kMaxSoftmaxColumns = 64;
struct SoftmaxRows {
  const float* input = nullptr;  ///< [n_rows, n_columns]; on the way back the gradient of `output`
  float* output = nullptr;       ///< as input; on the way back what the way there gave
  float* gradient = nullptr;     ///< on the way back: of what was the input
  int64_t n_rows = 0;
  int64_t n_columns = 0;         ///< at most kMaxSoftmaxColumns
  bool log = false;              ///< log_softmax
};

/// Cross entropy of each trial's scores with class indices. In the context's device memory, contiguous.
struct CrossEntropy {
  const float* scores = nullptr;     ///< [n_trials, n_examples, n_classes], not normalised
  const int64_t* targets = nullptr;  ///< [n_trials, n_examples], or [n_examples] shared by all trials
  int64_t target_stride = 0;         ///< 0: shared
  int64_t n_trials = 0;
  int64_t n_examples = 0;
  int64_t n_classes = 0;             ///< at most kMaxSoftmaxColumns
  int64_t ignored_target = -100;     ///< examples that do not count
  bool mean = true;                  ///< over the examples that count; else the sum
  float* losses = nullptr;           ///< [n_trials]; NaN where a target is no class
  float* gradients = nullptr;        ///< of the losses by the scores; null: not wanted
};

/// Rows of each of some trials: [n_trials, n_rows, n] float, `trial_stride` floats from a trial's rows to the next's, in
/// the context's device memory.
struct TrialRows {
  float* data = nullptr;
  int64_t trial_stride = 0;
};

/// A step of an LSTM: gates i, f, g, o in this order.
struct LstmStep {
  int64_t n_trials = 0;
  int64_t n_rows = 0;     ///< examples
  int64_t size = 0;       ///< of the hidden state
  TrialRows from_input;   ///< [.., 4 * size]
  TrialRows from_hidden;  ///< [.., 4 * size]
  TrialRows bias;         ///< [n_trials, 4 * size]; null: none
  TrialRows cell_before;  ///< [.., size]
  TrialRows gates;        ///< out: [.., 4 * size] after their activations
  TrialRows cell;         ///< out: [.., size]
  TrialRows tanh_cell;    ///< out: [.., size]
  TrialRows hidden;       ///< out: [.., size]
};

/// The way back through it.
struct LstmStepBackward {
  int64_t n_trials = 0;
  int64_t n_rows = 0;
  int64_t size = 0;
  TrialRows gates, cell_before, tanh_cell;  ///< as there
  TrialRows of_output;                      ///< [.., size] the gradient of this step's output; null: none
  TrialRows of_hidden;                      ///< [.., size] of the hidden state, from the step after
  TrialRows of_cell;                        ///< [.., size] of the cell state; out: of the one before
  TrialRows of_gates;                       ///< out: [.., 4 * size] before their activations
};

inline constexpr int64_t kMaxPoolStride = 4;
/// Max pooling of planes, without dilation. In the context's device memory, contiguous.
struct MaxPool {
  const float* input = nullptr;  ///< [n_planes, height, width]
  float* output = nullptr;       ///< [n_planes, output_height, output_width]
  int64_t* indices = nullptr;    ///< as output: where in its plane, row after row, each maximum was
  int64_t n_planes = 0;
  int64_t height = 0;  ///< height * width < 2^31
  int64_t width = 0;
  int64_t output_height = 0;
  int64_t output_width = 0;
  int64_t kernel_height = 1;  ///< of a window; every one has at least one element of its plane
  int64_t kernel_width = 1;
  int64_t stride_height = 1;
  int64_t stride_width = 1;    ///< at most kMaxPoolStride
  int64_t padding_height = 0;  ///< nothing that is there is chosen
  int64_t padding_width = 0;
};

/// Batch norm of each trial's channels. In the context's device memory. What a trial has is contiguous; a stride leads
/// from one trial to the next and is 0 where all have the same.
struct BatchNorm {
  const float* input = nullptr;  ///< [n_trials, n_examples, n_channels, n_places]
  int64_t input_stride = 0;
  const float* weight = nullptr;  ///< [n_trials, n_channels]; null: 1
  int64_t weight_stride = 0;
  const float* bias = nullptr;  ///< [n_trials, n_channels]; null: 0
  int64_t bias_stride = 0;
  float* running_mean = nullptr;  ///< [n_trials, n_channels]; null: none is kept. Written to in training
  int64_t running_mean_stride = 0;
  float* running_var = nullptr;  ///< likewise
  int64_t running_var_stride = 0;
  int64_t n_trials = 0;
  int64_t n_examples = 0;
  int64_t n_channels = 0;
  int64_t n_places = 0;   ///< of a plane
  bool training = true;   ///< by the input's statistics; else by the running ones, which must then be there
  double momentum = 0.1;  ///< the new statistics' part in the running ones
  double eps = 1e-5;
  float* output = nullptr;   ///< [n_trials, n_examples, n_channels, n_places], contiguous
  float* mean = nullptr;     ///< [n_trials, n_channels], contiguous: what the input was normalised by
  float* inverse = nullptr;  ///< [n_trials, n_channels], contiguous: 1 / sqrt(variance + eps)
};

/// The way back through a BatchNorm, whose `mean` and `inverse` the way there has written. Contiguous.
struct BatchNormGradients {
  const float* output = nullptr;  ///< [n_trials, n_examples, n_channels, n_places]
  float* input = nullptr;         ///< likewise
  float* weight = nullptr;        ///< [n_trials, n_channels]
  float* bias = nullptr;          ///< [n_trials, n_channels]
};

/// Layer norm of each trial's rows. In the context's device memory. What a trial has is contiguous; a stride leads from one
/// trial to the next and is 0 where all have the same.
struct LayerNorm {
  const float* input = nullptr;  ///< [n_trials, n_rows, size]
  int64_t input_stride = 0;
  const float* weight = nullptr;  ///< [n_trials, size]; null: 1
  int64_t weight_stride = 0;
  const float* bias = nullptr;  ///< [n_trials, size]; null: 0
  int64_t bias_stride = 0;
  int64_t n_trials = 0;
  int64_t n_rows = 0;
  int64_t size = 0;  ///< of a row
  double eps = 1e-5;
  float* output = nullptr;   ///< [n_trials, n_rows, size], contiguous
  float* mean = nullptr;     ///< [n_trials, n_rows], contiguous: what the input was normalised by
  float* inverse = nullptr;  ///< [n_trials, n_rows], contiguous: 1 / sqrt(variance + eps)
};

/// The way back through a LayerNorm, whose `mean` and `inverse` the way there has written. Contiguous.
struct LayerNormGradients {
  const float* output = nullptr;  ///< [n_trials, n_rows, size]
  float* input = nullptr;         ///< likewise
  float* weight = nullptr;        ///< [n_trials, size]
  float* bias = nullptr;          ///< [n_trials, size]
};

/// The device algorithms of one backend: the only seam between them and the rest. Every entry works in the order of
/// `context.stream`, does not synchronise unless it says so, and is deterministic. Failures throw DeviceError.
struct Backend {
  const char* name;  ///< "host" or "cuda"
  DeviceKind kind;

  int (*device_count)();
  /// Bytes that this process may still take of the device's memory, as things stand now.
  int64_t (*free_memory_bytes)(const Context&);
  /// Plain allocator of the backend, for use without LibTorch.
  Allocator& (*allocator)();
  /// Copies between host and device memory; to_host synchronises the stream.
  void (*copy_to_device)(const Context&, void* device, const void* host, int64_t size_bytes);
  void (*copy_to_host)(const Context&, void* host, const void* device, int64_t size_bytes);
  void (*synchronize)(const Context&);

  /// Random sampling: draws [n_trials, n_params] of trials [first_trial, first_trial + n_trials), row-major, to
  /// device memory `draws`. `specs` [n_params] is in device memory. Equal bit for bit on every backend.
  void (*sample_random)(const Context&, const DistributionSpec* specs, int64_t n_params, int64_t first_trial,
                        int64_t n_trials, double* draws);
  /// Sobol sampling, with the arguments of `sample_random`: trial k is point k of Sobol's sequence with Joe and Kuo's
  /// direction numbers, scrambled by a random linear matrix and a digital shift (Matousek 1998) that depend on the seed
  /// and the column alone. Throws InputError beyond `kMaxSobolParams` hyperparameters or `kMaxSobolTrials` trials.
  void (*sample_sobol)(const Context&, const DistributionSpec* specs, int64_t n_params, int64_t first_trial,
                       int64_t n_trials, double* draws);
  /// Grid sampling, with the arguments of `sample_random`: every spec is a choice, and trial k is the k-th combination,
  /// the last column changing fastest. After the last it starts again.
  void (*sample_grid)(const Context&, const DistributionSpec* specs, int64_t n_params, int64_t first_trial,
                      int64_t n_trials, double* draws);

  /// Fill rows from U[from, to), N(mean, std), and with 1 at a probability and 0 otherwise: initial weights, dropout masks.
  /// Equal bit for bit on every backend.
  void (*fill_uniform)(const Context&, const RowFill&, double from, double to);
  void (*fill_normal)(const Context&, const RowFill&, double mean, double std);
  void (*fill_bernoulli)(const Context&, const RowFill&, double probability);
  /// A random permutation of 0..n-1 to `order` [n], keyed by the context's seed and `id` in [0, 2^56): the order in which
  /// trials see their examples.
  void (*permutation)(const Context&, int64_t id, int64_t n, int64_t* order);

  /// Decides an interval of a sweep, over one snapshot: records what `metrics` reports, lets the policy judge the trials at
  /// the interval that each has just reached (not one that diverged, or was at its last interval), ends those that
  /// diverged, finished, are stopped or aborted, and gives free slots, ascending, to waiting trials, ascending. Writes the
  /// log. What the policies compare is said in `docs/policies.md`; a trial that has nobody but itself to be compared with
  /// is not judged. A bandit's slack_factor with a best that is not above 0, which it means nothing for, stops nobody: the
  /// threshold is that best, and the caller is to refuse. Temporary memory is the context's; what the first call (the
  /// filling) took is enough for all later ones. Takes no host decision; equal bit for bit on every backend.
  void (*decide)(const Context&, const SweepView&, const DecideOptions&);

  /// Compacts rows in place, in every one of `matrices` alike: rows that stay, where `keep` [n_rows] is not 0, become the
  /// first ones. Those beyond their number fill the holes before it, in order, so that no more rows move than there are
  /// holes, and the others stay where they are. `source` [n_rows] gets the old row of each new one, and -1 beyond them.
  /// `keep` and `source` are in device memory, the array of matrices in host memory. The bytes of rows that are left over
  /// are not changed.
  void (*compact_rows)(const Context&, const uint8_t* keep, int64_t n_rows, const RowMatrix* matrices,
                       int64_t n_matrices, int64_t* source);
  /// Copies `n` rows: row from[i] of each matrix of `sources` to row to[i] of the matrix with the same place in `targets`,
  /// of equal row_bytes. A pair with a negative row is skipped. No row is copied to twice, and none is both copied to and
  /// from. `from` and `to` [n] are in device memory, the arrays of matrices in host memory.
  void (*copy_rows)(const Context&, const RowMatrix* targets, const RowMatrix* sources, int64_t n_matrices,
                    const int64_t* from, const int64_t* to, int64_t n);
  /// Adds the sum of each row of `values`, in double, to `sums` [n_rows] in device memory. The order of the additions
  /// hangs on n_columns alone, so that a trial's sum does not depend on its company.
  void (*reduce_metric)(const Context&, const MetricValues& values, double* sums);

  /// Softmax and log_softmax of short rows, and the gradient. Equal bit for bit on every backend, and a row's bits depend
  /// on that row alone.
  void (*softmax)(const Context&, const SoftmaxRows&);
  void (*softmax_backward)(const Context&, const SoftmaxRows&);
  /// Cross entropy, and its gradient in the same pass; likewise.
  void (*cross_entropy)(const Context&, const CrossEntropy&);

  /// All that is elementwise in a step of an LSTM, and its gradient; likewise.
  void (*lstm_step)(const Context&, const LstmStep&);
  void (*lstm_step_backward)(const Context&, const LstmStepBackward&);
  /// Max pooling: of equal values the first, and NaN where there is one. Equal bit for bit on every backend.
  void (*max_pool)(const Context&, const MaxPool&);

  /// Batch norm and its gradients. Statistics are summed in double. Equal bit for bit on every backend, and what a trial
  /// gets depends on that trial alone.
  void (*batch_norm)(const Context&, const BatchNorm&);
  void (*batch_norm_backward)(const Context&, const BatchNorm&, const BatchNormGradients&);

  /// Layer norm and its gradients; a sum goes on in double after a few values. Equal bit for bit on every backend, and what
  /// a trial gets depends on that trial alone.
  void (*layer_norm)(const Context&, const LayerNorm&);
  void (*layer_norm_backward)(const Context&, const LayerNorm&, const LayerNormGradients&);

  void (*sgd_update)(const Context&, const SgdUpdate&);
  void (*adam_update)(const Context&, const AdamUpdate&);

  /// The covariances of points `a` [n_a, n_dims] and `b` [n_b, n_dims], row-major, to `out` [n_a, n_b]. A point has
  /// exactly the outputscale with itself, and a matrix of points with themselves is symmetric. This and all below: arrays
  /// are in device memory, and results are equal bit for bit on every backend; a host's cores all take part.
  void (*gp_covariance)(const Context&, const MaternKernel&, const double* a, int64_t n_a, const double* b, int64_t n_b,
                        double* out);
  /// For each point x_i of `x` [n, n_dims] and each dimension, the sum over j of weights[i, j] dk(x_i, x_j) /
  /// d log(lengthscale), to `out` [n, n_dims]; `weights` is [n, n]. Its sum over i is the gradient of the sum over i and j
  /// of weights[i, j] k(x_i, x_j).
  void (*gp_lengthscale_gradient)(const Context&, const MaternKernel&, const double* x, int64_t n,
                                  const double* weights, double* out);
  /// Climbs every draw from its start: n_steps steps of Adam (beta1 0.8, beta2 0.95) in its box by its own gradient, in
  /// float. The best point seen, start and end included, and its value are written down; the first where some are equal,
  /// and the start where values are NaN. What a draw gets depends on that draw alone.
  void (*gp_climb)(const Context&, const PosteriorDraws&, const DrawClimb&);
  void (*gp_log_improvement)(const Context&, const LogImprovement&);
  /// Marks with 1 in `duplicate` [n], and the others with 0, the points of `x` [n, n_dims] that are not farther than
  /// `tolerance` (Euclidean) from one of `others` [n_others, n_dims] or from an earlier one of x, marked or not.
  void (*gp_find_duplicates)(const Context&, const double* x, int64_t n, const double* others, int64_t n_others,
                             int64_t n_dims, double tolerance, uint8_t* duplicate);
};

/// The host backend: always there.
const Backend& host_backend();
/// The CUDA backend, loaded from `liblockstep_cuda.so` beside the program on first use. Throws DeviceError that says
/// what is missing: the library (built without nvcc), the CUDA runtime, or a device.
const Backend& cuda_backend();
/// The backend that works in `kind`'s memory.
const Backend& backend_for(DeviceKind kind);

}  // namespace lockstep
