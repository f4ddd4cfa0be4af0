#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <lockstep/search_space.h>

namespace lockstep {

enum class SampleFormat {
  kCsv,   ///< header `trial,NAME,...`, a line a trial
  kJson,  ///< an array of objects, a line each
  kNpy,   ///< NumPy's format, version 1.0: the draws [n_trials, n_params] as little-endian doubles, row-major
};

/// Turns draws into a file a run of trials at a time, so that millions need no memory. Reals are written so that they
/// read back to the same bits.
class SampleWriter {
 public:
  /// @param n_trials how many will be appended in all
  SampleWriter(const SearchSpace& space, SampleFormat format, int64_t n_trials);

  /// What comes before the first trial.
  std::string header() const;
  /// Appends trials [first_trial, first_trial + n_trials) to `text`; `draws` [n_trials, n_params] in host memory.
  void append(int64_t first_trial, int64_t n_trials, const double* draws, std::string& text);
  /// What comes after the last trial.
  std::string footer() const;

 private:
  struct Column {
    std::string prefix;  ///< JSON: before the value
    bool is_integer = false;
    std::vector<std::string> choices;  ///< the values, written out
  };

  SampleFormat format_;
  int64_t n_trials_;
  int64_t n_appended_ = 0;
  std::string csv_header_;
  std::vector<Column> columns_;
};

}  // namespace lockstep
