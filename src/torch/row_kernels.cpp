// Fake is a dispatch key below autograd that nothing in LibTorch 2.15 uses; with the fall-through it costs nothing
// where it is not wanted.

#include "torch/row_kernels.h"

#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/library.h>
#include <torch/types.h>

#include "torch/device_context.h"
#include "torch/dispatch.h"
#include "torch/max_pool.h"
#include "torch/trial_products.h"

namespace lockstep {
namespace {

using torch::Tensor;

constexpr auto kKey = c10::DispatchKey::Fake;
/// No kernel's vector loop takes more elements in a step. A row that is a multiple of it has none left over.
constexpr int64_t kStep = 64;

thread_local int64_t n_rows_here = 0;

/// Whether dimension 0 of `x` may be the rows.
bool has_rows(const Tensor& x) {
  return x.defined() && x.dim() > 0 && x.size(0) == n_rows_here && x.numel() > 0 && x.is_cpu() &&
         x.layout() == at::kStrided;
}

/// A copy whose rows lie apart, so that a kernel has to take them one by one.
Tensor rows_apart(const Tensor& x) {
  const int64_t size = x.numel() / x.size(0);
  const int64_t row = (size / kStep + 1) * kStep;
  Tensor out = at::empty({x.size(0), row}, x.options()).narrow(1, 0, size).view(x.sizes());
  out.copy_(x);
  return out;
}

/// Elementwise ops: the largest dense operand is put apart. One that is not dense is a slice, whose rows lie apart
/// already.
void by_row(const c10::OperatorHandle& op, c10::DispatchKeySet keys, torch::jit::Stack* stack) {
  const auto below = keys & c10::DispatchKeySet(c10::DispatchKeySet::FULL_AFTER, kKey);
  const size_t n_arguments = op.schema().arguments().size();
  const size_t first = stack->size() - n_arguments;
  size_t largest = n_arguments;
  for (size_t i = 0; i < n_arguments; ++i) {
    const auto& value = (*stack)[first + i];
    if (!value.isTensor() || !has_rows(value.toTensor()) || !value.toTensor().is_non_overlapping_and_dense()) continue;
    if (largest == n_arguments || value.toTensor().numel() > (*stack)[first + largest].toTensor().numel()) largest = i;
  }
  if (largest == n_arguments) return op.redispatchBoxed(below, stack);
  const Tensor given = (*stack)[first + largest].toTensor();
  if (given.is_contiguous() && given.numel() / n_rows_here % kStep == 0) return op.redispatchBoxed(below, stack);
  const auto* alias = op.schema().arguments()[largest].alias_info();
  const bool written = alias != nullptr && alias->isWrite();
  const Tensor apart = rows_apart(given);
  (*stack)[first + largest] = apart;
  op.redispatchBoxed(below, stack);
  if (!written) return;
  given.copy_(apart);
  stack->back() = given;
}

/// Elementwise ops for which LibTorch has another kernel where operands are contiguous: every row is filled up to whole
/// steps.
void by_full_row(const c10::OperatorHandle& op, c10::DispatchKeySet keys, torch::jit::Stack* stack) {
  const auto below = keys & c10::DispatchKeySet(c10::DispatchKeySet::FULL_AFTER, kKey);
  const auto arguments = torch::jit::last(*stack, op.schema().arguments().size());
  const Tensor& self = arguments[0].toTensor();
  if (!has_rows(self)) return op.redispatchBoxed(below, stack);
  const int64_t size = self.numel() / n_rows_here;
  torch::jit::Stack full;
  for (const auto& argument : arguments) {
    full.push_back(argument.isTensor()
                       ? at::constant_pad_nd(argument.toTensor().expand_as(self).reshape({n_rows_here, size}),
                                             {0, (size + kStep - 1) / kStep * kStep - size})
                       : argument);
  }
  op.redispatchBoxed(below, &full);
  const Tensor out = full.front().toTensor().narrow(1, 0, size).reshape(self.sizes());
  const bool writes = op.schema().arguments().front().alias_info() != nullptr;
  const Tensor result = writes ? self.copy_(out) : out;
  torch::jit::drop(*stack, arguments.size());
  stack->emplace_back(result);
}

bool is_float_matrix_batch(const Tensor& x) {
  return n_rows_here > 0 && x.is_cpu() && x.scalar_type() == torch::kFloat && x.numel() > 0;
}

bool is_transposed(const Tensor& x) { return x.stride(-2) == 1 && x.stride(-1) != 1; }

/// Each of the products by itself, operands read as they are stored.
Tensor bmm_by_row(const Tensor& a, const Tensor& b) {
  const c10::impl::ExcludeDispatchKeyGuard below(kKey);
  if (!is_float_matrix_batch(a) || !is_float_matrix_batch(b)) return at::bmm(a, b);
  if (is_transposed(b)) return times_transposed(a, b.transpose(1, 2));
  if (is_transposed(a)) return transposed_times(a.transpose(1, 2), b);
  return times(a, b);
}

Tensor baddbmm_by_row(const Tensor& self, const Tensor& a, const Tensor& b, const at::Scalar& beta,
                      const at::Scalar& alpha) {
  if (!is_float_matrix_batch(a) || !is_float_matrix_batch(b)) {
    const c10::impl::ExcludeDispatchKeyGuard below(kKey);
    return at::baddbmm(self, a, b, beta, alpha);
  }
  Tensor out = bmm_by_row(a, b);
  if (!alpha.equal(1)) out.mul_(alpha);
  if (beta.equal(0)) return out;  // and what is in self, NaN say, does not count
  return out.add_(beta.equal(1) ? self : self.mul(beta));
}

/// Whether softmax of `x` is our own. `other_type`: the result is to be of another type.
bool is_short_softmax(const Tensor& x, int64_t dim, bool other_type) {
  return n_rows_here > 0 && !other_type && x.scalar_type() == torch::kFloat && x.numel() > 0 && x.dim() > 0 &&
         (dim == -1 || dim == x.dim() - 1) && x.size(-1) <= kMaxSoftmaxColumns;
}

Tensor short_softmax(const Tensor& x, bool log) {
  const Tensor input = x.contiguous();
  Tensor out = at::empty(x.sizes(), x.options());
  const int64_t n = x.size(-1);
  backend_of(x.device()).softmax(device_context(x.device(), 0),
                                 {input.const_data_ptr<float>(), out.mutable_data_ptr<float>(), nullptr, x.numel() / n,
                                  n, log});
  return out;
}

Tensor short_softmax_backward(const Tensor& gradient, const Tensor& output, bool log) {
  const Tensor given = gradient.contiguous(), results = output.contiguous();
  Tensor out = at::empty(output.sizes(), output.options());
  const int64_t n = output.size(-1);
  backend_of(output.device())
      .softmax_backward(device_context(output.device(), 0),
                        {given.const_data_ptr<float>(), const_cast<float*>(results.const_data_ptr<float>()),
                         out.mutable_data_ptr<float>(), output.numel() / n, n, log});
  return out;
}

Tensor softmax_by_row(const Tensor& x, int64_t dim, bool half_to_float) {
  const c10::impl::ExcludeDispatchKeyGuard below(kKey);
  return is_short_softmax(x, dim, half_to_float) ? short_softmax(x, false) : at::_softmax(x, dim, half_to_float);
}

Tensor log_softmax_by_row(const Tensor& x, int64_t dim, bool half_to_float) {
  const c10::impl::ExcludeDispatchKeyGuard below(kKey);
  return is_short_softmax(x, dim, half_to_float) ? short_softmax(x, true) : at::_log_softmax(x, dim, half_to_float);
}

Tensor softmax_backward_by_row(const Tensor& gradient, const Tensor& output, int64_t dim, at::ScalarType type) {
  const c10::impl::ExcludeDispatchKeyGuard below(kKey);
  if (is_short_softmax(output, dim, type != torch::kFloat)) return short_softmax_backward(gradient, output, false);
  return at::_softmax_backward_data(gradient, output, dim, type);
}

Tensor log_softmax_backward_by_row(const Tensor& gradient, const Tensor& output, int64_t dim, at::ScalarType type) {
  const c10::impl::ExcludeDispatchKeyGuard below(kKey);
  if (is_short_softmax(output, dim, type != torch::kFloat)) return short_softmax_backward(gradient, output, true);
  return at::_log_softmax_backward_data(gradient, output, dim, type);
}

/// A plane at a time in any case, and ours is ten times as fast.
std::tuple<Tensor, Tensor> max_pool_by_row(const Tensor& x, at::IntArrayRef kernel_size, at::IntArrayRef stride,
                                           at::IntArrayRef padding, at::IntArrayRef dilation, bool ceil_mode) {
  const c10::impl::ExcludeDispatchKeyGuard below(kKey);
  if (n_rows_here > 0) {
    if (auto own = own_max_pool(x, kernel_size, stride, padding, dilation, ceil_mode)) return *std::move(own);
  }
  return at::max_pool2d_with_indices(x, kernel_size, stride, padding, dilation, ceil_mode);
}

}  // namespace

RowKernels::RowKernels(int64_t n_rows) : before_(n_rows_here), include_((register_row_kernels(), kKey)) {
  n_rows_here = n_rows;
}

RowKernels::~RowKernels() { n_rows_here = before_; }

void register_row_kernels() {
  static const bool done = [] {
    auto* any = new torch::Library(torch::Library::IMPL, "_", kKey, __FILE__, __LINE__);
    any->fallback(torch::CppFunction::makeFallthrough());
    auto* library = new torch::Library(torch::Library::IMPL, "aten", kKey, __FILE__, __LINE__);
    for (const auto* name : {"sigmoid", "sigmoid_", "elu", "elu_", "elu_backward", "silu", "silu_", "silu_backward",
                             "mish", "mish_", "mish_backward", "softplus", "softplus_backward", "log_sigmoid_backward",
                             "pow.Tensor_Scalar", "pow.Tensor_Tensor", "pow.Scalar", "pow_.Scalar", "pow_.Tensor"}) {
      library->impl(name, torch::CppFunction::makeFromBoxedFunction<&by_row>());
    }
    for (const auto* name : {"gelu", "gelu_", "gelu_backward"}) {
      library->impl(name, torch::CppFunction::makeFromBoxedFunction<&by_full_row>());
    }
    library->impl("bmm", bmm_by_row);
    library->impl("baddbmm", baddbmm_by_row);
    library->impl("max_pool2d_with_indices", max_pool_by_row);
    library->impl("_softmax", softmax_by_row);
    library->impl("_log_softmax", log_softmax_by_row);
    library->impl("_softmax_backward_data", softmax_backward_by_row);
    library->impl("_log_softmax_backward_data", log_softmax_backward_by_row);
    return true;
  }();
  (void)done;
}

}  // namespace lockstep
