#include "command/child_output.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

#include <lockstep/error.h>

namespace lockstep {

void LineSplitter::keep(std::string_view bytes) {
  begun_.append(bytes.substr(0, kLongestLine - begun_.size()));
}

void LineSplitter::take(std::string_view bytes, const std::function<void(std::string_view)>& on_line) {
  size_t begin = 0;
  for (size_t i = 0; i < bytes.size(); ++i) {
    const char c = bytes[i];
    if (c != '\n' && c != '\r') continue;
    const std::string_view piece = bytes.substr(begin, i - begin);
    begin = i + 1;
    const bool is_same_end = c == '\n' && after_return_ && piece.empty() && begun_.empty();
    after_return_ = c == '\r';
    if (is_same_end) continue;
    if (begun_.empty()) {
      on_line(piece.substr(0, kLongestLine));
    } else {
      keep(piece);
      on_line(begun_);
      begun_.clear();
    }
  }
  keep(bytes.substr(begin));
}

void LineSplitter::finish(const std::function<void(std::string_view)>& on_line) {
  if (!begun_.empty()) on_line(begun_);
  begun_.clear();
}

OutputFile::OutputFile(std::string path, int64_t max_bytes)
    : path_(std::move(path)),
      max_bytes_(max_bytes),
      descriptor_(open(path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644)) {
  if (descriptor_ >= 0) return;
  const char* cure = errno == EMFILE || errno == ENFILE ? "; raise the limit of open files (`ulimit -n`), or let fewer trials run at once"
                                                        : "; free space or check the folder's permissions";
  throw OutputError(path_ + " cannot be written: " + std::strerror(errno) + cure);
}

OutputFile::~OutputFile() { close(descriptor_); }

std::optional<std::string> OutputFile::append(std::string_view bytes) {
  if (is_over_) return std::nullopt;
  const auto room = static_cast<size_t>(std::max<int64_t>(0, max_bytes_ - taken_bytes_));
  const std::string_view kept = bytes.substr(0, room);
  taken_bytes_ += static_cast<int64_t>(kept.size());
  put(kept);
  if (bytes.size() > room) {
    is_over_ = true;
    put("\n[lockstep: the output goes on; what is beyond " + std::to_string(max_bytes_) + " bytes is not kept]\n");
  }
  if (lost_bytes_ == 0 || has_warned_) return std::nullopt;
  has_warned_ = true;
  return path_ + " cannot be written: " + std::strerror(lost_for_) +
         "; the program goes on, and its output is dropped until there is space";
}

void OutputFile::put(std::string_view bytes) {
  if (bytes.empty()) return;
  if (lost_bytes_ > 0) {
    const std::string gap = "\n[lockstep: " + std::to_string(lost_bytes_) + " bytes are missing here, which could not be written: " +
                            std::strerror(lost_for_) + "]\n";
    if (write_some(gap) < gap.size()) {
      lost_bytes_ += static_cast<int64_t>(bytes.size());
      return;
    }
    lost_bytes_ = 0;
  }
  const size_t n_written = write_some(bytes);
  if (n_written == bytes.size()) return;
  lost_for_ = errno;
  lost_bytes_ = static_cast<int64_t>(bytes.size() - n_written);
}

size_t OutputFile::write_some(std::string_view bytes) const {
  size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t n = write(descriptor_, bytes.data() + done, bytes.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) break;
    done += static_cast<size_t>(n);
  }
  return done;
}

}  // namespace lockstep
