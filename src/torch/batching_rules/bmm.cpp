// Batched products, which are what attention consists of: a matrix an example and head. Each is a product of its own on
// the CPU, of operands that are read where they lie: heads are stored side by side in the rows of their layer, and a
// batched product would first copy each of them together. Attention's way back goes head by head through the second
// product, softmax and the first one, while a head's scores are in the cache.

#include <algorithm>
#include <cstring>

#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/functions/utils.h>
#include <torch/csrc/autograd/generated/Functions.h>
#include <torch/csrc/autograd/saved_variable.h>

#include "torch/autograd_node.h"
#include "torch/dispatch.h"
#include "torch/functorch.h"
#include "torch/micro_kernels.h"
#include "torch/transpose.h"

namespace lockstep {
namespace {

using torch::Tensor;
using torch::autograd::variable_list;

/// Matrices [T, n, rows, columns] in memory, each stored as it is or transposed.
class StoredMatrices {
 public:
  /// Copies `x` only if neither its rows nor its columns are contiguous.
  explicit StoredMatrices(const Tensor& x) : tensor_(x) {
    if (x.stride(3) != 1 && x.size(3) != 1 && x.stride(2) != 1) tensor_ = x.contiguous();
    transposed_ = tensor_.stride(3) != 1 && tensor_.size(3) != 1;
    // Of a single row or column LibTorch says any stride.
    const int64_t row = transposed_ ? 3 : 2, column = transposed_ ? 2 : 3;
    stride_ = tensor_.size(row) == 1 ? tensor_.size(column) : tensor_.stride(row);
    if (stride_ < tensor_.size(column)) {  // rows that overlap, as a tensor that is expanded has them
      tensor_ = x.contiguous();
      transposed_ = false;
      stride_ = x.size(3);
    }
    data_ = tensor_.const_data_ptr<float>();
  }
  bool transposed() const { return transposed_; }
  RowsOf<const float> at(int64_t trial, int64_t i) const {
    return {data_ + trial * tensor_.stride(0) + i * tensor_.stride(1), stride_};
  }

 private:
  Tensor tensor_;
  bool transposed_ = false;
  const float* data_ = nullptr;
  int64_t stride_ = 0;
};

/// One of them as `rows` x `columns`, in `memory` if it is not stored so.
RowsOf<const float> as_stored_rows(const StoredMatrices& x, int64_t trial, int64_t i, int64_t rows, int64_t columns,
                                   float* memory) {
  const RowsOf<const float> stored = x.at(trial, i);
  if (!x.transposed()) return stored;
  transpose_rows(columns, rows, stored.data, stored.stride, memory, columns);
  return {memory, columns};
}

/// The same, contiguous: a right operand, which is read again and again. (Rows that are a power of two apart, as heads are,
/// get into each other's way in the cache.)
RowsOf<const float> together(RowsOf<const float> matrix, int64_t rows, int64_t columns, float* memory) {
  if (matrix.stride == columns) return matrix;
  constexpr int64_t kStep = 16;  // a call of memcpy a row would take as long as the product
  for (int64_t row = 0; row < rows; ++row) {
    const float* const from = matrix.data + row * matrix.stride;
    float* const to = memory + row * columns;
    int64_t column = 0;
    for (; column + kStep <= columns; column += kStep) std::memcpy(to + column, from + column, kStep * sizeof(float));
    for (; column < columns; ++column) to[column] = from[column];
  }
  return {memory, columns};
}

/// Memory for matrices like those of `x`, in its order: the gradient of heads that lie side by side is such heads again.
Tensor empty_like_heads(const Tensor& x) {
  if (x.stride(1) >= x.stride(2)) return at::empty(x.sizes(), x.options());
  return at::empty({x.size(0), x.size(2), x.size(1), x.size(3)}, x.options()).transpose(1, 2);
}

RowsOf<float> rows_to_write(const Tensor& x, int64_t trial, int64_t i) {
  return {x.mutable_data_ptr<float>() + trial * x.stride(0) + i * x.stride(1), x.stride(2)};
}

/// a b of each, contiguous.
Tensor products(const Tensor& a, const Tensor& b) {
  const int64_t n_rows = a.size(2), n_inner = a.size(3), n_columns = b.size(3);
  const StoredMatrices left(a), right(b);
  Tensor out = at::empty({a.size(0), a.size(1), n_rows, n_columns}, a.options());
  float* const rows_memory = scratch(0, n_rows * n_inner);
  float* const columns_memory = scratch(1, n_inner * n_columns);
  for (int64_t t = 0; t < a.size(0); ++t) {
    for (int64_t i = 0; i < a.size(1); ++i) {
      multiply(n_rows, n_columns, n_inner, as_stored_rows(left, t, i, n_rows, n_inner, rows_memory),
               together(as_stored_rows(right, t, i, n_inner, n_columns, columns_memory), n_inner, n_columns,
                        columns_memory),
               rows_to_write(out, t, i));
    }
  }
  return out;
}

/// What the gradient of a softmax's result is before it, of each row; in place.
void softmax_rows_backward(int64_t n_rows, int64_t n_columns, const float* results, float* gradients) {
  constexpr int64_t kParts = 16;
  for (int64_t row = 0; row < n_rows; ++row, results += n_columns, gradients += n_columns) {
    float parts[kParts] = {};
    int64_t column = 0;
    for (; column + kParts <= n_columns; column += kParts) {
      for (int64_t i = 0; i < kParts; ++i) parts[i] += gradients[column + i] * results[column + i];
    }
    for (int64_t i = 0; column + i < n_columns; ++i) parts[i] += gradients[column + i] * results[column + i];
    for (int64_t width = kParts / 2; width > 0; width /= 2) {
      for (int64_t i = 0; i < width; ++i) parts[i] += parts[i + width];
    }
    for (int64_t i = 0; i < n_columns; ++i) gradients[i] = (gradients[i] - parts[0]) * results[i];
  }
}

/// Each trial's [n, rows, columns] of a product, whose way back gives a's and b's gradients.
struct BmmBackward : public torch::autograd::Node {
  torch::autograd::SavedVariable a_, b_;

  variable_list apply(variable_list&& gradients) override {
    const Tensor a = a_.unpack(), b = b_.unpack();
    const Tensor& gradient = gradients[0];
    variable_list out(2);
    if (!gradient.defined()) return out;
    const bool differentiable = at::GradMode::is_enabled();
    const auto product = [&](const Tensor& x, const Tensor& y) {
      return differentiable ? at::matmul(x, y) : products(x, y);
    };
    if (task_should_compute_output(0)) out[0] = product(gradient, b.transpose(2, 3));
    if (task_should_compute_output(1)) out[1] = product(a.transpose(2, 3), gradient);
    return out;
  }
  void release_variables() override {
    a_.reset_data();
    b_.reset_data();
  }
  std::string name() const override { return "LockstepBmmBackward"; }
};

/// Through softmax(query keys + mask) values, of [T, n, rows, columns] each.
struct AttentionBackward : public torch::autograd::Node {
  torch::autograd::SavedVariable query_, keys_, values_, weights_;  ///< keys: transposed, as the product has them

  variable_list apply(variable_list&& gradients) override {
    const Tensor query = query_.unpack(), keys = keys_.unpack().transpose(2, 3), values = values_.unpack();
    const Tensor weights = weights_.unpack();
    variable_list out(3);
    if (!gradients[0].defined()) return out;
    if (at::GradMode::is_enabled()) {
      const Tensor of_weights = at::matmul(gradients[0], values.transpose(2, 3));
      const Tensor of_scores = weights * (of_weights - (of_weights * weights).sum(3, true));
      out[0] = at::matmul(of_scores, keys);
      out[1] = at::matmul(query.transpose(2, 3), of_scores);
      out[2] = at::matmul(weights.transpose(2, 3), gradients[0]);
      return out;
    }
    Tensor of_query, of_keys, of_values;
    if (task_should_compute_output(0)) of_query = empty_like_heads(query);
    if (task_should_compute_output(1)) of_keys = empty_like_heads(keys);
    if (task_should_compute_output(2)) of_values = empty_like_heads(values);
    run(gradients[0], query, keys, values, weights.contiguous(), of_query, of_keys, of_values);
    out[0] = of_query;
    if (of_keys.defined()) out[1] = of_keys.transpose(2, 3);
    out[2] = of_values;
    return out;
  }

  static void run(const Tensor& gradient, const Tensor& query, const Tensor& keys, const Tensor& values,
                  const Tensor& weights, const Tensor& of_query, const Tensor& of_keys, const Tensor& of_values) {
    const int64_t length = query.size(2), n_keys = keys.size(2), size = query.size(3), value_size = values.size(3);
    const StoredMatrices given(as_rows(gradient)), queries(as_rows(query)), all_keys(as_rows(keys)),
        all_values(as_rows(values));
    float* const of_scores = scratch(0, length * n_keys);
    float* const columns = scratch(1, n_keys * value_size);
    float* const operand = scratch(2, std::max({length * value_size, n_keys * size, length * size}));
    for (int64_t t = 0; t < query.size(0); ++t) {
      for (int64_t i = 0; i < query.size(1); ++i) {
        const float* const of_head = weights.const_data_ptr<float>() + (t * query.size(1) + i) * length * n_keys;
        const RowsOf<const float> output = given.at(t, i);
        if (of_values.defined()) {
          transposed_multiply(length, n_keys, value_size, {of_head, n_keys},
                              together(output, length, value_size, operand), rows_to_write(of_values, t, i));
        }
        if (!of_query.defined() && !of_keys.defined()) continue;
        transpose_rows(n_keys, value_size, all_values.at(t, i).data, all_values.at(t, i).stride, columns, n_keys);
        multiply(length, n_keys, value_size, output, {columns, n_keys}, {of_scores, n_keys});
        softmax_rows_backward(length, n_keys, of_head, of_scores);
        if (of_query.defined()) {
          multiply(length, size, n_keys, {of_scores, n_keys}, together(all_keys.at(t, i), n_keys, size, operand),
                   rows_to_write(of_query, t, i));
        }
        if (of_keys.defined()) {
          transposed_multiply(length, n_keys, size, {of_scores, n_keys}, together(queries.at(t, i), length, size, operand),
                              rows_to_write(of_keys, t, i));
        }
      }
    }
  }
  /// With contiguous rows.
  static Tensor as_rows(const Tensor& x) { return StoredMatrices(x).transposed() ? x.contiguous() : x; }

  void release_variables() override {
    for (auto* each : {&query_, &keys_, &values_, &weights_}) each->reset_data();
  }
  std::string name() const override { return "LockstepAttentionBackward"; }
};

/// The product that `weights` is the softmax of, over its last dimension, or of the sum of that and something that has no
/// gradient; null if it is not.
const BmmBackward* scores_behind(const Tensor& weights) {
  const auto* const softmax =
      dynamic_cast<const torch::autograd::generated::SoftmaxBackward0*>(weights.grad_fn().get());
  if (softmax == nullptr || (softmax->dim != -1 && softmax->dim != 3)) return nullptr;
  const torch::autograd::Node* before = softmax->next_edge(0).function.get();
  if (const auto* const sum = dynamic_cast<const torch::autograd::generated::AddBackward0*>(before)) {
    if (sum->next_edge(1).is_valid()) return nullptr;
    before = sum->next_edge(0).function.get();
  }
  const auto* const scores = dynamic_cast<const BmmBackward*>(before);
  if (scores == nullptr) return nullptr;
  const Tensor a = scores->a_.unpack(), b = scores->b_.unpack();
  const bool is_whole = weights.sizes() == at::IntArrayRef({a.size(0), a.size(1), a.size(2), b.size(3)});
  return is_whole && weights.scalar_type() == torch::kFloat ? scores : nullptr;
}

Tensor with_way_back(const Tensor& a, const Tensor& b) {
  AutogradNode node;
  if (torch::autograd::compute_requires_grad(a, b)) {
    const auto save = [](const Tensor& x) { return torch::autograd::SavedVariable(x, false); };
    if (const auto* const scores = scores_behind(a)) {
      auto attention = make_node<AttentionBackward>();
      for (size_t i = 0; i < 2; ++i) attention->add_next_edge(scores->next_edge(i));
      attention->add_next_edge(torch::autograd::impl::gradient_edge(b));
      attention->query_ = save(scores->a_.unpack());
      attention->keys_ = save(scores->b_.unpack());
      attention->values_ = save(b);
      attention->weights_ = save(a);
      node = attention;
    } else {
      auto product = make_node<BmmBackward>();
      product->set_next_edges(torch::autograd::collect_next_edges(a, b));
      product->a_ = save(a);
      product->b_ = save(b);
      node = product;
    }
  }
  Tensor out;
  {
    const functorch::BelowAutograd below_autograd;
    out = products(a, b);
  }
  if (node) torch::autograd::set_history(out, node);
  return out;
}

Tensor bmm(const Tensor& self, const Tensor& other) {
  const auto physical_a = functorch::unwrap_innermost(self);
  const auto physical_b = functorch::unwrap_innermost(other);
  TORCH_CHECK(self.dim() == 3 && other.dim() == 3 && self.size(0) == other.size(0) && self.size(2) == other.size(1),
              "bmm: matrices of ", self.sizes(), " and ", other.sizes(), " have no products");
  Tensor out;
  {
    const functorch::InsideRule inside;
    const int64_t n_trials = physical_a ? physical_a->size(0) : physical_b->size(0);
    const auto of_all = [&](const std::optional<Tensor>& physical, const Tensor& shared) {
      return physical ? *physical : shared.unsqueeze(0).expand({n_trials, -1, -1, -1});
    };
    const Tensor a = of_all(physical_a, self), b = of_all(physical_b, other);
    const auto fits = [](const Tensor& x) { return x.is_cpu() && x.scalar_type() == torch::kFloat && x.numel() > 0; };
    out = fits(a) && fits(b) && has_micro_kernels() ? with_way_back(a, b) : at::matmul(a, b);
  }
  return functorch::wrap_innermost(out);
}

}  // namespace

void register_bmm() {
  functorch::register_rules([](torch::Library& library) { library.impl("bmm", bmm); });
}

}  // namespace lockstep
