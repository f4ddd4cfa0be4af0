#include "models/data/bytes.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include <zlib.h>

#include <lockstep/error.h>

namespace lockstep::models {

namespace {

bool is_gzip(std::string_view bytes) {
  return bytes.size() >= 2 && bytes[0] == '\x1f' && bytes[1] == '\x8b';
}

constexpr size_t kChunk = size_t{1} << 30;  // zlib counts in 32 bits

[[noreturn]] void throw_damaged(const std::string& name, const char* how) {
  throw DataError(name + ": the gzip data is " + how + "; fetch or compress the file again");
}

/// The largest window, with gzip's header and checksum, or with neither header nor checksum.
constexpr int kGzip = 15 + 16;
constexpr int kRaw = -15;

/// zlib's inflate over all of `bytes`, ended on every way out.
class Inflater {
 public:
  Inflater(int format, std::string_view bytes) : bytes_(bytes), buffer_(size_t{1} << 18, '\0') {
    if (inflateInit2(&stream_, format) != Z_OK) throw std::bad_alloc();
  }
  ~Inflater() { inflateEnd(&stream_); }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  /// Appends what comes next to `out`; inflate's status.
  int next(std::string& out) {
    if (stream_.avail_in == 0 && fed_ < bytes_.size()) {
      const size_t n = std::min(kChunk, bytes_.size() - fed_);
      stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes_.data() + fed_));
      stream_.avail_in = static_cast<uInt>(n);
      fed_ += n;
    }
    stream_.next_out = reinterpret_cast<Bytef*>(buffer_.data());
    stream_.avail_out = static_cast<uInt>(buffer_.size());
    const int status = inflate(&stream_, Z_NO_FLUSH);
    out.append(buffer_.data(), buffer_.size() - stream_.avail_out);
    return status;
  }
  /// Whether all bytes were taken, and gave all that they can.
  bool is_exhausted() const { return stream_.avail_in == 0 && fed_ == bytes_.size() && stream_.avail_out != 0; }
  /// The bytes that were not taken.
  std::string_view rest() const { return bytes_.substr(fed_ - stream_.avail_in); }
  /// Begins a new stream there.
  void reset() { inflateReset(&stream_); }

 private:
  std::string_view bytes_;
  std::string buffer_;
  size_t fed_ = 0;
  z_stream stream_{};
};

}  // namespace

std::string gunzip(std::string_view bytes, const std::string& name) {
  Inflater inflater(kGzip, bytes);
  std::string out;
  while (true) {
    const int status = inflater.next(out);
    if (status == Z_STREAM_END) {
      if (!is_gzip(inflater.rest())) return out;  // whatever follows is padding, as gzip itself has it
      inflater.reset();
    } else if (status == Z_BUF_ERROR || (status == Z_OK && inflater.is_exhausted())) {
      throw_damaged(name, "cut short");
    } else if (status != Z_OK) {
      throw_damaged(name, "damaged");
    }
  }
}

std::string inflate_raw(std::string_view bytes, size_t size_bytes, const std::string& name) {
  const auto damaged = [&] {
    return DataError(name + ": the deflated data is damaged or cut short; fetch or write the file again");
  };
  Inflater inflater(kRaw, bytes);
  std::string out;
  int status = Z_OK;
  while (status != Z_STREAM_END) {
    status = inflater.next(out);
    if (out.size() > size_bytes) throw damaged();  // before a few bytes have become gigabytes
    if (status != Z_OK && status != Z_STREAM_END) throw damaged();
  }
  if (out.size() != size_bytes) throw damaged();
  return out;
}

std::string read_bytes(const std::string& path) {
  namespace fs = std::filesystem;
  std::error_code error;
  const auto status = fs::status(path, error);
  if (!fs::exists(status)) {
    throw DataError(path +
                    ": there is no such file; check the path (a relative one starts at the sweep file's folder)");
  }
  if (fs::is_directory(status)) throw DataError(path + ": this is a folder; name a file in it");
  std::ifstream file(path, std::ios::binary);
  if (!file) throw DataError(path + ": cannot be read (" + std::strerror(errno) + "); check its permissions");
  std::string bytes;
  const auto size = fs::file_size(path, error);
  if (!error) bytes.reserve(size);
  std::string buffer(size_t{1} << 20, '\0');
  while (file.read(buffer.data(), static_cast<std::streamsize>(buffer.size())) || file.gcount() > 0) {
    bytes.append(buffer.data(), static_cast<size_t>(file.gcount()));
  }
  if (file.bad()) throw DataError(path + ": reading failed (" + std::strerror(errno) + ")");
  if (is_gzip(bytes)) return gunzip(bytes, path);
  if (path.ends_with(".gz")) {
    throw DataError(path + ": is named .gz but is not a gzip file; rename it, or compress it with gzip");
  }
  return bytes;
}

}  // namespace lockstep::models
