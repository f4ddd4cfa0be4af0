#pragma once

#include <cstdint>
#include <string>

namespace lockstep {

// What a sweep of programs has in the folder of its results: a folder of trials, and in it one for each trial by its
// number, the copy of the code that all run, and the Python package that stands for azureml-core.
inline constexpr char kTrialsFolder[] = "trials";
inline constexpr char kCodeFolder[] = "code";
inline constexpr char kShimFolder[] = "shim";

inline std::string trials_folder(const std::string& directory) { return directory + "/" + kTrialsFolder; }
inline std::string trial_folder(const std::string& directory, int64_t trial) {
  return trials_folder(directory) + "/" + std::to_string(trial);
}

}  // namespace lockstep
