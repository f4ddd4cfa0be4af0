#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace lockstep {

/// Cuts a program's output into lines: at "\n", "\r\n" and "\r", with which progress bars begin theirs anew. Of a line
/// only the first 64 KiB count, so that output without an end takes no memory.
class LineSplitter {
 public:
  static constexpr size_t kLongestLine = size_t{64} << 10;

  /// Calls `on_line` for every line that `bytes` complete, without its end.
  void take(std::string_view bytes, const std::function<void(std::string_view)>& on_line);
  /// The last line, where no newline ended it.
  void finish(const std::function<void(std::string_view)>& on_line);

 private:
  void keep(std::string_view bytes);

  std::string begun_;             ///< of a line that is not complete
  bool after_return_ = false;     ///< the last line ended with "\r": a "\n" that follows is of the same end
};

/// The file that a program's output goes to. A program is not to fail for it: what cannot be written is dropped, which the
/// file says as soon as it can be written again.
class OutputFile {
 public:
  /// Makes the file, or empties it. Throws OutputError.
  /// @param max_bytes what is written beyond is dropped; a line at the file's end says so
  OutputFile(std::string path, int64_t max_bytes);
  ~OutputFile();
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  /// Returns what the user should be told: at the first bytes that are lost, that and why.
  std::optional<std::string> append(std::string_view bytes);

 private:
  void put(std::string_view bytes);
  /// How much of it was written; errno says why not all.
  size_t write_some(std::string_view bytes) const;

  const std::string path_;
  const int64_t max_bytes_;
  const int descriptor_;
  int64_t taken_bytes_ = 0;  ///< of the program's, written or lost
  int64_t lost_bytes_ = 0;   ///< since the last that was written
  int lost_for_ = 0;         ///< the errno
  bool is_over_ = false;     ///< the limit is reached
  bool has_warned_ = false;
};

}  // namespace lockstep
