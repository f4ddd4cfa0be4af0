#include <lockstep/models/recurrent.h>

#include <lockstep/torch/functional.h>
#include <torch/torch.h>

namespace lockstep::models {

RecurrentImpl::RecurrentImpl(const RecurrentOptions& options) : dropout_(options.dropout) {
  int64_t n_inputs = options.n_features;
  if (options.vocabulary > 0) {
    embedding_ = register_module("embedding", torch::nn::Embedding(options.vocabulary, options.embedding));
    n_inputs = options.embedding;
  }
  for (int64_t i = 0; i < options.layers; ++i) {
    const std::string name = "layer" + std::to_string(i);
    if (options.cell == RecurrentCell::kLstm) {
      lstms_.push_back(register_module(
          name, torch::nn::LSTM(torch::nn::LSTMOptions(n_inputs, options.hidden).batch_first(true))));
    } else {
      grus_.push_back(
          register_module(name, torch::nn::GRU(torch::nn::GRUOptions(n_inputs, options.hidden).batch_first(true))));
    }
    n_inputs = options.hidden;
  }
  last_ = register_module("last", torch::nn::Linear(n_inputs, options.n_outputs));
}

torch::Tensor RecurrentImpl::forward(torch::Tensor x) {
  const bool text = !embedding_.is_empty();
  if (text) x = embedding_->forward(x);
  const size_t n_layers = std::max(lstms_.size(), grus_.size());
  for (size_t i = 0; i < n_layers; ++i) {
    x = lstms_.empty() ? std::get<0>(grus_[i]->forward(x)) : std::get<0>(lstms_[i]->forward(x));
    if (!text && i + 1 == n_layers) x = x.select(1, -1);
    if (dropout_.defined()) x = lockstep::dropout(x, dropout_, is_training());
  }
  return last_->forward(x);
}

}  // namespace lockstep::models
