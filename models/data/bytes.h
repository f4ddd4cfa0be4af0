#pragma once

#include <string>
#include <string_view>

namespace lockstep::models {

/// The bytes of a file, decompressed when they are gzip. Throws DataError when the file is missing, unreadable, a
/// folder, named `.gz` without being gzip, or damaged.
std::string read_bytes(const std::string& path);

/// Decompresses gzip, several members included. `name` is for messages. Throws DataError when damaged or cut short.
std::string gunzip(std::string_view bytes, const std::string& name);

/// Decompresses a deflate stream without a header, as zip files have it, to exactly `size_bytes`. Throws DataError when it
/// comes to another size, is damaged or cut short.
std::string inflate_raw(std::string_view bytes, size_t size_bytes, const std::string& name);

}  // namespace lockstep::models
