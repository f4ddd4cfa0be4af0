#include <zlib.h>

#include <algorithm>
#include <cstdio>

#include <lockstep/torch/task.h>

#include "torch/minibatch.h"

namespace lockstep {
namespace {

std::string fingerprint(const torch::Tensor& tensor) {
  if (!tensor.defined()) return "none";
  const torch::Tensor here = tensor.detach().cpu().contiguous();
  const auto sum = crc32_z(0, static_cast<const Bytef*>(here.const_data_ptr()), here.nbytes());
  std::string out = std::string(c10::toString(here.scalar_type())).append("[");
  for (const auto size : here.sizes()) out.append(out.back() == '[' ? "" : ",").append(std::to_string(size));
  char text[16];
  std::snprintf(text, sizeof text, "]:%08lx", static_cast<unsigned long>(sum));
  return out + text;
}

/// Of a part that is fetched: these examples, spread over it, tell enough.
constexpr int64_t kFetched = 64;

std::string fingerprint(const DataPart& part) {
  if (!part.fetch) return fingerprint(part.inputs) + "->" + fingerprint(part.targets);
  const int64_t n = std::min(kFetched, part.size());
  if (n == 0) return "none";
  const Batch batch = examples_of(part, (torch::arange(n, torch::kLong) * part.size()).floor_divide(n));
  return std::to_string(part.size()) + " fetched " + fingerprint(batch.inputs) + "->" + fingerprint(batch.targets);
}

}  // namespace

std::string data_fingerprint(const DataSet& data) {
  std::string out;
  for (const auto& [name, part] :
       {std::pair("train", &data.train), std::pair("validation", &data.validation), std::pair("test", &data.test)}) {
    out += std::string(out.empty() ? "" : " ") + name + " " + fingerprint(*part);
  }
  return out;
}

}  // namespace lockstep
