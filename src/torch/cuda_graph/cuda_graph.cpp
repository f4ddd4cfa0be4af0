// Graphs by LibTorch's CUDAGraph, which gives the noted work memory of its own. A library by itself: it links
// libtorch_cuda, which the program loads only where a GPU is used.
#include <ATen/cuda/CUDAGraph.h>

#include "torch/device_graph.h"

namespace lockstep {
namespace {

class CudaGraph final : public DeviceGraph {
 public:
  void record(const std::function<void()>& work, const DeviceGraph* other) override {
    if (other != nullptr) {
      graph_.capture_begin(static_cast<const CudaGraph*>(other)->pool_);
    } else {
      graph_.capture_begin();
    }
    work();
    graph_.capture_end();
    pool_ = graph_.pool();
  }
  void replay() override { graph_.replay(); }

 private:
  at::cuda::CUDAGraph graph_;
  c10::MempoolId_t pool_;
};

}  // namespace
}  // namespace lockstep

extern "C" __attribute__((visibility("default"))) lockstep::DeviceGraph* lockstep_make_cuda_graph() {
  return new lockstep::CudaGraph;
}
