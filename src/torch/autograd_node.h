#pragma once

#include <memory>
#include <type_traits>

#include <c10/util/intrusive_ptr.h>
#include <torch/csrc/autograd/function.h>

namespace lockstep {

/// What holds an autograd node of any kind: a std::shared_ptr up to LibTorch 2.11, an intrusive pointer in 2.15.
using AutogradNode = decltype(torch::autograd::Edge::function);

template <class Node>
auto make_node() {
  if constexpr (std::is_same_v<AutogradNode, std::shared_ptr<torch::autograd::Node>>) {
    return std::make_shared<Node>();
  } else {
    return c10::make_intrusive<Node>();
  }
}

/// The same for a node of this kind; may be empty.
template <class Node>
using NodePointer = decltype(make_node<Node>());

}  // namespace lockstep
