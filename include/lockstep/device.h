#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace lockstep {

enum class DeviceKind { kCpu, kCuda };

struct Device {
  DeviceKind kind = DeviceKind::kCpu;
  int index = 0;
  /// "cpu" or "cuda:0".
  std::string to_string() const;
  friend bool operator==(const Device&, const Device&) = default;
};

/// Reads a device as users write it: "cpu", "cuda" (the first one), "cuda:1", or "auto", which is nullopt. Throws
/// DeviceError that lists these for any other text. Does not look whether the device is there.
std::optional<Device> parse_device(const std::string& text);

/// Stream-ordered memory of one device. Implemented over LibTorch's caching allocator by `src/torch`, and plainly
/// by each backend.
class Allocator {
 public:
  virtual ~Allocator() = default;
  /// Returns memory for `size_bytes`, aligned to 256 bytes. Throws DeviceError when there is none left.
  virtual void* allocate(size_t size_bytes, void* stream) = 0;
  virtual void deallocate(void* pointer, size_t size_bytes, void* stream) noexcept = 0;
};

/// What runs on a device gets: where, in which order, with whose memory, and which random streams. First parameter
/// of every device algorithm. Not owned.
struct Context {
  Device device;
  void* stream = nullptr;  ///< a cudaStream_t, or null on the CPU
  Allocator* allocator = nullptr;  ///< null: the backend's own plain one
  uint64_t seed = 0;
};

}  // namespace lockstep
