#pragma once

namespace lockstep {

class DeviceGraph;

/// The library's only exported function: a new, empty graph, which the caller owns.
using MakeCudaGraph = DeviceGraph* (*)();
inline constexpr char kMakeCudaGraph[] = "lockstep_make_cuda_graph";

}  // namespace lockstep
