#include "torch/trial_products.h"

#include <algorithm>
#include <vector>

#include "torch/micro_kernels.h"
#include "torch/transpose.h"

namespace lockstep {
namespace {

using torch::Tensor;

bool fits_micro_kernels(const Tensor& a, const Tensor& b) {
  // An empty matrix is left to LibTorch, which knows what an empty sum is.
  return a.is_cpu() && b.is_cpu() && a.scalar_type() == torch::kFloat && b.scalar_type() == torch::kFloat &&
         a.numel() > 0 && b.numel() > 0 && has_micro_kernels();
}

int64_t n_trials_of(const Tensor& a, const Tensor& b) { return a.dim() == 3 ? a.size(0) : b.size(0); }

Tensor per_trial(const Tensor& x, int64_t n_trials) {
  return x.dim() == 3 ? x : x.unsqueeze(0).expand({n_trials, x.size(0), x.size(1)});
}

/// The matrices of an operand, each contiguous.
class Matrices {
 public:
  explicit Matrices(const Tensor& operand) : shared_(operand.dim() == 2) {
    tensor_ = with_contiguous_trials(shared_ ? operand.unsqueeze(0) : operand);
    data_ = tensor_.const_data_ptr<float>();
    stride_ = shared_ ? 0 : tensor_.stride(0);
  }
  bool shared() const { return shared_; }
  const float* operator[](int64_t trial) const { return data_ + trial * stride_; }

 private:
  bool shared_;
  Tensor tensor_;
  const float* data_;
  int64_t stride_;
};

}  // namespace

Tensor with_contiguous_trials(const Tensor& x) {
  return !x.defined() || x.select(0, 0).is_contiguous() ? x : x.contiguous();
}

Tensor times_transposed(const Tensor& a, const Tensor& b, const Tensor& bias) {
  const int64_t n_trials = n_trials_of(a, b), n_rows = a.size(-2), n_columns = b.size(-2), n_inner = a.size(-1);
  if (!fits_micro_kernels(a, b)) {
    const Tensor left = per_trial(a, n_trials), right = per_trial(b, n_trials).transpose(1, 2);
    return bias.defined() ? at::baddbmm(bias.unsqueeze(1), left, right) : at::bmm(left, right);
  }
  const Matrices as(a), bs(b);
  const Tensor biases = bias.defined() ? bias.contiguous() : bias;
  Tensor out = at::empty({n_trials, n_rows, n_columns}, a.options());
  float* out_data = out.mutable_data_ptr<float>();
  // b has to be transposed, or a and the result: the transpose of the product is b a^T. Whichever is less.
  if (n_columns * n_inner <= n_rows * (as.shared() ? n_columns : n_columns + n_inner)) {
    float* b_columns = scratch(0, n_columns * n_inner);
    for (int64_t t = 0; t < n_trials; ++t) {
      float* out_rows = out_data + t * n_rows * n_columns;
      if (t == 0 || !bs.shared()) transpose(n_columns, n_inner, bs[t], b_columns);
      if (biases.defined()) {
        const float* added = biases.const_data_ptr<float>() + t * n_columns;
        for (int64_t row = 0; row < n_rows; ++row) {
          for (int64_t i = 0; i < n_columns; ++i) out_rows[row * n_columns + i] = added[i];
        }
      }
      multiply(n_rows, n_columns, n_inner, as[t], b_columns, out_rows, biases.defined());
    }
    return out;
  }
  float* a_columns = scratch(0, n_inner * n_rows);
  float* out_columns = scratch(1, n_columns * n_rows);
  for (int64_t t = 0; t < n_trials; ++t) {
    if (t == 0 || !as.shared()) transpose(n_rows, n_inner, as[t], a_columns);
    multiply(n_columns, n_rows, n_inner, bs[t], a_columns, out_columns);
    transpose(n_columns, n_rows, out_columns, out_data + t * n_rows * n_columns,
              biases.defined() ? biases.const_data_ptr<float>() + t * n_columns : nullptr);
  }
  return out;
}

namespace {

/// Where the result of relu was 0, so is the gradient. (A NaN is not 0: as LibTorch has it.)
void mask(const float* gradient, const float* rectified, float* out, int64_t size) {
  for (int64_t i = 0; i < size; ++i) out[i] = rectified[i] <= 0.0f ? 0.0f : gradient[i];
}

}  // namespace

LinearGradients linear_backward(const Tensor& gradient, const Tensor& x, const Tensor& weight, const Tensor& rectified,
                                bool want_input, bool want_weight, bool want_bias) {
  const int64_t n_trials = gradient.size(0), n_rows = gradient.size(1), n_out = gradient.size(2), n_in = x.size(-1);
  LinearGradients out;
  if (!fits_micro_kernels(gradient, x) || !fits_micro_kernels(gradient, weight)) {
    const Tensor masked = rectified.defined() ? at::threshold_backward(gradient, rectified, 0) : gradient;
    if (want_input) out.input = times(masked, weight);
    if (want_weight) out.weight = transposed_times(masked, x);
    if (want_bias) out.bias = masked.sum(1);
    return out;
  }
  const Matrices gradients(gradient), xs(x), weights(weight);
  const Tensor results = rectified.defined() ? rectified.contiguous() : rectified;
  const int64_t size = n_rows * n_out;
  if (want_input) out.input = at::empty({n_trials, n_rows, n_in}, gradient.options());
  if (want_weight) out.weight = at::empty({n_trials, n_out, n_in}, gradient.options());
  if (want_bias) out.bias = at::empty({n_trials, n_out}, gradient.options());
  float* masked = results.defined() ? scratch(0, size) : nullptr;
  for (int64_t t = 0; t < n_trials; ++t) {
    const float* rows = gradients[t];
    if (results.defined()) {
      mask(rows, results.const_data_ptr<float>() + t * size, masked, size);
      rows = masked;
    }
    if (want_bias) sum_rows(rows, n_rows, n_out, out.bias.mutable_data_ptr<float>() + t * n_out);
    if (want_weight) {
      transposed_multiply(n_rows, n_out, n_in, rows, xs[t], out.weight.mutable_data_ptr<float>() + t * n_out * n_in);
    }
    if (want_input) {
      multiply(n_rows, n_in, n_out, rows, weights[t], out.input.mutable_data_ptr<float>() + t * n_rows * n_in);
    }
  }
  return out;
}

Tensor times(const Tensor& a, const Tensor& b) {
  const int64_t n_trials = n_trials_of(a, b), n_rows = a.size(-2), n_columns = b.size(-1), n_inner = a.size(-1);
  if (!fits_micro_kernels(a, b)) return at::bmm(per_trial(a, n_trials), per_trial(b, n_trials));
  const Matrices as(a), bs(b);
  Tensor out = at::empty({n_trials, n_rows, n_columns}, a.options());
  float* out_data = out.mutable_data_ptr<float>();
  for (int64_t t = 0; t < n_trials; ++t) {
    multiply(n_rows, n_columns, n_inner, as[t], bs[t], out_data + t * n_rows * n_columns);
  }
  return out;
}

Tensor transposed_times(const Tensor& a, const Tensor& b) {
  const int64_t n_trials = n_trials_of(a, b), n_rows = a.size(-1), n_columns = b.size(-1), n_inner = a.size(-2);
  if (!fits_micro_kernels(a, b)) return at::bmm(per_trial(a, n_trials).transpose(1, 2), per_trial(b, n_trials));
  const Matrices as(a), bs(b);
  Tensor out = at::empty({n_trials, n_rows, n_columns}, a.options());
  float* out_data = out.mutable_data_ptr<float>();
  for (int64_t t = 0; t < n_trials; ++t) {
    transposed_multiply(n_inner, n_rows, n_columns, as[t], bs[t], out_data + t * n_rows * n_columns);
  }
  return out;
}

}  // namespace lockstep
