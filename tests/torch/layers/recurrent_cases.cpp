#include "torch/layers/layer_case.h"

namespace lockstep::testing {

namespace nn = torch::nn;
using Tensors = std::vector<torch::Tensor>;

namespace {

/// A layer of which `call` says how it is used.
template <class Make, class Call>
LayerCase used(std::string name, Make make, Call call, std::vector<LayerInput> inputs) {
  const auto build = [make, call] {
    auto module = make();
    return Layer{module.ptr(), [module, call](const Tensors& x) mutable { return as_list(call(module, x)); }};
  };
  return {std::move(name), build, std::move(inputs), false};
}

/// Keys that the last of four positions is masked for, in the first of two sequences.
torch::Tensor padding_mask() { return torch::tensor({{false, false, false, true}, {false, false, false, false}}); }

torch::Tensor causal_mask(int64_t n) { return nn::TransformerImpl::generate_square_subsequent_mask(n); }

std::vector<LayerCase> recurrent_cases() {
  const std::vector<LayerInput> x{normal({4, 3, 5})};
  const auto lstm_with_state = [](auto& m, const Tensors& in) {
    return m->forward(in[0], std::make_tuple(in[1], in[2]));
  };
  const auto with_state = [](auto& m, const Tensors& in) { return m->forward(in[0], in[1]); };
  const auto packed = [](auto& m, const Tensors& in) {
    const auto sequence = nn::utils::rnn::pack_padded_sequence(in[0], torch::tensor({4, 3, 1}, torch::kLong));
    const auto out = m->forward_with_packed_input(sequence);
    return std::get<0>(nn::utils::rnn::pad_packed_sequence(std::get<0>(out)));
  };
  return {
      layer(
          "RNN", [] { return nn::RNN(5, 7); }, x),
      layer(
          "RNN, relu", [] { return nn::RNN(nn::RNNOptions(5, 7).nonlinearity(torch::kReLU)); }, x),
      layer(
          "RNN, bidirectional", [] { return nn::RNN(nn::RNNOptions(5, 7).num_layers(2).bidirectional(true)); }, x),
      layer(
          "LSTM", [] { return nn::LSTM(5, 7); }, x),
      layer(
          "LSTM, batch first", [] { return nn::LSTM(nn::LSTMOptions(5, 7).batch_first(true)); }, x),
      layer(
          "LSTM, two layers", [] { return nn::LSTM(nn::LSTMOptions(5, 7).num_layers(2)); }, x),
      layer(
          "LSTM, bidirectional", [] { return nn::LSTM(nn::LSTMOptions(5, 7).num_layers(2).bidirectional(true)); }, x),
      layer(
          "LSTM, no bias", [] { return nn::LSTM(nn::LSTMOptions(5, 7).bias(false)); }, x),
      layer(
          "LSTM, proj_size", [] { return nn::LSTM(nn::LSTMOptions(5, 7).proj_size(3)); }, x),
      layer(
          "LSTM, proj_size, two layers, bidirectional",
          [] { return nn::LSTM(nn::LSTMOptions(5, 7).proj_size(3).num_layers(2).bidirectional(true)); }, x),
      used("LSTM, with a state", [] { return nn::LSTM(5, 7); }, lstm_with_state,
           {normal({4, 3, 5}), normal({1, 3, 7}), normal({1, 3, 7})}),
      used(
          "LSTM, packed", [] { return nn::LSTM(5, 7); }, packed, x),
      used(
          "LSTM, packed, bidirectional",
          [] { return nn::LSTM(nn::LSTMOptions(5, 7).num_layers(2).bidirectional(true)); }, packed, x),
      used(
          "RNN, packed, bidirectional", [] { return nn::RNN(nn::RNNOptions(5, 7).bidirectional(true)); }, packed, x),
      random(layer(
          "LSTM, dropout", [] { return nn::LSTM(nn::LSTMOptions(5, 7).num_layers(2).dropout(0.4)); }, x)),
      layer(
          "GRU", [] { return nn::GRU(5, 7); }, x),
      layer(
          "GRU, batch first", [] { return nn::GRU(nn::GRUOptions(5, 7).batch_first(true)); }, x),
      layer(
          "GRU, bidirectional", [] { return nn::GRU(nn::GRUOptions(5, 7).num_layers(2).bidirectional(true)); }, x),
      layer(
          "GRU, no bias", [] { return nn::GRU(nn::GRUOptions(5, 7).bias(false)); }, x),
      used("GRU, with a state", [] { return nn::GRU(5, 7); }, with_state, {normal({4, 3, 5}), normal({1, 3, 7})}),
      used(
          "GRU, packed", [] { return nn::GRU(5, 7); }, packed, x),
      random(layer(
          "GRU, dropout", [] { return nn::GRU(nn::GRUOptions(5, 7).num_layers(2).dropout(0.4)); }, x)),
      layer("RNNCell", [] { return nn::RNNCell(5, 7); }, {normal({3, 5}), normal({3, 7})}),
      layer("RNNCell, relu", [] { return nn::RNNCell(nn::RNNCellOptions(5, 7).nonlinearity(torch::kReLU)); },
            {normal({3, 5})}),
      layer("LSTMCell", [] { return nn::LSTMCell(5, 7); }, {normal({3, 5})}),
      used("LSTMCell, with a state", [] { return nn::LSTMCell(5, 7); }, lstm_with_state,
           {normal({3, 5}), normal({3, 7}), normal({3, 7})}),
      layer("GRUCell", [] { return nn::GRUCell(5, 7); }, {normal({3, 5}), normal({3, 7})}),
  };
}

std::vector<LayerCase> attention_cases() {
  const auto self_attention = [](auto& m, const Tensors& x) { return m->forward(x[0], x[0], x[0]); };
  const auto attention = [](bool causal, double dropout) {
    return [=](const Tensors& x) { return at::scaled_dot_product_attention(x[0], x[1], x[2], {}, dropout, causal); };
  };
  const std::vector<LayerInput> qkv{normal({2, 3, 4, 5}), normal({2, 3, 6, 5}), normal({2, 3, 6, 5})};
  const auto encoder_layer = [](double dropout) {
    return nn::TransformerEncoderLayer(nn::TransformerEncoderLayerOptions(6, 2).dim_feedforward(11).dropout(dropout));
  };
  const auto decoder_layer = [] {
    return nn::TransformerDecoderLayer(nn::TransformerDecoderLayerOptions(6, 2).dim_feedforward(11).dropout(0));
  };
  return {
      used("MultiheadAttention", [] { return nn::MultiheadAttention(6, 2); }, self_attention, {normal({4, 2, 6})}),
      layer("MultiheadAttention, of others",
            [] {
              return nn::MultiheadAttention(
                  nn::MultiheadAttentionOptions(6, 2).kdim(5).vdim(5).add_bias_kv(true).add_zero_attn(true));
            },
            {normal({4, 2, 6}), normal({5, 2, 5}), normal({5, 2, 5})}),
      used(
          "MultiheadAttention, masked", [] { return nn::MultiheadAttention(6, 2); },
          [](auto& m, const Tensors& x) { return m->forward(x[0], x[0], x[0], padding_mask(), true, causal_mask(4)); },
          {normal({4, 2, 6})}),
      random(used("MultiheadAttention, dropout",
                  [] { return nn::MultiheadAttention(nn::MultiheadAttentionOptions(6, 2).dropout(0.3)); },
                  self_attention, {normal({4, 2, 6})})),
      function("scaled_dot_product_attention", attention(false, 0), qkv),
      function("scaled_dot_product_attention, causal", attention(true, 0),
               {normal({2, 3, 4, 5}), normal({2, 3, 4, 5}), normal({2, 3, 4, 5})}),
      function("scaled_dot_product_attention, masked",
               [](const Tensors& x) { return at::scaled_dot_product_attention(x[0], x[1], x[2], x[3]); },
               {qkv[0], qkv[1], qkv[2], normal({4, 6})}),
      random(function("scaled_dot_product_attention, dropout", attention(false, 0.3), qkv)),
      layer("TransformerEncoderLayer", [=] { return encoder_layer(0); }, {normal({4, 2, 6})}),
      layer("TransformerEncoderLayer, GELU",
            [] {
              return nn::TransformerEncoderLayer(
                  nn::TransformerEncoderLayerOptions(6, 2).dim_feedforward(11).dropout(0).activation(torch::kGELU));
            },
            {normal({4, 2, 6})}),
      random(layer("TransformerEncoderLayer, dropout", [=] { return encoder_layer(0.2); }, {normal({4, 2, 6})})),
      layer("TransformerEncoder",
            [=] { return nn::TransformerEncoder(nn::TransformerEncoderOptions(encoder_layer(0), 2)); },
            {normal({4, 2, 6})}),
      layer("TransformerDecoderLayer", decoder_layer, {normal({4, 2, 6}), normal({5, 2, 6})}),
      layer("TransformerDecoder",
            [=] { return nn::TransformerDecoder(nn::TransformerDecoderOptions(decoder_layer(), 2)); },
            {normal({4, 2, 6}), normal({5, 2, 6})}),
      layer("Transformer",
            [] {
              return nn::Transformer(
                  nn::TransformerOptions(6, 2).num_encoder_layers(1).num_decoder_layers(1).dim_feedforward(11).dropout(
                      0));
            },
            {normal({4, 2, 6}), normal({5, 2, 6})}),
  };
}

}  // namespace

std::vector<LayerCase> recurrent_and_attention_cases() {
  auto out = recurrent_cases();
  for (auto& one : attention_cases()) out.push_back(std::move(one));
  return out;
}

}  // namespace lockstep::testing
