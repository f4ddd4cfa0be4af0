#include "models/data/cifar.h"

#include <lockstep/error.h>

namespace lockstep::models {

namespace {

constexpr size_t kPixels = size_t{3} * 32 * 32;

size_t label_bytes(CifarLabel label) { return label == CifarLabel::kOnly ? 1 : 2; }

int n_classes(CifarLabel label) {
  return label == CifarLabel::kOnly ? 10 : label == CifarLabel::kCoarse ? 20 : 100;
}

}  // namespace

CifarImages read_cifar(const std::string& bytes, CifarLabel label, const std::string& name) {
  const size_t before = label_bytes(label), record = before + kPixels;
  if (bytes.empty() || bytes.size() % record != 0) {
    const bool is_10 = label == CifarLabel::kOnly;
    const size_t other = kPixels + (is_10 ? 2 : 1);
    const bool is_other = !bytes.empty() && bytes.size() % other == 0;
    throw DataError(name + ": " + std::to_string(bytes.size()) + " bytes are no whole number of CIFAR-" +
                    (is_10 ? "10" : "100") + "'s records of " + std::to_string(record) + "; " +
                    (!is_other ? "use the binary version (.bin), and fetch it again if it is that"
                     : is_10   ? "they are CIFAR-100's: say `labels: fine` or `labels: coarse`"
                               : "they are CIFAR-10's: leave `labels` out"));
  }
  const size_t n = bytes.size() / record;
  CifarImages out;
  out.images.shape = {static_cast<int64_t>(n), 3, 32, 32};
  out.images.bytes.reserve(n * kPixels);
  for (size_t i = 0; i < n; ++i) {
    const size_t at = i * record;
    const int value = static_cast<unsigned char>(bytes[at + (label == CifarLabel::kFine ? 1 : 0)]);
    if (value >= n_classes(label)) {
      throw DataError(name + ": image " + std::to_string(i) + " (from 0) has the label " + std::to_string(value) +
                      ", and there are " + std::to_string(n_classes(label)) +
                      " classes; use the binary version (.bin), and say `labels: fine` or `coarse` for CIFAR-100 alone");
    }
    out.labels.push_back(value);
    out.images.bytes.append(bytes, at + before, kPixels);
  }
  return out;
}

}  // namespace lockstep::models
