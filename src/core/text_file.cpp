#include "core/text_file.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>
#include <system_error>

#include <lockstep/error.h>

namespace lockstep {

namespace {

constexpr size_t kMaxSizeBytes = size_t{16} << 20;

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

}  // namespace

std::string read_text_file(const std::string& path) {
  // stdio rather than a stream: it says why it failed.
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) {
    throw InputError({path}, "", "is a directory", "name the sweep file in it");
  }
  const std::unique_ptr<std::FILE, CloseFile> file(std::fopen(path.c_str(), "rb"));
  if (!file) {
    const int failure = errno;
    throw InputError({path}, "", "cannot be opened: " + std::string(std::strerror(failure)),
                     failure == ENOENT ? "check the path" : "check the path and its permissions");
  }
  std::string text;
  char chunk[1 << 14];
  while (const size_t n = std::fread(chunk, 1, sizeof(chunk), file.get())) {
    text.append(chunk, n);
    if (text.size() > kMaxSizeBytes) {
      throw InputError({path}, "", "has more than 16 MiB", "name a sweep file: it is a page of text");
    }
  }
  if (std::ferror(file.get())) {
    throw InputError({path}, "", "cannot be read: " + std::string(std::strerror(errno)), "check the file");
  }
  return text;
}

}  // namespace lockstep
