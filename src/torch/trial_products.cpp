#include "torch/trial_products.h"

#include <vector>

#include <ATen/native/CPUBlas.h>

#include "torch/transpose.h"

namespace lockstep {
namespace {

using torch::Tensor;

/// c [m, n] = a [m, k] b [k, n], all contiguous.
void multiply(int64_t m, int64_t n, int64_t k, const float* a, const float* b, float* c) {
  at::native::cpublas::brgemm(m, n, k, k, n, n, /*add_C=*/false, a, b, c, /*is_vnni=*/false);
}

/// Whether this LibTorch has micro-kernels for this processor. It does not say; it throws.
bool has_micro_kernels() {
  static const bool has = [] {
    const float a = 2, b = 3;
    float c = 0;
    try {
      multiply(1, 1, 1, &a, &b, &c);
    } catch (const c10::Error&) {
      return false;
    }
    return c == 6;
  }();
  return has;
}

bool fits_micro_kernels(const Tensor& a, const Tensor& b) {
  // An empty matrix is left to LibTorch, which knows what an empty sum is.
  return a.is_cpu() && b.is_cpu() && a.scalar_type() == torch::kFloat && b.scalar_type() == torch::kFloat &&
         a.numel() > 0 && b.numel() > 0 && has_micro_kernels();
}

int64_t n_trials_of(const Tensor& a, const Tensor& b) { return a.dim() == 3 ? a.size(0) : b.size(0); }

Tensor per_trial(const Tensor& x, int64_t n_trials) {
  return x.dim() == 3 ? x : x.unsqueeze(0).expand({n_trials, x.size(0), x.size(1)});
}

/// The matrices of an operand, each contiguous. They may lie apart, as parameters do in their matrix; that needs no copy.
class Matrices {
 public:
  explicit Matrices(const Tensor& operand) : shared_(operand.dim() == 2) {
    tensor_ = shared_ ? operand.unsqueeze(0) : operand;
    if (!tensor_[0].is_contiguous()) tensor_ = tensor_.contiguous();
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

/// This thread's scratch memory: products want an operand transposed, for as long as one product takes.
float* scratch(size_t which, int64_t size) {
  static thread_local std::vector<float> buffers[2];
  if (buffers[which].size() < static_cast<size_t>(size)) buffers[which].resize(static_cast<size_t>(size));
  return buffers[which].data();
}

}  // namespace

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
  // Its transpose is b a^T: so a and the result are transposed, which hold a minibatch, and not b, the larger matrix of weights.
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
  float* a_columns = scratch(0, n_rows * n_inner);
  for (int64_t t = 0; t < n_trials; ++t) {
    if (t == 0 || !as.shared()) transpose(n_inner, n_rows, as[t], a_columns);
    multiply(n_rows, n_columns, n_inner, a_columns, bs[t], out_data + t * n_rows * n_columns);
  }
  return out;
}

}  // namespace lockstep
