#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace lockstep {

/// A file that takes its place whole or not at all: it is written under another name beside it, and renamed. Without a
/// `commit` it is removed, by a later writer if this process is killed. Throws OutputError, with the system's words.
class AtomicFile {
 public:
  /// @param path of the file that it becomes
  explicit AtomicFile(std::string path);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  void write(const void* data, size_t size_bytes);
  /// Waits until the content is on the disk.
  void sync();
  /// Replaces the file at the path; `sync` must have been called since the last write.
  void commit();

 private:
  [[noreturn]] void fail(const char* what) const;

  std::string path_;
  std::string temporary_;
  int descriptor_ = -1;
  bool committed_ = false;
};

/// Gives the file `temporary`, which another hand has written beside it, the name `path`, after its content has reached
/// the disk. Throws OutputError.
void put_in_place(const std::string& temporary, const std::string& path);

/// Replaces the file `path` by `content`: whole or not at all, whatever happens meanwhile. Throws OutputError.
void write_file_atomically(const std::string& path, std::string_view content);

}  // namespace lockstep
