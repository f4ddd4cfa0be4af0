#include "core/atomic_file.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

#include <lockstep/error.h>

namespace lockstep {

namespace {

/// File systems without this have nothing to wait for.
bool synced(int descriptor) { return fsync(descriptor) == 0 || errno == EINVAL || errno == ENOTSUP; }

/// One write of more than this is cut short by the kernel.
constexpr size_t kLargestWrite = size_t{1} << 30;

[[noreturn]] void fail_on(const std::string& path, const char* what) {
  throw OutputError(path + " " + what + ": " + std::strerror(errno) +
                    "; free space or check the folder's permissions");
}

void rename_in_place(const std::string& temporary, const std::string& path) {
  if (rename(temporary.c_str(), path.c_str()) != 0) fail_on(temporary, "cannot be renamed");
  // The name is the folder's content. Where the folder cannot be opened the file is there all the same.
  const std::filesystem::path parent = std::filesystem::path(path).parent_path();
  const int folder = open(parent.empty() ? "." : parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0) return;
  synced(folder);
  close(folder);
}

}  // namespace

AtomicFile::AtomicFile(std::string path)
    : path_(std::move(path)),
      temporary_(path_ + ".tmp"),
      descriptor_(open(temporary_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644)) {
  if (descriptor_ < 0) fail("cannot be written");
}

AtomicFile::~AtomicFile() {
  if (descriptor_ < 0) return;
  close(descriptor_);
  if (!committed_) unlink(temporary_.c_str());
}

void AtomicFile::write(const void* data, size_t size_bytes) {
  const auto* bytes = static_cast<const char*>(data);
  for (size_t done = 0; done < size_bytes;) {
    const ssize_t n = ::write(descriptor_, bytes + done, std::min(size_bytes - done, kLargestWrite));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail("cannot be written");
    done += static_cast<size_t>(n);
  }
}

void AtomicFile::sync() {
  if (!synced(descriptor_)) fail("cannot be written");
}

void AtomicFile::commit() {
  rename_in_place(temporary_, path_);
  committed_ = true;
}

void put_in_place(const std::string& temporary, const std::string& path) {
  const int descriptor = open(temporary.c_str(), O_RDONLY | O_CLOEXEC);
  const bool is_synced = descriptor >= 0 && synced(descriptor);
  const int failure = errno;
  if (descriptor >= 0) close(descriptor);
  errno = failure;
  if (!is_synced) fail_on(temporary, "cannot be written");
  rename_in_place(temporary, path);
}

void write_file_atomically(const std::string& path, std::string_view content) {
  AtomicFile file(path);
  file.write(content.data(), content.size());
  file.sync();
  file.commit();
}

void AtomicFile::fail(const char* what) const { fail_on(temporary_, what); }

}  // namespace lockstep
