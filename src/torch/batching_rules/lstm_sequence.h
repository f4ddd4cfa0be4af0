#pragma once

#include <utility>

#include <torch/types.h>

namespace lockstep {

/// One direction of an LSTM layer without projection, on physical tensors, with a way back of its own: a few passes
/// over the gates a step, and the weights' gradient in one product for all steps. Has no second derivative.
/// @param from_input [T, length, batch, 4 * size] what the input comes to at each step, biases included; gates i, f, g,
/// o
/// @param weight [T, 4 * size, size], @param bias [T, 4 * size] or undefined: of the state
/// @param hidden, cell [T, batch, size] the first state
/// @param reverse from the last step to the first
/// @return the outputs [T, length, batch, size], and the last cell state [T, batch, size]
std::pair<torch::Tensor, torch::Tensor> lstm_sequence(const torch::Tensor& from_input, const torch::Tensor& weight,
                                                      const torch::Tensor& bias, const torch::Tensor& hidden,
                                                      const torch::Tensor& cell, bool reverse);

}  // namespace lockstep
