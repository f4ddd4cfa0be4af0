#pragma once

#include <string>

#include <lockstep/sweep_spec.h>

#include "store/utc_time.h"

namespace lockstep {

inline constexpr char kDatabaseFile[] = "sweep.db";
inline constexpr char kCheckpointFile[] = "checkpoint.bin";
inline constexpr char kTrialsFile[] = "trials.csv";
inline constexpr char kCurvesFile[] = "curves.csv";  ///< of `lockstep export` alone
inline constexpr char kBestFile[] = "best.json";
inline constexpr char kReportFile[] = "report.html";
/// Made by whoever wants the sweep that is trained in its folder to end as after Ctrl-C (`lockstep serve`).
inline constexpr char kStopFile[] = "stop";

/// "lockstep-results/<display name or file stem>-<UTC time>", with what file names do not take replaced by '-'; a
/// number is added where that exists already.
std::string default_output_directory(const SweepSpec& spec, UtcTime now);

/// Refuses, with an OutputError that gives the cure, a folder that holds a sweep already (unless `overwrite`) or that
/// cannot be made or written, as far as this can be told without touching anything.
void check_output_directory(const std::string& directory, bool overwrite);

/// Keeps other processes from writing to a folder as long as it lives; a killed process keeps nobody out.
class DirectoryLock {
 public:
  /// Throws OutputError when another process has it.
  explicit DirectoryLock(const std::string& directory);
  DirectoryLock(DirectoryLock&& other) noexcept;
  DirectoryLock& operator=(DirectoryLock&&) = delete;
  ~DirectoryLock();

 private:
  int descriptor_;
};

/// Checks as `check_output_directory` does, makes the folder and locks it. With `overwrite` the files of an earlier
/// sweep are removed, and nothing else.
DirectoryLock prepare_output_directory(const std::string& directory, bool overwrite);

/// Replaces DIRECTORY/NAME by `content`: whole or not at all, whatever happens meanwhile. Throws OutputError.
void write_file_atomically(const std::string& directory, const std::string& name, const std::string& content);

}  // namespace lockstep
