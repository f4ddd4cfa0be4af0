#include "command/working_copy.h"

#include <fnmatch.h>

#include <filesystem>
#include <fstream>
#include <system_error>
#include <vector>

#include <lockstep/error.h>

namespace lockstep {

namespace fs = std::filesystem;

namespace {

/// A database here says that a folder holds a sweep's results.
constexpr const char* kResults = "sweep.db";

/// The patterns of a folder's .amlignore.
class Ignored {
 public:
  explicit Ignored(const fs::path& code) {
    std::ifstream file(code / ".amlignore");
    for (std::string line; std::getline(file, line);) {
      line.erase(line.find_last_not_of(" \t\r") + 1);
      if (line.empty() || line.front() == '#') continue;
      Pattern pattern;
      if (line.back() == '/') {
        pattern.folders_only = true;
        line.pop_back();
      }
      if (line.front() == '/') line.erase(0, 1);
      pattern.text = line;
      patterns_.push_back(pattern);
    }
  }

  bool operator()(const fs::path& relative, bool is_folder) const {
    const std::string name = relative.filename().string();
    if (is_folder && (name == ".git" || name == "__pycache__")) return true;
    for (const Pattern& pattern : patterns_) {
      if (pattern.folders_only && !is_folder) continue;
      const std::string path = relative.generic_string();
      if (fnmatch(pattern.text.c_str(), path.c_str(), FNM_PATHNAME) == 0) return true;
      if (pattern.text.find('/') == std::string::npos && fnmatch(pattern.text.c_str(), name.c_str(), 0) == 0) return true;
    }
    return false;
  }

 private:
  struct Pattern {
    std::string text;
    bool folders_only = false;
  };
  std::vector<Pattern> patterns_;
};

[[noreturn]] void fail(const fs::path& path, const std::error_code& error) {
  throw OutputError(path.string() + ": cannot be copied: " + error.message() +
                    (error == std::errc::no_space_on_device ? "; free some space, or choose another --output" : ""));
}

/// With the time of its last change, by which `prune_working_copy` knows it again.
void copy_one(const fs::path& from, const fs::path& to) {
  std::error_code error;
  fs::copy_file(from, to, fs::copy_options::overwrite_existing, error);
  if (error) fail(from, error);
  const auto time = fs::last_write_time(from, error);
  if (!error) fs::last_write_time(to, time, error);
}

void make_folder(const fs::path& path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (error) throw OutputError(path.string() + ": cannot be made: " + error.message());
}

/// Calls `visit(entry, relative, kind)` for all that is in `from`, a folder before what is in it.
/// @param leave_out by path from `from`, and whether it is a folder
template <class LeaveOut, class Visit>
void walk(const fs::path& from, const LeaveOut& leave_out, const Visit& visit) {
  std::error_code error;
  for (auto it = fs::recursive_directory_iterator(from, error); !error && it != fs::recursive_directory_iterator();
       it.increment(error)) {
    const fs::path relative = it->path().lexically_relative(from);
    const fs::file_type type = it->symlink_status().type();
    const bool is_folder = type == fs::file_type::directory;
    if (!leave_out(relative, is_folder)) {
      visit(*it, relative, type);
    } else if (is_folder) {
      it.disable_recursion_pending();
    }
  }
  if (error) throw OutputError(from.string() + ": cannot be read: " + error.message());
}

template <class LeaveOut>
void copy_folder(const fs::path& from, const fs::path& to, const LeaveOut& leave_out) {
  make_folder(to);
  walk(from, leave_out, [&](const fs::directory_entry& entry, const fs::path& relative, fs::file_type type) {
    const fs::path& path = entry.path();
    std::error_code error;
    if (type == fs::file_type::directory) {
      make_folder(to / relative);
    } else if (type == fs::file_type::symlink) {
      fs::path target = fs::read_symlink(path, error);
      if (target.is_relative()) target = fs::absolute(path.parent_path() / target).lexically_normal();
      fs::remove(to / relative, error);
      fs::create_symlink(target, to / relative, error);
      if (error) fail(path, error);
    } else if (type == fs::file_type::regular) {
      copy_one(path, to / relative);
    }
  });
}

/// What a snapshot of a folder leaves out.
class LeftOut {
 public:
  /// @param snapshot that the folder may hold itself
  LeftOut(const fs::path& code, const fs::path& snapshot) : code_(code), snapshot_(snapshot), ignored_(code) {}
  bool operator()(const fs::path& relative, bool is_folder) const {
    const fs::path path = code_ / relative;
    return ignored_(relative, is_folder) || (is_folder && (path == snapshot_ || fs::exists(path / kResults)));
  }

 private:
  fs::path code_;
  fs::path snapshot_;
  Ignored ignored_;
};

fs::path normal(const std::string& path) { return fs::absolute(path).lexically_normal(); }

}  // namespace

void check_code(const std::string& code) {
  if (!fs::is_directory(code)) {
    throw InputError({}, "trial.code", code + " is no folder", "name the folder of the program");
  }
  const fs::path from = normal(code);
  int64_t size_bytes = 0;
  walk(from, LeftOut(from, {}), [&](const fs::directory_entry& entry, const fs::path&, fs::file_type type) {
    if (type == fs::file_type::regular) size_bytes += static_cast<int64_t>(entry.file_size());
    if (size_bytes <= kLargestCode) return;
    throw InputError({}, "trial.code",
                     code + " holds more than " + std::to_string(kLargestCode >> 20) + " MiB, and every trial gets a copy",
                     "keep data elsewhere and name it under inputs, or name what is not needed in " + code + "/.amlignore");
  });
}

void take_snapshot(const std::string& code, const std::string& snapshot) {
  check_code(code);
  copy_folder(normal(code), snapshot, LeftOut(normal(code), normal(snapshot)));
}

void make_working_copy(const std::string& snapshot, const std::string& work) {
  copy_folder(fs::path(snapshot), work, [](const fs::path&, bool) { return false; });
}

void prune_working_copy(const std::string& snapshot, const std::string& work) noexcept {
  try {
    std::error_code error;
    std::vector<fs::path> folders;
    for (auto it = fs::recursive_directory_iterator(snapshot, error); !error && it != fs::recursive_directory_iterator();
         it.increment(error)) {
      const fs::path copy = fs::path(work) / it->path().lexically_relative(snapshot);
      std::error_code ignored;
      const bool is_link = it->is_symlink();
      if (!is_link && it->is_directory()) {
        folders.push_back(copy);
        continue;
      }
      const bool same = is_link ? fs::is_symlink(copy, ignored) && fs::read_symlink(copy, ignored) == fs::read_symlink(it->path())
                                : fs::is_regular_file(fs::symlink_status(copy, ignored)) &&
                                      fs::file_size(copy, ignored) == it->file_size() &&
                                      fs::last_write_time(copy, ignored) == it->last_write_time();
      if (same && !ignored) fs::remove(copy, ignored);
    }
    // Children come after their parents.
    for (auto folder = folders.rbegin(); folder != folders.rend(); ++folder) {
      std::error_code ignored;
      fs::remove_all(*folder / "__pycache__", ignored);
      fs::remove(*folder, ignored);  // one that is not empty stays
    }
    std::error_code ignored;
    fs::remove_all(fs::path(work) / "__pycache__", ignored);
    fs::remove(work, ignored);
  } catch (...) {
    // It is tidying up.
  }
}

}  // namespace lockstep
