#include "models/data/split.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include <lockstep/error.h>

namespace lockstep::models {

namespace {

/// SplitMix64 (Steele, Lea, Flood 2014). std::shuffle may give another order with each standard library.
class Shuffler {
 public:
  explicit Shuffler(uint64_t seed) : state_(seed) {}

  void shuffle(std::vector<int64_t>& rows) {
    for (size_t i = rows.size(); i > 1; --i) std::swap(rows[i - 1], rows[below(i)]);
  }

 private:
  uint64_t next() {
    uint64_t z = state_ += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  /// Uniform in [0, n): numbers of the last, incomplete stretch are drawn again.
  uint64_t below(uint64_t n) {
    const uint64_t limit = UINT64_MAX - UINT64_MAX % n;
    uint64_t draw = next();
    while (draw >= limit) draw = next();
    return draw % n;
  }

  uint64_t state_;
};

int64_t n_parts(const SplitOptions& options) { return options.test_fraction > 0 ? 3 : 2; }

/// Deals `rows` out, each part at least one; needs as many rows as parts.
void deal(std::vector<int64_t> rows, const SplitOptions& options, Shuffler& shuffler, Split& split) {
  shuffler.shuffle(rows);
  const auto n = static_cast<int64_t>(rows.size());
  const auto share = [n](double fraction) {
    return std::max<int64_t>(1, std::llround(static_cast<double>(n) * fraction));
  };
  int64_t n_validation = share(options.validation_fraction);
  int64_t n_test = options.test_fraction > 0 ? share(options.test_fraction) : 0;
  while (n_validation + n_test >= n) --(n_validation > n_test ? n_validation : n_test);
  const auto first_test = rows.begin() + n_validation;
  const auto first_train = first_test + n_test;
  split.validation.insert(split.validation.end(), rows.begin(), first_test);
  split.test.insert(split.test.end(), first_test, first_train);
  split.train.insert(split.train.end(), first_train, rows.end());
}

Split ascending(Split split) {
  for (auto* part : {&split.train, &split.validation, &split.test}) std::sort(part->begin(), part->end());
  return split;
}

}  // namespace

Split split_rows(int64_t n_rows, const SplitOptions& options, const std::string& name) {
  if (n_rows < n_parts(options)) {
    throw DataError(name + ": " + std::to_string(n_rows) + " usable rows are too few; splitting needs at least " +
                    std::to_string(n_parts(options)));
  }
  std::vector<int64_t> rows(static_cast<size_t>(n_rows));
  std::iota(rows.begin(), rows.end(), 0);
  Split split;
  Shuffler shuffler(options.seed);
  deal(std::move(rows), options, shuffler, split);
  return ascending(std::move(split));
}

Split split_stratified(const std::vector<int64_t>& labels, const std::vector<std::string>& classes,
                       const SplitOptions& options, const std::string& name) {
  std::vector<std::vector<int64_t>> rows(classes.size());
  for (size_t i = 0; i < labels.size(); ++i) rows[static_cast<size_t>(labels[i])].push_back(static_cast<int64_t>(i));
  Split split;
  Shuffler shuffler(options.seed);
  for (size_t c = 0; c < classes.size(); ++c) {
    if (static_cast<int64_t>(rows[c].size()) < n_parts(options)) {
      throw DataError(name + ": class '" + classes[c] + "' has " + std::to_string(rows[c].size()) +
                      " of the rows, too few to have one in each of the " + std::to_string(n_parts(options)) +
                      " parts; add examples, drop its rows, or say `task: regression` if the target is a quantity");
    }
    deal(std::move(rows[c]), options, shuffler, split);
  }
  return ascending(std::move(split));
}

std::vector<int64_t> sample_rows(int64_t n_rows, int64_t n_taken, uint64_t seed) {
  std::vector<int64_t> rows(static_cast<size_t>(n_rows));
  std::iota(rows.begin(), rows.end(), 0);
  Shuffler shuffler(seed);
  shuffler.shuffle(rows);
  rows.resize(static_cast<size_t>(n_taken));
  std::sort(rows.begin(), rows.end());
  return rows;
}

}  // namespace lockstep::models
