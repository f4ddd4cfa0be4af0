#pragma once

#include <string>

namespace lockstep {

/// `text` with the bytes that are not UTF-8 replaced by U+FFFD, for formats whose readers refuse them.
std::string as_utf8(const std::string& text);

}  // namespace lockstep
