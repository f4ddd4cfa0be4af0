#pragma once

#include <map>
#include <string>

#include <lockstep/torch/export.h>

namespace lockstep {

/// A safetensors file: a header in JSON, then the tensors' bytes, little-endian. Tensors that share memory are written
/// once each. Throws OutputError for a tensor whose type the format does not have.
/// @param path for messages
std::string safetensors_text(const NamedTensors& tensors, const ModelMetadata& metadata, const std::string& path);

}  // namespace lockstep
