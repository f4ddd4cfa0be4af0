#include "store/output_directory.h"

#include <cctype>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <lockstep/error.h>

#include "core/atomic_file.h"
#include "core/trial_folders.h"

namespace lockstep {

namespace fs = std::filesystem;

namespace {

constexpr const char* kElsewhere = "; choose another folder with --output";

std::string as_file_name(const std::string& text) {
  std::string name;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool keeps = byte >= 0x80 || std::isalnum(byte) || c == '_' || c == '.' || c == '-';
    name += keeps ? c : '-';
  }
  // A leading point would hide it, and '..' lead out of it.
  const size_t first = name.find_first_not_of(".-");
  return first == std::string::npos ? "sweep" : name.substr(first, 100);
}

/// `path` or the nearest folder above it that exists.
fs::path nearest_existing(fs::path path) {
  std::error_code ignored;
  while (!fs::exists(fs::status(path, ignored)) && path.has_relative_path()) path = path.parent_path();
  return path.empty() ? fs::path(".") : path;
}

}  // namespace

std::string default_output_directory(const SweepSpec& spec, UtcTime now) {
  std::string name = spec.display_name;
  if (name.empty()) name = fs::path(spec.file).stem().string();
  const std::string base = "lockstep-results/" + as_file_name(name) + "-" + utc_stamp(now);
  std::string path = base;
  for (int i = 2; fs::exists(path); ++i) path = base + "-" + std::to_string(i);
  return path;
}

void check_output_directory(const std::string& directory, bool overwrite) {
  const fs::path path(directory);
  const fs::path existing = nearest_existing(path);
  std::error_code ignored;
  if (!fs::is_directory(existing, ignored)) {
    throw OutputError(directory + ": " + (existing == path ? "it is a file" : existing.string() + " is a file") +
                      ", not a folder" + kElsewhere);
  }
  if (access(existing.c_str(), W_OK | X_OK) != 0) {
    throw OutputError(directory + ": cannot write to " + existing.string() + ": " + std::strerror(errno) + kElsewhere);
  }
  if (!overwrite && fs::exists(path / kDatabaseFile, ignored)) {
    throw OutputError(directory +
                      " holds the results of a sweep already; let it go on with `lockstep resume`, choose another "
                      "folder with --output, or replace them with --overwrite");
  }
}

DirectoryLock::DirectoryLock(const std::string& directory)
    : descriptor_(open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
  // A file system that knows no locks gives none, and the sweep goes on without.
  if (descriptor_ < 0 || flock(descriptor_, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK) return;
  close(descriptor_);
  throw OutputError(directory + ": another process is writing to it; wait for its end, or end it");
}

DirectoryLock::DirectoryLock(DirectoryLock&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}

DirectoryLock::~DirectoryLock() {
  if (descriptor_ >= 0) close(descriptor_);
}

DirectoryLock prepare_output_directory(const std::string& directory, bool overwrite) {
  check_output_directory(directory, overwrite);
  std::error_code failed;
  fs::create_directories(directory, failed);
  if (failed) throw OutputError(directory + ": cannot be made: " + failed.message() + kElsewhere);
  DirectoryLock lock(directory);
  const std::string database = kDatabaseFile;
  const std::string checkpoint = kCheckpointFile;
  for (const std::string& name : {database, database + "-wal", database + "-shm", database + "-journal",
                                  checkpoint, checkpoint + ".tmp", std::string(kTrialsFile), std::string(kBestFile),
                                  std::string(kReportFile), std::string(kStopFile)}) {
    fs::remove(fs::path(directory) / name, failed);
    if (failed) throw OutputError(directory + "/" + name + ": cannot be removed: " + failed.message() + kElsewhere);
  }
  // Of a sweep of programs, and not a folder of that name which somebody else has made.
  const fs::path trials = fs::path(directory) / kTrialsFolder;
  if (fs::exists(trials / kShimFolder, failed)) {
    fs::remove_all(trials, failed);
    if (failed) throw OutputError(trials.string() + ": cannot be removed: " + failed.message() + kElsewhere);
  }
  return lock;
}

void write_file_atomically(const std::string& directory, const std::string& name, const std::string& content) {
  write_file_atomically((fs::path(directory) / name).string(), content);
}

}  // namespace lockstep
