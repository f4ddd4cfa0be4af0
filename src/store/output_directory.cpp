#include "store/output_directory.h"

#include <cctype>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <system_error>

#include <fcntl.h>
#include <unistd.h>

#include <lockstep/error.h>

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

/// A file that closes and, unless it was kept, removes itself.
class TemporaryFile {
 public:
  explicit TemporaryFile(std::string path)
      : path_(std::move(path)), descriptor_(open(path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644)) {
    if (descriptor_ < 0) fail("cannot be written");
  }
  ~TemporaryFile() {
    if (descriptor_ >= 0) close(descriptor_);
    if (!kept_) unlink(path_.c_str());
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;

  void write_all(const std::string& content) {
    for (size_t done = 0; done < content.size();) {
      const ssize_t n = write(descriptor_, content.data() + done, content.size() - done);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) fail("cannot be written");
      done += static_cast<size_t>(n);
    }
    if (fsync(descriptor_) != 0 && errno != EINVAL && errno != ENOTSUP) fail("cannot be written");
  }
  void rename_to(const std::string& path) {
    if (rename(path_.c_str(), path.c_str()) != 0) fail("cannot be renamed");
    kept_ = true;
  }

 private:
  [[noreturn]] void fail(const char* what) const {
    throw OutputError(path_ + " " + what + ": " + std::strerror(errno) +
                      "; free space or check the folder's permissions");
  }

  std::string path_;
  int descriptor_ = -1;
  bool kept_ = false;
};

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
                      " holds the results of a sweep already; choose another folder with --output, or replace them "
                      "with --overwrite");
  }
}

void prepare_output_directory(const std::string& directory, bool overwrite) {
  check_output_directory(directory, overwrite);
  std::error_code failed;
  fs::create_directories(directory, failed);
  if (failed) throw OutputError(directory + ": cannot be made: " + failed.message() + kElsewhere);
  const std::string database = kDatabaseFile;
  for (const std::string& name : {database, database + "-wal", database + "-shm", database + "-journal",
                                  std::string(kTrialsFile), std::string(kBestFile)}) {
    fs::remove(fs::path(directory) / name, failed);
    if (failed) throw OutputError(directory + "/" + name + ": cannot be removed: " + failed.message() + kElsewhere);
  }
}

void write_file_atomically(const std::string& directory, const std::string& name, const std::string& content) {
  const std::string path = (fs::path(directory) / name).string();
  TemporaryFile file(path + ".tmp");
  file.write_all(content);
  file.rename_to(path);
}

}  // namespace lockstep
