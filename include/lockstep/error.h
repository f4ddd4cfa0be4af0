#pragma once

#include <stdexcept>
#include <string>

namespace lockstep {

/// Exit codes of the `lockstep` program; `docs/cli.md` lists them for users.
enum class ExitCode : int {
  kSuccess = 0,
  kInternal = 1,     ///< A defect of Lockstep itself.
  kUsage = 2,        ///< The command line is wrong.
  kInput = 3,        ///< The sweep file, search space or an option's value is wrong.
  kData = 4,         ///< A data set is missing, empty or malformed.
  kOutput = 5,       ///< Results cannot be written or read.
  kDevice = 6,       ///< The requested device or backend is not there.
  kTask = 7,         ///< The training task failed or does not report the primary metric.
  kDiffers = 8,      ///< A replay differs from its record by more than is allowed.
  kInterrupted = 130 ///< Ended early by Ctrl-C; what was finished is written.
};

/// Base of every failure that a user can cause or cure. `what()` says what is wrong, where, and the cure.
class Error : public std::runtime_error {
 public:
  Error(ExitCode exit_code, const std::string& message) : std::runtime_error(message), exit_code_(exit_code) {}
  ExitCode exit_code() const noexcept { return exit_code_; }

 private:
  ExitCode exit_code_;
};

/// Where in a text file something stands. `line` and `column` count from 1; 0 means "not from a file".
struct SourceLocation {
  std::string file;
  int line = 0;
  int column = 0;
  /// "file:line", or as much of it as is known: "file", "line 3" or "".
  std::string to_string() const;
};

/// Wrong input: a sweep file, a search space, a limit. The message reads `file:line: key: problem; cure`.
class InputError : public Error {
 public:
  explicit InputError(const std::string& message) : Error(ExitCode::kInput, message), problem_(message) {}
  /// @param key dotted path such as `search_space.lr.min_value`; may be empty
  /// @param cure what would be right; may be empty
  InputError(const SourceLocation& where, const std::string& key, const std::string& problem, const std::string& cure);

  /// The same failure with its place filled in by one who knows it; `prefix` goes before the key, after a dot.
  InputError at(const SourceLocation& where, const std::string& prefix) const;
  /// The key it was made with, or "".
  const std::string& key() const noexcept { return key_; }
  bool has_place() const noexcept { return has_place_; }

 private:
  bool has_place_ = false;
  std::string key_;
  std::string problem_;
  std::string cure_;
};

/// A data set that cannot be used.
class DataError : public Error {
 public:
  explicit DataError(const std::string& message) : Error(ExitCode::kData, message) {}
};

/// Results that cannot be written or read.
class OutputError : public Error {
 public:
  explicit OutputError(const std::string& message) : Error(ExitCode::kOutput, message) {}
};

/// A device or backend that is missing or failed.
class DeviceError : public Error {
 public:
  explicit DeviceError(const std::string& message) : Error(ExitCode::kDevice, message) {}
};

/// The training task is at fault: it threw, or does not report what the sweep needs.
class TaskError : public Error {
 public:
  explicit TaskError(const std::string& message) : Error(ExitCode::kTask, message) {}
};

}  // namespace lockstep
