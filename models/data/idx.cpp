#include "models/data/idx.h"

#include <bit>
#include <cstring>
#include <limits>

#include <lockstep/error.h>

namespace lockstep::models {

static_assert(std::endian::native == std::endian::little, "numbers are swapped");

namespace {

constexpr size_t kMostDims = 8;

[[noreturn]] void throw_bad(const std::string& name, const std::string& problem) {
  throw DataError(name + ": " + problem + "; fetch the IDX file again (it may be gzipped), or save the array as NPY");
}

template <class T>
void convert(const char* data, std::vector<double>& out) {
  for (size_t i = 0; i < out.size(); ++i) {
    char swapped[sizeof(T)];
    for (size_t b = 0; b < sizeof(T); ++b) swapped[b] = data[i * sizeof(T) + sizeof(T) - 1 - b];
    T value;
    std::memcpy(&value, swapped, sizeof(T));
    out[i] = static_cast<double>(value);
  }
}

struct Type {
  int code;
  size_t size_bytes;
  void (*convert)(const char*, std::vector<double>&);
};

constexpr Type kTypes[] = {{0x08, 1, convert<uint8_t>}, {0x09, 1, convert<int8_t>}, {0x0B, 2, convert<int16_t>},
                           {0x0C, 4, convert<int32_t>}, {0x0D, 4, convert<float>},  {0x0E, 8, convert<double>}};

uint32_t big_endian(const std::string& bytes, size_t at) {
  uint32_t out = 0;
  for (size_t i = 0; i < 4; ++i) out = out << 8 | static_cast<unsigned char>(bytes[at + i]);
  return out;
}

}  // namespace

Array read_idx(std::string bytes, const std::string& name) {
  if (bytes.size() < 4) throw_bad(name, "is cut short within its header");
  const Type* type = nullptr;
  for (const auto& each : kTypes) {
    if (each.code == bytes[2]) type = &each;
  }
  const auto n_dims = static_cast<size_t>(static_cast<unsigned char>(bytes[3]));
  if (bytes[0] != 0 || bytes[1] != 0 || type == nullptr || n_dims == 0 || n_dims > kMostDims) {
    throw_bad(name, "is not an IDX file (those begin with two zeros, a type and a number of dimensions)");
  }
  const size_t header_size = 4 + 4 * n_dims;
  if (bytes.size() < header_size) throw_bad(name, "is cut short within its header");
  Array out;
  const size_t most = (bytes.size() - header_size) / type->size_bytes;
  size_t count = 1;
  for (size_t d = 0; d < n_dims; ++d) {
    const uint32_t size = big_endian(bytes, 4 + 4 * d);
    out.shape.push_back(size);
    // Whatever is more than there can be stays so: no overflow.
    count = size != 0 && count > most / size ? most + 1 : count * size;
  }
  if (count != most || (bytes.size() - header_size) % type->size_bytes != 0) {
    throw_bad(name, std::string("is ") + (count > most ? "cut short" : "longer than it should be") + ": its header says " +
                        shape_text(out.shape) + " values of " + std::to_string(type->size_bytes) + " byte" +
                        (type->size_bytes > 1 ? "s" : "") + ", and " + std::to_string(bytes.size() - header_size) +
                        " bytes follow it");
  }
  if (type->code == 0x08) {
    bytes.erase(0, header_size);
    out.bytes = std::move(bytes);
  } else {
    out.numbers.resize(count);
    type->convert(bytes.data() + header_size, out.numbers);
  }
  return out;
}

}  // namespace lockstep::models
