#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <utility>

namespace lockstep {

/// A piece of work for a GPU, noted once and given to it again with one launch, instead of one for every kernel.
class DeviceGraph {
 public:
  virtual ~DeviceGraph() = default;
  /// Notes what `work` gives to the current stream, which must not be the device's default one, without its being done.
  /// Memory for it is `other`'s, where that is given: the two are never under way at the same time then.
  virtual void record(const std::function<void()>& work, const DeviceGraph* other) = 0;
  /// Does what was noted, in the order of the current stream.
  virtual void replay() = 0;
};

/// An empty graph for CUDA, whose LibTorch part is loaded. Throws DeviceError where Lockstep's library for it, which is
/// built where nvcc is, is not beside the CUDA backend.
std::unique_ptr<DeviceGraph> make_cuda_graph();
using MakeGraph = std::unique_ptr<DeviceGraph> (*)();

/// Pieces of work that are done again and again with the same tensors: done once as they come, noted at their second
/// time, replayed from then on. The first time loads and plans what a GPU must have at hand while work is noted; it also
/// finds out whether the host reads values (HostWaitNote), and such a piece is never noted.
class RecordedWork {
 public:
  using Key = std::pair<const void*, int64_t>;

  explicit RecordedWork(MakeGraph make_graph) : make_graph_(make_graph) {}

  /// Does `work`, now or as it was noted under this key. What it reads from the host was read when it was noted; results
  /// must go to tensors that exist before and after.
  void run(const Key& key, const std::function<void()>& work);
  /// Forgets what was noted. To be called when a tensor that the work reads or writes has been replaced.
  void clear() { pieces_.clear(); }

 private:
  struct Piece {
    bool waits = false;
    std::unique_ptr<DeviceGraph> graph;
  };
  MakeGraph make_graph_;
  std::map<Key, Piece> pieces_;
};

}  // namespace lockstep
