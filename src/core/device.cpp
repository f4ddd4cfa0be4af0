#include <lockstep/device.h>

#include <charconv>

#include <lockstep/error.h>

namespace lockstep {

std::string Device::to_string() const {
  return kind == DeviceKind::kCpu ? "cpu" : "cuda:" + std::to_string(index);
}

std::optional<Device> parse_device(const std::string& text) {
  static const std::string kCudaPrefix = "cuda:";
  if (text == "auto") return std::nullopt;
  if (text == "cpu") return Device{DeviceKind::kCpu, 0};
  if (text == "cuda") return Device{DeviceKind::kCuda, 0};
  if (text.starts_with(kCudaPrefix)) {
    int index = -1;
    const char* last = text.data() + text.size();
    const auto [end, failure] = std::from_chars(text.data() + kCudaPrefix.size(), last, index);
    if (failure == std::errc() && end == last && index >= 0) return Device{DeviceKind::kCuda, index};
  }
  throw DeviceError("unknown device '" + text + "'; write auto, cpu, cuda or cuda:N with N counting from 0");
}

}  // namespace lockstep
