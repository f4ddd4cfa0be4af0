#pragma once

#include <functional>
#include <vector>

#include <c10/core/Event.h>
#include <c10/core/StreamGuard.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <torch/types.h>

namespace lockstep {

/// Streams of a GPU beside the current one, for work that may overlap. Memory that is used in several of them must not be
/// given back between `run` and `join`, and what is allocated on a side stream is used on it, or after `join`.
class SideStreams {
 public:
  explicit SideStreams(torch::Device device) : device_(device), guard_(device.type()), fork_(device.type()) {}

  /// Calls `work` with the `i`-th of them as the current stream, after all that the current one has so far.
  void run(int64_t i, const std::function<void()>& work) {
    while (streams_.size() <= static_cast<size_t>(i) && streams_.size() < kStreams) {
      streams_.push_back(guard_.getStreamFromGlobalPool(device_));
      joins_.emplace_back(device_.type());
    }
    const size_t chosen = static_cast<size_t>(i) % kStreams;
    fork_.record(guard_.getStream(device_));
    fork_.block(streams_[chosen]);
    const c10::StreamGuard on_it(streams_[chosen]);
    work();
    joins_[chosen].record(streams_[chosen]);
  }

  /// Lets the current stream wait for all that `run` gave to the others.
  void join() {
    for (auto& event : joins_) event.block(guard_.getStream(device_));
  }

 private:
  static constexpr size_t kStreams = 32;  ///< as many as LibTorch has

  torch::Device device_;
  c10::impl::VirtualGuardImpl guard_;
  c10::Event fork_;
  std::vector<c10::Stream> streams_;
  std::vector<c10::Event> joins_;
};

}  // namespace lockstep
