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

/// zlib's inflate, ended on every way out.
struct Inflater {
  explicit Inflater(int format) {
    if (inflateInit2(&stream, format) != Z_OK) throw std::bad_alloc();
  }
  ~Inflater() { inflateEnd(&stream); }
  z_stream stream{};
};

}  // namespace

std::string gunzip(std::string_view bytes, const std::string& name) {
  Inflater inflater(kGzip);
  z_stream& stream = inflater.stream;
  std::string out;
  std::string buffer(size_t{1} << 18, '\0');
  size_t fed = 0;
  while (true) {
    if (stream.avail_in == 0 && fed < bytes.size()) {
      const size_t n = std::min(kChunk, bytes.size() - fed);
      stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data() + fed));
      stream.avail_in = static_cast<uInt>(n);
      fed += n;
    }
    stream.next_out = reinterpret_cast<Bytef*>(buffer.data());
    stream.avail_out = static_cast<uInt>(buffer.size());
    const int status = inflate(&stream, Z_NO_FLUSH);
    out.append(buffer.data(), buffer.size() - stream.avail_out);
    if (status == Z_STREAM_END) {
      const std::string_view rest = bytes.substr(fed - stream.avail_in);
      if (!is_gzip(rest)) return out;  // whatever follows is padding, as gzip itself has it
      inflateReset(&stream);
    } else if (status == Z_BUF_ERROR || (status == Z_OK && stream.avail_in == 0 && fed == bytes.size() &&
                                         stream.avail_out != 0)) {
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
  Inflater inflater(kRaw);
  z_stream& stream = inflater.stream;
  std::string out;
  std::string buffer(size_t{1} << 18, '\0');
  size_t fed = 0;
  while (true) {
    if (stream.avail_in == 0 && fed < bytes.size()) {
      const size_t n = std::min(kChunk, bytes.size() - fed);
      stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data() + fed));
      stream.avail_in = static_cast<uInt>(n);
      fed += n;
    }
    stream.next_out = reinterpret_cast<Bytef*>(buffer.data());
    stream.avail_out = static_cast<uInt>(buffer.size());
    const int status = inflate(&stream, Z_NO_FLUSH);
    out.append(buffer.data(), buffer.size() - stream.avail_out);
    if (out.size() > size_bytes) throw damaged();  // before a few bytes have become gigabytes
    if (status == Z_STREAM_END) break;
    if (status != Z_OK) throw damaged();
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
