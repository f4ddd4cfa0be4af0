#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>

#include <lockstep/torch/task.h>

#include "torch/device_graph.h"

namespace lockstep {

/// What every tile of a sweep is built from. Not owned.
struct TileSource {
  const Task& task;
  const Configurations& configurations;
  const std::map<std::string, Setting>& settings;
  torch::Device device;
  uint64_t seed;
  /// Trials whose module cannot run as one batch, and which train one after another in their tile; null: none.
  const std::set<int64_t>* one_by_one = nullptr;
  /// Steps and evaluations are recorded in such graphs and replayed; null: they are not.
  MakeGraph make_graph = nullptr;
};

}  // namespace lockstep
