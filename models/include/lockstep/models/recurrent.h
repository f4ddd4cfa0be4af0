#pragma once

#include <cstdint>
#include <vector>

#include <torch/nn/module.h>
#include <torch/nn/modules/embedding.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/rnn.h>
#include <torch/nn/pimpl.h>
#include <torch/types.h>

namespace lockstep::models {

enum class RecurrentCell { kLstm, kGru };

struct RecurrentOptions {
  RecurrentCell cell = RecurrentCell::kLstm;
  int64_t n_features = 1;   ///< of each step of a sequence; not looked at with a vocabulary
  int64_t vocabulary = 0;   ///< of a text: characters, each with a vector that is learnt; 0: sequences of features
  int64_t embedding = 64;   ///< length of those vectors
  int64_t hidden = 64;
  int64_t layers = 1;
  int64_t n_outputs = 1;
  torch::Tensor dropout;  ///< scalar: probability behind each layer; undefined: no dropout
};

/// LSTM or GRU layers and a linear one. Of sequences it classifies the last step: [n, steps, n_features] -> [n, n_outputs].
/// Of texts it predicts each next character from those before it: [n, steps] of characters' indices (int64) ->
/// [n, steps, n_outputs].
class RecurrentImpl : public torch::nn::Module {
 public:
  explicit RecurrentImpl(const RecurrentOptions& options);
  torch::Tensor forward(torch::Tensor inputs);

 private:
  torch::nn::Embedding embedding_{nullptr};
  // A module a layer, not one of several: its dropout is a number of C++'s, which could not vary within a batch.
  std::vector<torch::nn::LSTM> lstms_;
  std::vector<torch::nn::GRU> grus_;
  torch::nn::Linear last_{nullptr};
  torch::Tensor dropout_;
};
TORCH_MODULE(Recurrent);

}  // namespace lockstep::models
