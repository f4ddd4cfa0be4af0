#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace lockstep::models {

/// The members of a zip file in memory, as numpy.savez writes one: stored or deflated, zip64 too.
class ZipReader {
 public:
  /// Reads the central directory. @param bytes must outlive the reader; @param name the file, for messages.
  /// Throws DataError when it is not a zip file, damaged or cut short.
  ZipReader(std::string_view bytes, std::string name);

  const std::vector<std::string>& names() const { return names_; }
  /// A member's content, its checksum compared. Throws DataError when there is none of that name (in a file that has it
  /// twice, the first), when it is encrypted or compressed in another way, and when it is damaged.
  std::string read(const std::string& member) const;

 private:
  struct Entry {
    uint16_t flags = 0;
    uint16_t method = 0;
    uint32_t crc = 0;
    uint64_t packed_size = 0;
    uint64_t size = 0;
    uint64_t offset = 0;  ///< of its local header
  };

  std::string_view at(uint64_t offset, uint64_t size) const;

  std::string_view bytes_;
  std::string name_;
  std::vector<std::string> names_;
  std::vector<Entry> entries_;
};

}  // namespace lockstep::models
