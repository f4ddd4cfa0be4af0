#include "torch/device_graph.h"

#include <dlfcn.h>

#include <filesystem>
#include <string>

#include <lockstep/backend.h>
#include <lockstep/error.h>

#include "torch/cuda_graph/cuda_graph.h"
#include "torch/host_wait_guard.h"

namespace lockstep {
namespace {

/// The library is where the CUDA backend was found.
MakeCudaGraph load() {
  Dl_info backend{};
  dladdr(reinterpret_cast<const void*>(cuda_backend().device_count), &backend);
  const auto path = std::filesystem::path(backend.dli_fname).parent_path() / "liblockstep_cuda_graph.so";
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    const char* reason = dlerror();
    throw DeviceError(std::string("CUDA graphs cannot be used (") + (reason ? reason : "no reason given") +
                      "); build Lockstep anew, with nvcc and this LibTorch");
  }
  const auto make = reinterpret_cast<MakeCudaGraph>(dlsym(library, kMakeCudaGraph));
  if (make == nullptr) throw DeviceError(path.string() + " is not Lockstep's library of CUDA graphs");
  return make;
}

}  // namespace

std::unique_ptr<DeviceGraph> make_cuda_graph() {
  static const MakeCudaGraph make = load();
  return std::unique_ptr<DeviceGraph>(make());
}

void RecordedWork::run(const Key& key, const std::function<void()>& work) {
  const auto found = pieces_.find(key);
  if (found == pieces_.end()) {
    const HostWaitNote note;
    work();
    pieces_[key].waits = note.has_waited();
    return;
  }
  Piece& piece = found->second;
  if (piece.waits) return work();
  if (piece.graph == nullptr) {
    const DeviceGraph* other = nullptr;
    for (const auto& [_, each] : pieces_) {
      if (each.graph) other = each.graph.get();
    }
    auto graph = make_graph_();
    graph->record(work, other);
    piece.graph = std::move(graph);
  }
  piece.graph->replay();
}

}  // namespace lockstep
