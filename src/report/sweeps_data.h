#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

namespace lockstep {

/// The sweeps that lie in a folder, for a page that compares them. Reads those again that have changed.
class SweepFolder {
 public:
  explicit SweepFolder(std::string directory) : directory_(std::move(directory)) {}

  /// Names of the folders in it (also one further down) that hold a sweep, sorted.
  std::vector<std::string> names() const;
  /// An object a sweep: name, state, metric, best, counts, and its best so far where that became better: by trial and by
  /// seconds. One that cannot be read has `error` instead.
  nlohmann::ordered_json data();

 private:
  const std::string directory_;
  std::map<std::string, std::pair<std::string, nlohmann::ordered_json>> read_;  ///< by name: state of the files, and what was read
};

}  // namespace lockstep
