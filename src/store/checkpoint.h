#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <lockstep/executor.h>
#include <lockstep/sweep.h>

#include "core/atomic_file.h"

namespace lockstep {

/// What a checkpoint says beside weights. Reports and decisions are the database's.
struct CheckpointHeader {
  std::vector<TickTime> times;  ///< of the intervals of the loop so far
  BestTrial kept;               ///< whose weights are kept, and as they were when
};

/// A new checkpoint of a folder: beside the one before until `commit`, and then instead of it. Throws OutputError when
/// it cannot be written, and what `Executor::save` throws.
class CheckpointWriter {
 public:
  CheckpointWriter(const std::string& directory, const CheckpointHeader& header, const Executor& executor);
  void commit() { file_.commit(); }

 private:
  AtomicFile file_;
};

/// A folder's checkpoint, opened for reading.
class Checkpoint {
 public:
  /// Null when the folder has none. Throws OutputError, with the cure, when it is damaged or of another version.
  static std::unique_ptr<Checkpoint> open(const std::string& directory);
  ~Checkpoint();

  const CheckpointHeader& header() const { return header_; }
  int64_t n_ticks() const { return static_cast<int64_t>(header_.times.size()); }
  /// What `Executor::save` wrote, from its beginning. The checkpoint must outlive it.
  ByteSource saved();

 private:
  explicit Checkpoint(std::string path);
  void read(void* data, size_t size_bytes);
  void check_sum();
  [[noreturn]] void refuse(const std::string& problem) const;

  std::string path_;
  int descriptor_ = -1;
  int64_t readable_end_ = 0;  ///< where the checksum stands, once it is checked
  int64_t saved_begin_ = 0;
  int64_t at_ = 0;
  CheckpointHeader header_;
};

}  // namespace lockstep
