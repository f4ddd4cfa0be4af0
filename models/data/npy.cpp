#include "models/data/npy.h"

#include <bit>
#include <charconv>
#include <cstring>

#include <lockstep/error.h>

namespace lockstep::models {

static_assert(std::endian::native == std::endian::little, "numbers are copied from the file as they lie");

namespace {

struct Header {
  std::string dtype;
  bool fortran_order = false;
  std::vector<int64_t> shape;
};

[[noreturn]] void throw_bad(const std::string& name, const std::string& problem) {
  throw DataError(name + ": " + problem + "; write it with numpy.save");
}

/// What follows `'key':` in the header, which is a Python dictionary of three known entries.
std::string_view after_key(std::string_view header, const char* key, const std::string& name) {
  for (const char quote : {'\'', '"'}) {
    const std::string pattern = quote + std::string(key) + quote;
    size_t at = header.find(pattern);
    if (at == std::string_view::npos) continue;
    at = header.find_first_not_of(" :", at + pattern.size());
    if (at != std::string_view::npos) return header.substr(at);
  }
  throw_bad(name, std::string("the NPY header has no '") + key + "'");
}

Header parse_header(std::string_view text, const std::string& name) {
  Header header;
  const std::string_view dtype = after_key(text, "descr", name);
  if (dtype[0] != '\'' && dtype[0] != '"') {
    throw DataError(name + ": a structured dtype is not supported; save one plain array a file");
  }
  header.dtype = dtype.substr(1, dtype.find(dtype[0], 1) - 1);
  header.fortran_order = after_key(text, "fortran_order", name).starts_with("True");
  std::string_view shape = after_key(text, "shape", name);
  const size_t close = shape.find(')');
  if (shape[0] != '(' || close == std::string_view::npos) throw_bad(name, "the NPY header's shape cannot be read");
  shape = shape.substr(1, close - 1);
  while (true) {
    const size_t digit = shape.find_first_of("0123456789");
    if (digit == std::string_view::npos) return header;
    int64_t size = 0;
    const auto [end, error] = std::from_chars(shape.data() + digit, shape.data() + shape.size(), size);
    if (error != std::errc()) throw_bad(name, "the NPY header's shape cannot be read");
    header.shape.push_back(size);
    shape.remove_prefix(static_cast<size_t>(end - shape.data()));
  }
}

template <class T>
void convert(std::string_view data, std::vector<double>& out) {
  for (size_t i = 0; i < out.size(); ++i) {
    T value;
    std::memcpy(&value, data.data() + i * sizeof(T), sizeof(T));
    out[i] = static_cast<double>(value);
  }
}

struct DType {
  const char* name;
  size_t size_bytes;
  void (*convert)(std::string_view, std::vector<double>&);
};

constexpr DType kDTypes[] = {
    {"<f4", 4, convert<float>},    {"<f8", 8, convert<double>},   {"|i1", 1, convert<int8_t>},
    {"<i2", 2, convert<int16_t>},  {"<i4", 4, convert<int32_t>},  {"<i8", 8, convert<int64_t>},
    {"|u1", 1, convert<uint8_t>},  {"<u2", 2, convert<uint16_t>}, {"<u4", 4, convert<uint32_t>},
    {"<u8", 8, convert<uint64_t>}, {"|b1", 1, convert<uint8_t>},
};

const DType& find_dtype(const std::string& wanted, const std::string& name) {
  for (const auto& each : kDTypes) {
    if (wanted == each.name || (each.size_bytes == 1 && wanted.substr(1) == each.name + 1)) return each;
  }
  throw DataError(name + ": dtype '" + wanted +
                  "' is not supported; convert it to float32, float64, an integer type or bool in "
                  "little-endian order, with array.astype('float32')");
}

std::vector<double> row_major(const std::vector<double>& values, const std::vector<int64_t>& shape) {
  std::vector<double> out(values.size());
  std::vector<int64_t> index(shape.size(), 0);
  std::vector<size_t> stride(shape.size(), 1);
  for (size_t d = shape.size() - 1; d > 0; --d) stride[d - 1] = stride[d] * static_cast<size_t>(shape[d]);
  size_t to = 0;
  for (const double value : values) {  // the first dimension runs fastest in the file
    out[to] = value;
    for (size_t d = 0; d < shape.size(); ++d) {
      to += stride[d];
      if (++index[d] < shape[d]) break;
      to -= stride[d] * static_cast<size_t>(shape[d]);
      index[d] = 0;
    }
  }
  return out;
}

}  // namespace

NpyArray read_npy(std::string_view bytes, const std::string& name) {
  if (!bytes.starts_with("\x93NUMPY")) throw_bad(name, "is not an NPY file");
  if (bytes.size() < 10) throw_bad(name, "is cut short within its header");
  const int version = bytes[6];
  if (version < 1 || version > 3) {
    throw DataError(name + ": NPY version " + std::to_string(version) +
                    " is not known; write it with version 1, 2 or 3");
  }
  uint32_t header_size = 0;
  const size_t length_bytes = version == 1 ? 2 : 4;
  const size_t header_begin = 8 + length_bytes;
  if (bytes.size() < header_begin) throw_bad(name, "is cut short within its header");
  std::memcpy(&header_size, bytes.data() + 8, length_bytes);
  if (bytes.size() - header_begin < header_size) throw_bad(name, "is cut short within its header");
  const Header header = parse_header(bytes.substr(header_begin, header_size), name);
  const DType& dtype = find_dtype(header.dtype, name);

  const std::string_view data = bytes.substr(header_begin + header_size);
  size_t count = 1;
  for (const auto size : header.shape) {
    if (size != 0 && count > data.size() / static_cast<size_t>(size)) {
      count = data.size() + 1;  // more than there can be; says so below, without overflow
      break;
    }
    count *= static_cast<size_t>(size);
  }
  if (count > data.size() / dtype.size_bytes) {
    throw_bad(name, "is cut short: its header promises more values than the " + std::to_string(data.size()) +
                        " bytes of data hold");
  }
  NpyArray array;
  array.shape = header.shape;
  array.values.resize(count);
  dtype.convert(data, array.values);
  if (header.fortran_order && header.shape.size() > 1 && count > 0) {
    array.values = row_major(array.values, header.shape);
  }
  return array;
}

}  // namespace lockstep::models
