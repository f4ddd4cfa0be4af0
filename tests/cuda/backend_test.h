#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

#include <lockstep/backend.h>
#include <lockstep/error.h>

namespace lockstep::test {

/// Base of the tests that run on every backend: "host" always, "cuda" where there is a device, skipped with the reason
/// otherwise. `LOCKSTEP_EVERY_BACKEND(Suite)` registers a suite.
class BackendTest : public ::testing::TestWithParam<DeviceKind> {
 protected:
  void SetUp() override {
    try {
      backend_ = &backend_for(GetParam());
    } catch (const DeviceError& error) {
      GTEST_SKIP() << error.what();
    }
    context_.device.kind = GetParam();
    context_.allocator = &backend_->allocator();
    context_.seed = 7;
  }

  /// How much work to do: all of it on the host, and on a device that may be emulated what it can do in a second.
  int64_t pick(int64_t on_host, int64_t on_cuda) const { return GetParam() == DeviceKind::kCpu ? on_host : on_cuda; }

  const Backend* backend_ = nullptr;
  Context context_;
};

inline std::string backend_name(const ::testing::TestParamInfo<DeviceKind>& info) {
  return info.param == DeviceKind::kCpu ? "host" : "cuda";
}

#define LOCKSTEP_EVERY_BACKEND(Suite)                                                                              \
  INSTANTIATE_TEST_SUITE_P(Backends, Suite, ::testing::Values(DeviceKind::kCpu, DeviceKind::kCuda), backend_name)

/// An array in a backend's memory.
template <class T>
class DeviceArray {
 public:
  DeviceArray(const Backend& backend, const Context& context, const std::vector<T>& values)
      : backend_(backend), context_(context), n_(values.size()) {
    data_ = static_cast<T*>(context.allocator->allocate(size_bytes(), context.stream));
    backend.copy_to_device(context, data_, values.data(), static_cast<int64_t>(size_bytes()));
    backend.synchronize(context);
  }
  ~DeviceArray() { context_.allocator->deallocate(data_, size_bytes(), context_.stream); }
  DeviceArray(const DeviceArray&) = delete;
  DeviceArray& operator=(const DeviceArray&) = delete;

  T* data() const { return data_; }
  std::vector<T> to_host() const {
    std::vector<T> values(n_);
    backend_.copy_to_host(context_, values.data(), data_, static_cast<int64_t>(size_bytes()));
    return values;
  }

 private:
  size_t size_bytes() const { return n_ * sizeof(T); }

  const Backend& backend_;
  Context context_;
  size_t n_;
  T* data_ = nullptr;
};

/// The host backend and a context for it with the same seed: what another backend is compared with.
inline Context host_context(uint64_t seed) {
  Context context;
  context.allocator = &host_backend().allocator();
  context.seed = seed;
  return context;
}

/// Equal bit for bit, NaN included.
template <class T>
::testing::AssertionResult same_bits(const std::vector<T>& a, const std::vector<T>& b) {
  if (a.size() != b.size()) return ::testing::AssertionFailure() << a.size() << " and " << b.size() << " elements";
  for (size_t i = 0; i < a.size(); ++i) {
    if (std::memcmp(&a[i], &b[i], sizeof(T)) != 0) {
      return ::testing::AssertionFailure() << "element " << i << ": " << a[i] << " and " << b[i];
    }
  }
  return ::testing::AssertionSuccess();
}


}  // namespace lockstep::test
