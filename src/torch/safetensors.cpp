#include "torch/safetensors.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include <nlohmann/json.hpp>

#include <lockstep/error.h>

namespace lockstep {

namespace {

static_assert(std::endian::native == std::endian::little, "safetensors is little-endian: swap bytes here");

/// The data starts at a multiple of this, so that a reader may map it.
constexpr size_t kAlignment = 8;

/// The format's name for a type, or nullptr.
const char* type_name(torch::ScalarType type) {
  switch (type) {
    case torch::kDouble: return "F64";
    case torch::kFloat: return "F32";
    case torch::kHalf: return "F16";
    case torch::kBFloat16: return "BF16";
    case torch::kLong: return "I64";
    case torch::kInt: return "I32";
    case torch::kShort: return "I16";
    case torch::kChar: return "I8";
    case torch::kByte: return "U8";
    case torch::kBool: return "BOOL";
    default: return nullptr;
  }
}

}  // namespace

std::string safetensors_text(const NamedTensors& tensors, const ModelMetadata& metadata, const std::string& path) {
  // Large elements first: then each tensor is aligned to its elements, and there are no gaps, which readers refuse.
  NamedTensors ordered = tensors;
  std::stable_sort(ordered.begin(), ordered.end(), [](const auto& a, const auto& b) {
    return a.second.element_size() > b.second.element_size();
  });
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  size_t size = 0;
  for (auto& [name, tensor] : ordered) {
    const char* type = tensor.layout() == torch::kStrided ? type_name(tensor.scalar_type()) : nullptr;
    if (!type) {
      throw OutputError(path + ": '" + name + "' is " + c10::toString(tensor.scalar_type()) +
                        (tensor.layout() == torch::kStrided ? "" : " and sparse") +
                        ", which safetensors has no word for; write a LibTorch archive");
    }
    tensor = tensor.detach().cpu().contiguous();
    header[name] = {{"dtype", type}, {"shape", tensor.sizes().vec()}, {"data_offsets", {size, size + tensor.nbytes()}}};
    size += tensor.nbytes();
  }
  std::string text = header.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
  text.resize((text.size() + kAlignment - 1) / kAlignment * kAlignment, ' ');
  const uint64_t header_size = text.size();
  text.insert(0, reinterpret_cast<const char*>(&header_size), sizeof(header_size));
  text.reserve(text.size() + size);
  for (const auto& [name, tensor] : ordered) {
    text.append(static_cast<const char*>(tensor.const_data_ptr()), tensor.nbytes());
  }
  return text;
}

}  // namespace lockstep
