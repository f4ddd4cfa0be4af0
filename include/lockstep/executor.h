#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace lockstep {

/// Trains trials; the sweep loop decides which. Implemented over LibTorch by `src/torch`, and by plain functions in
/// tests. All calls come from one thread. Trials are named by id; where and with whom one trains is the executor's
/// business and must not change its result.
class Executor {
 public:
  virtual ~Executor() = default;

  /// Gives places to trials that have not run yet, with fresh weights and optimiser state.
  virtual void start(std::span<const int64_t> trials) = 0;
  /// Intervals that `trial` trains for if nothing stops it; at least 1.
  virtual int64_t n_intervals(int64_t trial) const = 0;
  /// Trains every trial that was started and not retired for one interval, evaluates it on the validation part and
  /// returns (trial id, primary metric), by ascending id. A trial that diverges reports a value that is not finite.
  virtual std::vector<std::pair<int64_t, double>> train_interval() = 0;
  /// Frees the places of these trials; the others keep weights and optimiser state.
  virtual void retire(std::span<const int64_t> trials) = 0;
  /// Keeps a copy of the weights that `trial` has now, instead of any kept before.
  virtual void keep(int64_t trial) = 0;
  /// The primary metric of the kept weights on the test part, if the data has one.
  virtual std::optional<double> test_kept() = 0;
  /// What a user should know: how trials were grouped, what runs slowly. One line each, for `--verbose` and the journal.
  virtual std::vector<std::string> notes() const { return {}; }
};

}  // namespace lockstep
