#pragma once

// Lockstep on LibTorch's meta device, whose tensors have shapes and no values: memory that nobody may touch, and a
// backend that checks what it is given and does nothing. What trains here needs no value on the host.

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <map>
#include <mutex>
#include <stdexcept>
#include <string>

#include <c10/core/Allocator.h>
#include <torch/library.h>
#include <torch/types.h>

#include <lockstep/backend.h>

#include "torch/device_context.h"

namespace lockstep::testing {

/// Addresses without memory: a pointer to them can be handed on and calculated with, and a read or write through it
/// ends the process. (LibTorch's own meta tensors have no address at all, and throw where one is asked for.)
class Nowhere : public c10::Allocator {
 public:
  c10::DataPtr allocate(size_t n) override {
    if (n == 0) return {nullptr, nullptr, &give_back, at::Device(at::kMeta)};
    void* const place = mmap(nullptr, in_pages(n), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (place == MAP_FAILED) throw std::bad_alloc();
    const std::lock_guard lock(mutex());
    sizes()[reinterpret_cast<uintptr_t>(place)] = n;
    return {place, place, &give_back, at::Device(at::kMeta)};
  }
  c10::DeleterFnPtr raw_deleter() const override { return &give_back; }
  void copy_data(void*, const void*, size_t) const override {}

  /// Throws std::logic_error where these bytes are not all of one tensor's.
  static void check(const void* data, int64_t size_bytes, const char* what) {
    if (size_bytes == 0) return;
    const std::lock_guard lock(mutex());
    const auto begin = reinterpret_cast<uintptr_t>(data);
    auto block = sizes().upper_bound(begin);
    const bool is_here = data != nullptr && block != sizes().begin() && (--block, true) &&
                         begin + static_cast<uintptr_t>(size_bytes) <= block->first + block->second;
    if (!is_here) throw std::logic_error(std::string(what) + " is not where a tensor of the meta device is");
  }

 private:
  static size_t in_pages(size_t n) {
    const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
    return (n + page - 1) / page * page;
  }
  static void give_back(void* place) {
    if (place == nullptr) return;
    const std::lock_guard lock(mutex());
    const auto block = sizes().find(reinterpret_cast<uintptr_t>(place));
    munmap(place, in_pages(block->second));
    sizes().erase(block);
  }
  // Never destroyed: tensors may outlive everything.
  static std::mutex& mutex() {
    static auto* const the = new std::mutex;
    return *the;
  }
  static std::map<uintptr_t, size_t>& sizes() {
    static auto* const the = new std::map<uintptr_t, size_t>;
    return *the;
  }
};

/// LibTorch has these in Python only. For the life of the process.
inline void register_shapes_of_ops() {
  auto& library = *new torch::Library(torch::Library::IMPL, "aten", c10::DispatchKey::Meta, __FILE__, __LINE__);
  library.impl("index_select", [](const at::Tensor& self, int64_t dim, const at::Tensor& index) {
    auto sizes = self.sizes().vec();
    sizes.at(static_cast<size_t>(dim)) = index.numel();
    return at::empty(sizes, self.options());
  });
  library.impl("logical_not.out", [](const at::Tensor& self, at::Tensor& out) -> at::Tensor& {
    out.resize_(self.sizes());
    return out;
  });
  library.impl("where.self", [](const at::Tensor& condition, const at::Tensor& self, const at::Tensor& other) {
    const auto values = at::broadcast_tensors({condition, self, other});
    return at::empty(values[0].sizes(), self.options().dtype(at::result_type(self, other)));
  });
}

/// How often each of our algorithms was called.
inline std::map<std::string, int>& calls_on_meta() {
  static std::map<std::string, int> calls;
  return calls;
}

inline void check_rows(const RowUpdate& rows) {
  const int64_t n = rows.n_rows;
  Nowhere::check(rows.parameters, 4 * n * rows.row_stride, "parameters");
  for (int64_t i = 0; i < rows.n_segments; ++i) {
    const GradientSegment& segment = rows.segments[i];
    Nowhere::check(segment.gradient, 4 * n * segment.size, "a gradient");
    if (segment.offset + segment.size > rows.row_stride) throw std::logic_error("a gradient is longer than a row");
  }
  Nowhere::check(rows.steps, 8 * n, "steps");
  Nowhere::check(rows.learning_rate, 8 * n, "learning_rate");
  Nowhere::check(rows.weight_decay, 8 * n, "weight_decay");
  Nowhere::check(rows.loss, 4 * n, "loss");
  Nowhere::check(rows.diverged, n, "diverged");
  const auto check_option = [n](const void* option, int64_t size_bytes, const char* what) {
    if (option != nullptr) Nowhere::check(option, n * size_bytes, what);
  };
  check_option(rows.divergence_threshold, 8, "divergence_threshold");
  check_option(rows.schedule, sizeof(LearningRateSchedule), "schedule");
  check_option(rows.gradients.clip_value, 8, "clip_value");
  check_option(rows.gradients.clip_norm, 8, "clip_norm");
  check_option(rows.gradients.loss_scale, 4, "loss_scale");
  check_option(rows.gradients.growth_interval, 8, "growth_interval");
  check_option(rows.gradients.good_steps, 8, "good_steps");
  check_option(rows.gradients.skipped, 8, "skipped");
}

inline void check_fill(const char* name, const RowFill& rows) {
  ++calls_on_meta()[name];
  Nowhere::check(rows.trials, 8 * rows.n_rows, "trials");
  if (rows.steps != nullptr) Nowhere::check(rows.steps, 8 * rows.n_rows, "steps");
  Nowhere::check(rows.values, 4 * rows.n_rows * rows.row_size, "values");
}

/// What a tile calls of a backend.
inline Backend shapes_only() {
  Backend backend{};
  backend.name = "meta";
  backend.kind = DeviceKind::kCpu;
  backend.fill_uniform = [](const Context&, const RowFill& rows, double, double) { check_fill("fill_uniform", rows); };
  backend.fill_normal = [](const Context&, const RowFill& rows, double, double) { check_fill("fill_normal", rows); };
  backend.fill_bernoulli = [](const Context&, const RowFill& rows, double) { check_fill("fill_bernoulli", rows); };
  backend.permutation = [](const Context&, int64_t, int64_t n, int64_t* order) {
    ++calls_on_meta()["permutation"];
    Nowhere::check(order, 8 * n, "order");
  };
  backend.reduce_metric = [](const Context&, const MetricValues& values, double* sums) {
    ++calls_on_meta()["reduce_metric"];
    Nowhere::check(values.values, 4 * values.n_rows * values.row_stride, "values");
    Nowhere::check(sums, 8 * values.n_rows, "sums");
  };
  backend.softmax = [](const Context&, const SoftmaxRows& rows) {
    ++calls_on_meta()["softmax"];
    Nowhere::check(rows.input, 4 * rows.n_rows * rows.n_columns, "input");
    Nowhere::check(rows.output, 4 * rows.n_rows * rows.n_columns, "output");
  };
  backend.softmax_backward = [](const Context&, const SoftmaxRows& rows) {
    ++calls_on_meta()["softmax_backward"];
    for (const float* array : {rows.input, static_cast<const float*>(rows.output), static_cast<const float*>(rows.gradient)}) {
      Nowhere::check(array, 4 * rows.n_rows * rows.n_columns, "rows");
    }
  };
  backend.cross_entropy = [](const Context&, const CrossEntropy& options) {
    ++calls_on_meta()["cross_entropy"];
    const int64_t n = options.n_trials * options.n_examples;
    Nowhere::check(options.scores, 4 * n * options.n_classes, "scores");
    Nowhere::check(options.targets, 8 * (options.target_stride != 0 ? n : options.n_examples), "targets");
    Nowhere::check(options.losses, 4 * options.n_trials, "losses");
    if (options.gradients != nullptr) Nowhere::check(options.gradients, 4 * n * options.n_classes, "gradients");
  };
  backend.sgd_update = [](const Context&, const SgdUpdate& update) {
    ++calls_on_meta()["sgd_update"];
    check_rows(update.rows);
    const int64_t n = update.rows.n_rows;
    Nowhere::check(update.momentum_buffer, 4 * n * update.rows.row_stride, "momentum_buffer");
    Nowhere::check(update.momentum, 8 * n, "momentum");
    Nowhere::check(update.dampening, 8 * n, "dampening");
    Nowhere::check(update.nesterov, n, "nesterov");
  };
  backend.adam_update = [](const Context&, const AdamUpdate& update) {
    ++calls_on_meta()["adam_update"];
    check_rows(update.rows);
    const int64_t n = update.rows.n_rows;
    Nowhere::check(update.exp_avg, 4 * n * update.rows.row_stride, "exp_avg");
    Nowhere::check(update.exp_avg_sq, 4 * n * update.rows.row_stride, "exp_avg_sq");
    Nowhere::check(update.beta1, 8 * n, "beta1");
    Nowhere::check(update.beta2, 8 * n, "beta2");
    Nowhere::check(update.eps, 8 * n, "eps");
  };
  return backend;
}

/// While alive, trials train on the meta device.
class MetaDevice {
 public:
  MetaDevice() : backend_(shapes_only()), before_(c10::GetAllocator(at::kMeta)) {
    static Nowhere nowhere;
    c10::SetAllocator(at::kMeta, &nowhere);
    set_meta_backend(&backend_);
    static const bool once = (register_shapes_of_ops(), true);
    (void)once;
    calls_on_meta().clear();
  }
  ~MetaDevice() {
    set_meta_backend(nullptr);
    c10::SetAllocator(at::kMeta, before_);
  }

 private:
  Backend backend_;
  c10::Allocator* before_;
};

}  // namespace lockstep::testing
