#pragma once

#include <cstdint>
#include <string>

namespace lockstep {

/// The most bytes that a program's folder may hold, as the reference has it: every trial gets a copy.
inline constexpr int64_t kLargestCode = 300 << 20;

/// Throws InputError when there is no such folder or a snapshot of it would hold more than `kLargestCode`.
void check_code(const std::string& code);

/// Copies a program's folder to `snapshot`, so that all trials of a sweep run the same, whatever is edited meanwhile. Left
/// out are .git, __pycache__, folders that hold a sweep's results, and what the folder's .amlignore names (patterns of the
/// shell, one a line, of names or of paths from the folder; one that ends in '/' of folders alone). A link stays a link, to
/// the same place. Throws as `check_code` does, and OutputError when it cannot be copied.
void take_snapshot(const std::string& code, const std::string& snapshot);

/// Copies a snapshot to the folder that a trial runs in. Throws OutputError.
void make_working_copy(const std::string& snapshot, const std::string& work);

/// Removes from a folder that a trial has run in what is as it was in the snapshot, and folders that are empty then; what
/// the program made or changed stays. What cannot be removed stays too.
void prune_working_copy(const std::string& snapshot, const std::string& work) noexcept;

}  // namespace lockstep
