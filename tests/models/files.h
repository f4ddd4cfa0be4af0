#pragma once

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <zlib.h>

#include <lockstep/error.h>
#include <lockstep/sweep_spec.h>

namespace lockstep::models {

/// A folder of its own for a test, removed afterwards.
class Folder {
 public:
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "lockstep_models_XXXXXX").string();
    path_ = mkdtemp(name.data());
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  std::string path(const std::string& name) const { return (path_ / name).string(); }
  std::string write(const std::string& name, const std::string& bytes) const {
    std::ofstream(path(name), std::ios::binary) << bytes;
    return path(name);
  }
  std::string write_gzip(const std::string& name, const std::string& bytes) const {
    gzFile file = gzopen(path(name).c_str(), "wb");
    gzwrite(file, bytes.data(), static_cast<unsigned>(bytes.size()));
    gzclose(file);
    return path(name);
  }
  /// A sweep file in this folder, parsed; `trial` is the block's YAML, each line indented by two.
  SweepSpec spec(const std::string& trial,
                 const std::string& space = "  lr: {type: uniform, min_value: 0.01, max_value: 0.1}\n") const {
    return parse_sweep("type: sweep\nsampling_algorithm: random\ntrial:\n" + trial + "search_space:\n" + space +
                           "objective: {goal: maximize, primary_metric: accuracy}\nlimits: {max_total_trials: 4}\n",
                       path("sweep.yml"));
  }

 private:
  std::filesystem::path path_;
};

/// An NPY file, version 1, of float64.
inline std::string npy(const std::string& shape, const std::vector<double>& values) {
  std::string header = "{'descr': '<f8', 'fortran_order': False, 'shape': " + shape + ", }\n";
  std::string out = "\x93NUMPY";
  out += std::string{'\x01', '\0', static_cast<char>(header.size()), '\0'} + header;
  return out.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(double));
}

/// Expects `work` to throw an E, with every one of `parts` in its message.
template <class E>
void expect_error(const std::function<void()>& work, const std::vector<std::string>& parts) {
  try {
    work();
  } catch (const E& error) {
    for (const auto& part : parts)
      EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << part << " in: " << error.what();
    return;
  } catch (const std::exception& error) {
    FAIL() << "another kind of error: " << error.what();
  }
  FAIL() << "no error, but one with: " << parts.front();
}

}  // namespace lockstep::models
