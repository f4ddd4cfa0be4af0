#pragma once

#include <cstdint>
#include <istream>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include <lockstep/backend.h>
#include <lockstep/executor.h>

namespace lockstep {

/// Learning curves that some earlier training left: trial i reported `curves[i][n - 1]` at interval n. None is empty.
struct RecordedCurves {
  std::vector<std::string> names;  ///< [n_trials] what the record calls each trial
  std::vector<std::vector<double>> curves;
  bool counts_from_zero = false;  ///< the record's intervals were 0..n-1; here they are 1..n all the same

  int64_t n_trials() const { return static_cast<int64_t>(curves.size()); }
  int64_t n_values() const;
  /// Length of the longest curve.
  int64_t n_intervals() const;
};

/// Puts curves together from reports in any order. Trials are numbered in the order in which they first appear.
class CurveCollector {
 public:
  /// @param file for messages
  explicit CurveCollector(std::string file) : file_(std::move(file)) {}
  /// @param line where it stands in the file; 0: the file has no lines
  void add(const std::string& trial, int64_t interval, double value, int64_t line = 0);
  /// Every trial's intervals must be 1..n, or 0..n-1 in the whole file, each once. Throws DataError that names the
  /// trial and the interval that is missing or there twice, or says that nothing was recorded.
  RecordedCurves finish();

 private:
  struct Report {
    int64_t interval = 0;
    double value = 0;
    int64_t line = 0;
  };
  [[noreturn]] void refuse(int64_t line, const std::string& problem, const std::string& cure) const;

  std::string file_;
  std::unordered_map<std::string, size_t> rows_;
  std::vector<std::string> names_;
  std::vector<std::vector<Report>> reports_;
};

/// Reads curves from CSV: a header with the columns trial, interval and value (others are ignored, any order), then a
/// line a report, in any order. Trials are whatever text names them; a value may be nan or inf; an empty one is nan.
/// Throws DataError that names file, line and cure.
RecordedCurves parse_curves_csv(std::istream& text, const std::string& file);
/// The same from a file; throws DataError too when it cannot be read.
RecordedCurves load_curves_csv(const std::string& path);

/// An executor that trains nothing and reports what was recorded: trial i's intervals are those of `curves[i]`. Its
/// weights, and so a test metric, are not there. Curves, backend and context must outlive it.
class RecordedExecutor final : public Executor {
 public:
  RecordedExecutor(const RecordedCurves& curves, const Backend& backend, const Context& context);

  int64_t n_intervals(int64_t trial) const override;
  void start(std::span<const Placement> placements) override;
  void train_interval(double* metrics) override;
  void retire(std::span<const int64_t> trials) override;
  void keep(int64_t) override {}
  std::optional<double> test_kept(int64_t) override { return std::nullopt; }

 private:
  const RecordedCurves& curves_;
  const Backend& backend_;
  const Context& context_;
  std::vector<size_t> ages_;        ///< [n_trials] intervals reported so far
  std::vector<int64_t> slots_;      ///< [n_trials] the slot of each that runs, or -1
  std::vector<int64_t> running_;    ///< trials
  std::vector<double> metrics_;     ///< by slot
};

}  // namespace lockstep
