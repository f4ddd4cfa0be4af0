#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <torch/nn/module.h>
#include <torch/nn/modules/embedding.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/normalization.h>
#include <torch/nn/pimpl.h>
#include <torch/types.h>

#include <lockstep/models/activation.h>

namespace lockstep::models {

struct TransformerOptions {
  int64_t vocabulary = 2;
  int64_t context = 64;     ///< longest text that it reads
  int64_t width = 64;       ///< a multiple of `heads`
  int64_t heads = 4;
  int64_t layers = 2;
  int64_t feedforward = 256;
  std::string activation = "gelu";  ///< in the feedforward part
  /// Layer norm in front of attention and feedforward, and once more at the end (as GPT-2 has it); otherwise behind each, as
  /// torch::nn::TransformerEncoderLayer has it.
  bool norm_first = true;
  /// Scalar: probability behind the embeddings, each attention, and both layers of each feedforward; undefined: no dropout.
  /// The attention's weights are not dropped.
  torch::Tensor dropout;
};

/// A transformer that predicts each next character (or token) from those before it: [n, steps] of indices (int64), with
/// steps up to `context`, -> [n, steps, vocabulary]. Positions are learnt. Throws c10::Error for an activation that is
/// not known and a width that the heads do not share evenly.
class TransformerImpl : public torch::nn::Module {
 public:
  explicit TransformerImpl(const TransformerOptions& options);
  torch::Tensor forward(const torch::Tensor& tokens);

 private:
  struct Layer;

  torch::nn::Embedding embedding_{nullptr}, positions_{nullptr};
  std::vector<std::shared_ptr<Layer>> layers_;
  torch::nn::LayerNorm norm_{nullptr};
  torch::nn::Linear last_{nullptr};
  torch::Tensor mask_, dropout_;
};
TORCH_MODULE(Transformer);

}  // namespace lockstep::models
