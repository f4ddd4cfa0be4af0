#include <zlib.h>

#include <cstdio>

#include <lockstep/torch/task.h>

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

}  // namespace

std::string data_fingerprint(const DataSet& data) {
  std::string out;
  for (const auto& [name, part] :
       {std::pair("train", &data.train), std::pair("validation", &data.validation), std::pair("test", &data.test)}) {
    out += std::string(out.empty() ? "" : " ") + name + " " + fingerprint(part->inputs) + "->" + fingerprint(part->targets);
  }
  return out;
}

}  // namespace lockstep
