#pragma once

#include <new>
#include <stdexcept>
#include <string>

#include <lockstep/error.h>

#include "cuda/common/algorithms.h"

/// Fills a backend's table of entry points.
namespace lockstep::LOCKSTEP_BACKEND_NAMESPACE {

/// What a backend has besides the algorithms.
struct Runtime {
  const char* name;
  DeviceKind kind;
  int (*device_count)();
  int64_t (*free_memory_bytes)(const Context&);
  Allocator& (*allocator)();
  void (*copy_to_device)(const Context&, void* device, const void* host, int64_t size_bytes);
  void (*copy_to_host)(const Context&, void* host, const void* device, int64_t size_bytes);
  void (*synchronize)(const Context&);
};

/// Makes the context's device the calling thread's current one for the guard's lifetime; throws DeviceError when the
/// context belongs to another backend. Defined by each backend.
class DeviceGuard {
 public:
  explicit DeviceGuard(const Context& context);
  ~DeviceGuard();
  DeviceGuard(const DeviceGuard&) = delete;
  DeviceGuard& operator=(const DeviceGuard&) = delete;

 private:
  int previous_ = -1;
};

/// An entry point around an algorithm: on the context's device, and with every failure turned into a DeviceError.
template <auto function>
struct Entry;
template <class... Args, void (*function)(const Context&, Args...)>
struct Entry<function> {
  static void call(const Context& context, Args... args) {
    const DeviceGuard guard(context);
    try {
      function(context, args...);
    } catch (const Error&) {
      throw;
    } catch (const std::bad_alloc&) {
      throw DeviceError("Out of memory on " + name(context) + "; train fewer trials at once (max_concurrent_trials).");
    } catch (const std::exception& error) {
      throw DeviceError("A computation on " + name(context) + " failed: " + error.what());
    }
  }
  static std::string name(const Context& context) {
    return context.device.kind == DeviceKind::kCpu ? "the CPU" : "cuda:" + std::to_string(context.device.index);
  }
};

inline Backend make_backend(const Runtime& runtime) {
  Backend backend;
  backend.name = runtime.name;
  backend.kind = runtime.kind;
  backend.device_count = runtime.device_count;
  backend.free_memory_bytes = runtime.free_memory_bytes;
  backend.allocator = runtime.allocator;
  backend.copy_to_device = runtime.copy_to_device;
  backend.copy_to_host = runtime.copy_to_host;
  backend.synchronize = runtime.synchronize;
  backend.sample_random = &Entry<&sample_random>::call;
  backend.sample_sobol = &Entry<&sample_sobol>::call;
  backend.sample_grid = &Entry<&sample_grid>::call;
  backend.fill_uniform = &Entry<&fill_uniform>::call;
  backend.fill_normal = &Entry<&fill_normal>::call;
  backend.fill_bernoulli = &Entry<&fill_bernoulli>::call;
  backend.permutation = &Entry<&permutation>::call;
  backend.decide = &Entry<&decide>::call;
  backend.compact_rows = &Entry<&compact_rows>::call;
  backend.copy_rows = &Entry<&copy_rows>::call;
  backend.reduce_metric = &Entry<&reduce_metric>::call;
  backend.softmax = &Entry<&softmax>::call;
  backend.softmax_backward = &Entry<&softmax_backward>::call;
  backend.cross_entropy = &Entry<&cross_entropy>::call;
  backend.lstm_step = &Entry<&lstm_step>::call;
  backend.lstm_step_backward = &Entry<&lstm_step_backward>::call;
  backend.max_pool = &Entry<&max_pool>::call;
  backend.batch_norm = &Entry<&batch_norm>::call;
  backend.batch_norm_backward = &Entry<&batch_norm_backward>::call;
  backend.layer_norm = &Entry<&layer_norm>::call;
  backend.layer_norm_backward = &Entry<&layer_norm_backward>::call;
  backend.sgd_update = &Entry<&sgd_update>::call;
  backend.adam_update = &Entry<&adam_update>::call;
  backend.gp_covariance = &Entry<&gp_covariance>::call;
  backend.gp_lengthscale_gradient = &Entry<&gp_lengthscale_gradient>::call;
  backend.gp_climb = &Entry<&gp_climb>::call;
  backend.gp_log_improvement = &Entry<&gp_log_improvement>::call;
  backend.gp_find_duplicates = &Entry<&gp_find_duplicates>::call;
  return backend;
}

}  // namespace lockstep::LOCKSTEP_BACKEND_NAMESPACE
