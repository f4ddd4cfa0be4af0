#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "torch/tile.h"

namespace lockstep {

/// Where trials of one cohort train together: their tile, and the changes that it is still to go through. Changes are only noted
/// until `settle`, which the worker that trains the place next calls: so newcomers are built and rows moved on all cores at once.
class Place {
 public:
  explicit Place(size_t cohort) : cohort_(cohort) {}
  /// With trials that train already.
  Place(size_t cohort, std::unique_ptr<Tile> tile);

  size_t cohort() const { return cohort_; }
  /// Who is here from now on; in no order.
  const std::vector<int64_t>& trials() const { return trials_; }
  int64_t n_trials() const { return static_cast<int64_t>(trials_.size()); }

  /// A trial that is to start with fresh weights.
  void add(int64_t trial) { trials_.push_back(trial); }
  void drop(int64_t trial);
  /// All trials of another place of the cohort, which is left empty.
  void merge(Place& other);

  /// Brings the tile to the state of `trials()`: newcomers take the rows of those that left, then rows are added or closed
  /// up. Where steps are recorded, some rows of trials that left may go on.
  void settle(const TileSource& source);
  /// Half of the trials, in a place of their own. Both places are settled.
  std::unique_ptr<Place> split(const TileSource& source);

  /// The trials' tile; null until the first `settle`. It may hold trials that were dropped, and none that were added since.
  Tile* tile() const { return tile_.get(); }
  /// What the trials here, all of which have trained, need to go on elsewhere.
  SavedRows save() const;
  /// The tile's slot of a trial. Throws std::logic_error when it is not there.
  int64_t slot_of(int64_t trial) const;
  /// Every age that a trial here may have, 0 for newcomers among them.
  std::vector<int64_t> ages() const;

  double seconds = 0;  ///< that its last interval took; 0: not known

 private:
  size_t cohort_;
  std::vector<int64_t> trials_;
  std::unique_ptr<Tile> tile_;
  std::vector<std::unique_ptr<Tile>> merged_;  ///< tiles of places that were merged into this one
};

}  // namespace lockstep
