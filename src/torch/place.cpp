#include "torch/place.h"

#include <algorithm>
#include <set>
#include <stdexcept>

namespace lockstep {
namespace {

/// Of the rows of a tile whose steps are recorded, at most one in so many trains on for nobody.
constexpr size_t kLargestIdleShare = 4;

}  // namespace

Place::Place(size_t cohort, std::unique_ptr<Tile> tile)
    : cohort_(cohort), trials_(tile->trials()), tile_(std::move(tile)) {}

SavedRows Place::save() const {
  std::vector<int64_t> slots;
  for (const auto trial : trials_) slots.push_back(slot_of(trial));
  std::sort(slots.begin(), slots.end());
  return tile_->save(slots);
}

void Place::drop(int64_t trial) {
  const auto at = std::find(trials_.begin(), trials_.end(), trial);
  if (at == trials_.end()) throw std::logic_error("trial " + std::to_string(trial) + " is not in this place");
  seconds *= static_cast<double>(trials_.size() - 1) / static_cast<double>(trials_.size());
  *at = trials_.back();
  trials_.pop_back();
}

void Place::merge(Place& other) {
  trials_.insert(trials_.end(), other.trials_.begin(), other.trials_.end());
  other.trials_.clear();
  if (other.tile_) merged_.push_back(std::move(other.tile_));
  for (auto& tile : other.merged_) merged_.push_back(std::move(tile));
  other.merged_.clear();
  seconds += other.seconds;
}

void Place::settle(const TileSource& source) {
  std::set<int64_t> newcomers(trials_.begin(), trials_.end());
  // Takes the trials of a tile off the newcomers; returns the slots of those that are wanted, and those of the others.
  const auto sort_out = [&](const Tile& tile) {
    std::pair<std::vector<int64_t>, std::vector<int64_t>> slots;
    for (int64_t slot = 0; slot < tile.n_trials(); ++slot) {
      const bool stays = newcomers.erase(tile.trials()[static_cast<size_t>(slot)]) != 0;
      (stays ? slots.first : slots.second).push_back(slot);
    }
    return slots;
  };

  std::vector<int64_t> holes;
  if (tile_) holes = sort_out(*tile_).second;
  std::vector<std::unique_ptr<Tile>> incoming;
  for (auto& tile : merged_) {
    const auto [wanted, left] = sort_out(*tile);
    if (wanted.empty()) continue;
    if (!left.empty()) tile->keep_slots(wanted);
    incoming.push_back(std::move(tile));
  }
  merged_.clear();
  if (!newcomers.empty()) {
    const std::vector<int64_t> ids(newcomers.begin(), newcomers.end());
    incoming.push_back(std::make_unique<Tile>(source, ids));
  }
  for (auto& tile : incoming) {
    if (!tile_) {
      tile_ = std::move(tile);
      continue;
    }
    const size_t n_filled = std::min(holes.size(), static_cast<size_t>(tile->n_trials()));
    tile_->take_over(*tile, std::span(holes).first(n_filled));
    holes.erase(holes.begin(), holes.begin() + static_cast<std::ptrdiff_t>(n_filled));
  }
  if (!tile_ || holes.empty()) return;
  // A recorded step costs several steps to record anew; a row that nobody needs costs its share of each.
  const auto n_rows = static_cast<size_t>(tile_->n_trials());
  if (tile_->records_steps() && kLargestIdleShare * holes.size() <= n_rows) return;
  std::vector<int64_t> slots;
  for (int64_t slot = 0; slot < tile_->n_trials(); ++slot) {
    if (!std::binary_search(holes.begin(), holes.end(), slot)) slots.push_back(slot);
  }
  tile_->keep_slots(slots);
}

std::unique_ptr<Place> Place::split(const TileSource& source) {
  settle(source);
  auto half = std::make_unique<Place>(cohort_);
  half->trials_.assign(trials_.begin() + n_trials() / 2, trials_.end());
  half->tile_ = std::make_unique<Tile>(source, half->trials_);
  for (int64_t slot = 0; slot < half->n_trials(); ++slot) {
    half->tile_->copy_weights(slot, *tile_, slot_of(half->trials_[static_cast<size_t>(slot)]));
  }
  half->seconds = seconds * static_cast<double>(half->n_trials()) / static_cast<double>(n_trials());
  for (const auto trial : half->trials_) drop(trial);
  settle(source);
  return half;
}

int64_t Place::slot_of(int64_t trial) const {
  if (tile_) {
    const auto at = std::find(tile_->trials().begin(), tile_->trials().end(), trial);
    if (at != tile_->trials().end()) return at - tile_->trials().begin();
  }
  throw std::logic_error("trial " + std::to_string(trial) + " is not training");
}

std::vector<int64_t> Place::ages() const {
  std::vector<int64_t> out;
  if (tile_) out = tile_->ages();
  for (const auto& tile : merged_) out.insert(out.end(), tile->ages().begin(), tile->ages().end());
  out.push_back(0);
  return out;
}

}  // namespace lockstep
