#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "models/data/prepare.h"

namespace lockstep::models {

/// Prepares a text for a language model that reads characters (code points of UTF-8).
///
/// The first part of the text, contiguous, is for training, the next for validation, the last for the test: neighbouring
/// sentences are too much alike to be shuffled. Each part is cut into windows of `context` characters, one behind the
/// other, whose targets are the same moved on by one, so that every character (but a part's first) is predicted once; what
/// is left over at a part's end is left out. Line ends are LF; a byte-order mark is no character.
///
/// The vocabulary is the training part's, in ascending order. What other parts have beyond it is one character more,
/// "(unknown)", there only when it is needed.
///
/// @param name the file, for messages
/// Throws DataError for a text that is not UTF-8, too short for a window in each part, or of one character alone.
PreparedData prepare_text(std::string_view text, int64_t context, const SplitOptions& split, const std::string& name);

}  // namespace lockstep::models
