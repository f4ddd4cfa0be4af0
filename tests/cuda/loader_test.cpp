// Finding the backends.
#include <gtest/gtest.h>

#include <stdlib.h>

#include <string>

#include "cuda/backend_test.h"

namespace lockstep::test {
namespace {

TEST(Loader, HostBackendIsAlwaysThere) {
  const Backend& backend = host_backend();
  EXPECT_STREQ(backend.name, "host");
  EXPECT_EQ(backend.kind, DeviceKind::kCpu);
  EXPECT_EQ(backend.device_count(), 1);
  EXPECT_EQ(&backend_for(DeviceKind::kCpu), &backend);
}

/// The message of the DeviceError that asking for the CUDA backend throws, with this library named.
std::string failure_with(const char* library) {
  setenv("LOCKSTEP_CUDA_LIBRARY", library, 1);
  std::string message;
  try {
    cuda_backend();
  } catch (const DeviceError& error) {
    EXPECT_EQ(error.exit_code(), ExitCode::kDevice);
    message = error.what();
  }
  unsetenv("LOCKSTEP_CUDA_LIBRARY");
  return message;
}

// Before any test that loads the real one: a loaded backend stays. CTest runs each test alone.
TEST(Loader, SaysWhichLibraryIsMissingAndTheCure) {
  try {
    cuda_backend();
    GTEST_SKIP() << "the CUDA backend is loaded";
  } catch (const DeviceError& error) {
    EXPECT_NE(std::string(error.what()).find("No CUDA backend"), std::string::npos) << error.what();
  }
  const std::string missing = failure_with("/nowhere/liblockstep_cuda.so");
  EXPECT_NE(missing.find("/nowhere/liblockstep_cuda.so"), std::string::npos) << missing;
  EXPECT_NE(missing.find("LOCKSTEP_CUDA_LIBRARY"), std::string::npos) << missing;
  const std::string foreign = failure_with("libm.so.6");
  EXPECT_NE(foreign.find("libm.so.6 is not Lockstep's plugin"), std::string::npos) << foreign;
}

class EveryBackend : public BackendTest {};
LOCKSTEP_EVERY_BACKEND(EveryBackend);

TEST_P(EveryBackend, CopiesThereAndBack) {
  const std::vector<double> values = {1, -2, 0.5};
  EXPECT_EQ(DeviceArray<double>(*backend_, context_, values).to_host(), values);
  EXPECT_GE(backend_->device_count(), 1);
}

TEST_P(EveryBackend, AllocatesAlignedMemory) {
  for (const size_t size_bytes : {size_t{1}, size_t{255}, size_t{100'000}}) {
    void* pointer = backend_->allocator().allocate(size_bytes, context_.stream);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(pointer) % 256, 0u);
    backend_->allocator().deallocate(pointer, size_bytes, context_.stream);
  }
}

TEST_P(EveryBackend, KnowsHowMuchMemoryIsFree) {
  const int64_t bytes = backend_->free_memory_bytes(context_);
  EXPECT_GT(bytes, int64_t{1} << 20);
  EXPECT_LT(bytes, int64_t{1} << 50);
}

TEST_P(EveryBackend, SaysThatMemoryIsOut) {
  try {
    backend_->allocator().allocate(size_t{1} << 60, context_.stream);
    FAIL() << "an exbibyte was found";
  } catch (const DeviceError& error) {
    EXPECT_NE(std::string(error.what()).find("max_concurrent_trials"), std::string::npos) << error.what();
  }
}

TEST_P(EveryBackend, RefusesTheOthersMemory) {
  Context other = context_;
  other.device.kind = GetParam() == DeviceKind::kCpu ? DeviceKind::kCuda : DeviceKind::kCpu;
  EXPECT_THROW(backend_->permutation(other, 0, 1, nullptr), DeviceError);
}

TEST_P(EveryBackend, BringsItsOwnAllocatorWhenTheContextHasNone) {
  const DeviceArray<int64_t> order(*backend_, context_, {-1, -1});
  Context plain = context_;
  plain.allocator = nullptr;
  backend_->permutation(plain, 0, 2, order.data());
  const auto on_host = order.to_host();
  EXPECT_EQ(on_host[0] + on_host[1], 1);
}

}  // namespace
}  // namespace lockstep::test
