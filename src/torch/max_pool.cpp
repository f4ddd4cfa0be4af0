#include "torch/max_pool.h"

#include <limits>

#include <ATen/native/Pool.h>

#include "torch/device_context.h"

namespace lockstep {
namespace {

using torch::Tensor;

/// One number for both dimensions, or one for each.
bool is_for_two_dimensions(at::IntArrayRef values) { return values.size() == 1 || values.size() == 2; }

/// What the kernel is to do, without memory; nullopt where it is not for it.
std::optional<MaxPool> own_problem(const Tensor& input, at::IntArrayRef kernel_size, at::IntArrayRef stride,
                                   at::IntArrayRef padding, at::IntArrayRef dilation, bool ceil_mode) {
  if (!input.is_cpu() || input.scalar_type() != torch::kFloat || (input.dim() != 3 && input.dim() != 4) ||
      !input.is_contiguous() || input.numel() == 0 ||
      input.size(-2) > std::numeric_limits<int32_t>::max() / input.size(-1)) {
    return std::nullopt;
  }
  if (stride.empty()) stride = kernel_size;
  for (const auto& given : {kernel_size, stride, padding, dilation}) {
    if (!is_for_two_dimensions(given)) return std::nullopt;
  }
  MaxPool out;
  out.height = input.size(-2);
  out.width = input.size(-1);
  out.n_planes = input.numel() / (out.height * out.width);
  out.kernel_height = kernel_size.front();
  out.kernel_width = kernel_size.back();
  out.stride_height = stride.front();
  out.stride_width = stride.back();
  out.padding_height = padding.front();
  out.padding_width = padding.back();
  const auto is_usual = [&](int64_t size, int64_t window, int64_t step, int64_t pad) {
    return window > 0 && step > 0 && pad >= 0 && pad <= window / 2 && window <= size + 2 * pad;
  };
  if (!is_usual(out.height, out.kernel_height, out.stride_height, out.padding_height) ||
      !is_usual(out.width, out.kernel_width, out.stride_width, out.padding_width) ||
      out.stride_width > kMaxPoolStride || dilation.front() != 1 || dilation.back() != 1) {
    return std::nullopt;
  }
  out.output_height = at::native::pooling_output_shape<int64_t>(out.height, out.kernel_height, out.padding_height,
                                                                out.stride_height, 1, ceil_mode);
  out.output_width = at::native::pooling_output_shape<int64_t>(out.width, out.kernel_width, out.padding_width,
                                                               out.stride_width, 1, ceil_mode);
  return out;
}

}  // namespace

std::optional<std::tuple<Tensor, Tensor>> own_max_pool(const Tensor& input, at::IntArrayRef kernel_size,
                                                       at::IntArrayRef stride, at::IntArrayRef padding,
                                                       at::IntArrayRef dilation, bool ceil_mode) {
  auto problem = own_problem(input, kernel_size, stride, padding, dilation, ceil_mode);
  if (!problem) return std::nullopt;
  auto sizes = input.sizes().vec();
  sizes[sizes.size() - 2] = problem->output_height;
  sizes[sizes.size() - 1] = problem->output_width;
  Tensor output = at::empty(sizes, input.options()), indices = at::empty(sizes, input.options().dtype(torch::kLong));
  problem->input = input.const_data_ptr<float>();
  problem->output = output.mutable_data_ptr<float>();
  problem->indices = indices.mutable_data_ptr<int64_t>();
  backend_of(input.device()).max_pool(device_context(input.device(), 0), *problem);
  return std::tuple(output, indices);
}

}  // namespace lockstep
