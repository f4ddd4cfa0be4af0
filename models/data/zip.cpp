#include "models/data/zip.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include <zlib.h>

#include <lockstep/error.h>

#include "models/data/bytes.h"

namespace lockstep::models {

static_assert(std::endian::native == std::endian::little, "numbers are copied from the file as they lie");

namespace {

template <class T>
T number(std::string_view bytes, size_t at) {
  T out;
  std::memcpy(&out, bytes.data() + at, sizeof(T));
  return out;
}

constexpr std::string_view kEnd = "PK\5\6", kEnd64 = "PK\6\6", kEnd64Locator = "PK\6\7", kEntry = "PK\1\2",
                           kLocal = "PK\3\4";
constexpr size_t kEndSize = 22, kEnd64Size = 56, kLocatorSize = 20, kEntrySize = 46, kLocalSize = 30;
constexpr uint32_t kIn64 = 0xffffffff;  // the number is in the zip64 field
constexpr uint16_t kZip64 = 1;

}  // namespace

// Bounds are checked as `size > total - offset`, which cannot overflow, whatever a damaged file says.
std::string_view ZipReader::at(uint64_t offset, uint64_t size) const {
  if (offset > bytes_.size() || size > bytes_.size() - offset) {
    throw DataError(name_ + ": the zip file is damaged or cut short; write it again with numpy.savez");
  }
  return bytes_.substr(offset, size);
}

ZipReader::ZipReader(std::string_view bytes, std::string name) : bytes_(bytes), name_(std::move(name)) {
  const size_t end = bytes.rfind(kEnd);
  if (end == std::string_view::npos) {
    throw DataError(name_ + (bytes.starts_with("PK") ? ": the zip file is cut short; write it again with numpy.savez"
                                                     : ": is not an NPZ file; write it with numpy.savez"));
  }
  const std::string_view tail = at(end, kEndSize);
  uint64_t n_entries = number<uint16_t>(tail, 10);
  uint64_t offset = number<uint32_t>(tail, 16);
  if (end >= kLocatorSize && bytes.substr(end - kLocatorSize).starts_with(kEnd64Locator)) {
    const std::string_view tail64 = at(number<uint64_t>(bytes, end - kLocatorSize + 8), kEnd64Size);
    if (!tail64.starts_with(kEnd64)) throw DataError(name_ + ": the zip file is damaged; write it again with numpy.savez");
    n_entries = number<uint64_t>(tail64, 32);
    offset = number<uint64_t>(tail64, 48);
  }
  for (uint64_t i = 0; i < n_entries; ++i) {
    const std::string_view head = at(offset, kEntrySize);
    if (!head.starts_with(kEntry)) throw DataError(name_ + ": the zip file is damaged; write it again with numpy.savez");
    Entry entry;
    entry.flags = number<uint16_t>(head, 8);
    entry.method = number<uint16_t>(head, 10);
    entry.crc = number<uint32_t>(head, 16);
    entry.packed_size = number<uint32_t>(head, 20);
    entry.size = number<uint32_t>(head, 24);
    const size_t name_size = number<uint16_t>(head, 28), extra_size = number<uint16_t>(head, 30),
                 comment_size = number<uint16_t>(head, 32);
    entry.offset = number<uint32_t>(head, 42);
    names_.emplace_back(at(offset + kEntrySize, name_size));
    std::string_view extra = at(offset + kEntrySize + name_size, extra_size);
    while (extra.size() >= 4) {
      const uint16_t id = number<uint16_t>(extra, 0);
      std::string_view field = extra.substr(4, number<uint16_t>(extra, 2));
      extra.remove_prefix(std::min(extra.size(), 4 + field.size()));
      if (id != kZip64) continue;
      for (uint64_t* each : {&entry.size, &entry.packed_size, &entry.offset}) {  // those alone that did not fit, in order
        if (*each != kIn64 || field.size() < 8) continue;
        *each = number<uint64_t>(field, 0);
        field.remove_prefix(8);
      }
    }
    entries_.push_back(entry);
    offset += kEntrySize + name_size + extra_size + comment_size;
  }
}

std::string ZipReader::read(const std::string& member) const {
  const auto found = std::find(names_.begin(), names_.end(), member);
  if (found == names_.end()) throw DataError(name_ + ": has no member '" + member + "'");
  const Entry& entry = entries_[static_cast<size_t>(found - names_.begin())];
  const std::string place = name_ + ", " + member;
  if ((entry.flags & 1) != 0) throw DataError(place + ": is encrypted; write it with numpy.savez");
  const std::string_view local = at(entry.offset, kLocalSize);
  if (!local.starts_with(kLocal)) throw DataError(place + ": the zip file is damaged; write it again with numpy.savez");
  const uint64_t begin =
      entry.offset + kLocalSize + number<uint16_t>(local, 26) + uint64_t{number<uint16_t>(local, 28)};
  const std::string_view packed = at(begin, entry.packed_size);
  std::string out;
  if (entry.method == 0) {
    out = packed;
  } else if (entry.method == 8) {
    out = inflate_raw(packed, entry.size, place);
  } else {
    throw DataError(place + ": is compressed by method " + std::to_string(entry.method) +
                    ", which is not supported; write it with numpy.savez or numpy.savez_compressed");
  }
  const auto crc = crc32_z(0, reinterpret_cast<const Bytef*>(out.data()), out.size());
  if (out.size() != entry.size || crc != entry.crc) {
    throw DataError(place + ": its checksum is wrong, the file is damaged; write it again with numpy.savez");
  }
  return out;
}

}  // namespace lockstep::models
