#include "report/forest.h"

#include <algorithm>
#include <numeric>
#include <random>

namespace lockstep {

namespace {

constexpr int64_t kTrees = 64;
constexpr int64_t kMaxRowsOfATree = 4096;  // more change the shares in their third digit, and take longer
constexpr int64_t kMinRowsOfALeaf = 3;
constexpr size_t kAllColumns = 8;  // up to so many are tried at every split, then a third
constexpr int64_t kVarianceSamples = 4096;

/// Below `n`; the same numbers from every standard library, which std::uniform_int_distribution does not give.
int64_t draw(std::mt19937_64& random, int64_t n) {
  return static_cast<int64_t>(random() % static_cast<uint64_t>(n));
}

/// The first `n` of `items` become a random sample of them.
template <class T>
void shuffle_first(std::vector<T>& items, size_t n, std::mt19937_64& random) {
  for (size_t i = 0; i < n; ++i) {
    std::swap(items[i], items[i + static_cast<size_t>(draw(random, static_cast<int64_t>(items.size() - i)))]);
  }
}

struct Node {
  size_t column = 0;
  ForestBins left_bins;  // rows with one of these go to `left`
  int32_t left = -1;     // -1: a leaf
  int32_t right = -1;
  double mean = 0;
};

struct Split {
  size_t column = 0;
  ForestBins left_bins;
  double gain = 0;  // in the sum of squares
};

class Tree {
 public:
  Tree(const std::vector<ForestColumn>& columns, const std::vector<double>& targets, std::vector<int32_t> rows,
       std::mt19937_64& random)
      : columns_(columns), targets_(targets), rows_(std::move(rows)), random_(random), candidates_(columns.size()) {
    std::iota(candidates_.begin(), candidates_.end(), size_t{0});
    n_candidates_ = std::max(std::min(columns.size(), kAllColumns), columns.size() / 3);
    grow(0, rows_.size());
  }

  template <class BinOf>
  double predict(BinOf bin_of) const {
    size_t at = 0;
    while (nodes_[at].left >= 0) {
      const Node& node = nodes_[at];
      at = static_cast<size_t>(node.left_bins[bin_of(node.column)] ? node.left : node.right);
    }
    return nodes_[at].mean;
  }

  /// Adds its mean over all other columns to `marginals` [n_columns][bins].
  void add_marginals(std::vector<std::vector<double>>& marginals) const {
    std::vector<ForestBins> region(columns_.size(), ForestBins().set());
    std::vector<double> weights(columns_.size(), 1);
    std::vector<size_t> path;
    add_marginals(0, 1, region, weights, path, marginals);
  }

 private:
  int32_t grow(size_t begin, size_t end) {
    const auto at = static_cast<int32_t>(nodes_.size());
    nodes_.emplace_back();
    const auto n = static_cast<double>(end - begin);
    double sum = 0;
    for (size_t i = begin; i < end; ++i) sum += targets_[static_cast<size_t>(rows_[i])];
    nodes_.back().mean = sum / n;
    if (end - begin < 2 * kMinRowsOfALeaf) return at;
    const Split split = best_split(begin, end, sum);
    if (split.gain <= 1e-12) return at;
    const auto& bins = columns_[split.column].bins;
    const auto middle = std::stable_partition(rows_.begin() + static_cast<std::ptrdiff_t>(begin),
                                              rows_.begin() + static_cast<std::ptrdiff_t>(end), [&](int32_t row) {
                                                return split.left_bins[bins[static_cast<size_t>(row)]];
                                              });
    const auto cut = static_cast<size_t>(middle - rows_.begin());
    const int32_t left = grow(begin, cut);
    const int32_t right = grow(cut, end);
    Node& node = nodes_[static_cast<size_t>(at)];
    node.column = split.column;
    node.left_bins = split.left_bins;
    node.left = left;
    node.right = right;
    return at;
  }

  Split best_split(size_t begin, size_t end, double sum) {
    Split best;
    if (n_candidates_ < candidates_.size()) shuffle_first(candidates_, n_candidates_, random_);
    const auto n = static_cast<double>(end - begin);
    for (size_t c = 0; c < n_candidates_; ++c) {
      const size_t column = candidates_[c];
      const ForestColumn& data = columns_[column];
      double counts[kMaxForestBins] = {}, sums[kMaxForestBins] = {};
      for (size_t i = begin; i < end; ++i) {
        const auto row = static_cast<size_t>(rows_[i]);
        counts[data.bins[row]] += 1;
        sums[data.bins[row]] += targets_[row];
      }
      uint8_t order[kMaxForestBins];
      size_t n_bins = 0;
      for (size_t bin = 0; bin < data.weights.size(); ++bin) {
        if (counts[bin] > 0) order[n_bins++] = static_cast<uint8_t>(bin);
      }
      // By their means one of the cuts of that order is the best set of categories (Fisher 1958).
      if (!data.is_ordered) {
        std::stable_sort(order, order + n_bins, [&](uint8_t a, uint8_t b) { return sums[a] * counts[b] < sums[b] * counts[a]; });
      }
      double left_count = 0, left_sum = 0;
      ForestBins left_bins;
      for (size_t i = 0; i + 1 < n_bins; ++i) {
        left_count += counts[order[i]];
        left_sum += sums[order[i]];
        left_bins.set(order[i]);
        if (left_count < kMinRowsOfALeaf || n - left_count < kMinRowsOfALeaf) continue;
        const double right_sum = sum - left_sum;
        const double gain = left_sum * left_sum / left_count + right_sum * right_sum / (n - left_count) - sum * sum / n;
        if (gain > best.gain) best = {column, left_bins, gain};
      }
      // Bins that no row of this node has go where their neighbours go: an ordered cut is between two numbers.
      if (best.column == column && data.is_ordered && best.left_bins.any()) {
        size_t last = kMaxForestBins - 1;
        while (!best.left_bins[last]) --last;
        for (size_t bin = 0; bin < last; ++bin) best.left_bins.set(bin);
      }
    }
    return best;
  }

  double weight_of(size_t column, const ForestBins& bins) const {
    const auto& weights = columns_[column].weights;
    double weight = 0;
    for (size_t bin = 0; bin < weights.size(); ++bin) {
      if (bins[bin]) weight += weights[bin];
    }
    return weight;
  }

  void add_marginals(size_t at, double volume, std::vector<ForestBins>& region, std::vector<double>& weights,
                     std::vector<size_t>& path, std::vector<std::vector<double>>& marginals) const {
    const Node& node = nodes_[at];
    if (node.left < 0) {
      // Columns that no split on the way here asked for get the same in every bin, which changes no variance.
      for (const size_t column : path) {
        const double share = node.mean * volume / weights[column];
        for (size_t bin = 0; bin < marginals[column].size(); ++bin) {
          if (region[column][bin]) marginals[column][bin] += share;
        }
      }
      return;
    }
    const ForestBins whole = region[node.column];
    const double whole_weight = weights[node.column];
    const bool is_new = std::find(path.begin(), path.end(), node.column) == path.end();
    if (is_new) path.push_back(node.column);
    for (const bool goes_left : {true, false}) {
      const ForestBins part = whole & (goes_left ? node.left_bins : ~node.left_bins);
      const double weight = weight_of(node.column, part);
      if (weight <= 0) continue;
      region[node.column] = part;
      weights[node.column] = weight;
      add_marginals(static_cast<size_t>(goes_left ? node.left : node.right), volume * weight / whole_weight, region, weights,
                    path, marginals);
    }
    if (is_new) path.pop_back();
    region[node.column] = whole;
    weights[node.column] = whole_weight;
  }

  const std::vector<ForestColumn>& columns_;
  const std::vector<double>& targets_;
  std::vector<int32_t> rows_;
  std::mt19937_64& random_;
  std::vector<size_t> candidates_;
  size_t n_candidates_ = 0;
  std::vector<Node> nodes_;
};

double variance(const std::vector<double>& values, const std::vector<double>& weights) {
  double mean = 0, square = 0;
  for (size_t i = 0; i < values.size(); ++i) mean += weights[i] * values[i];
  for (size_t i = 0; i < values.size(); ++i) square += weights[i] * (values[i] - mean) * (values[i] - mean);
  return square;
}

std::vector<double> equal_weights(size_t n) { return std::vector<double>(n, 1 / static_cast<double>(n)); }

void weigh(ForestColumn& column, size_t n_bins) {
  column.weights.assign(n_bins, 0);
  for (const uint8_t bin : column.bins) column.weights[bin] += 1 / static_cast<double>(column.bins.size());
}

/// Of the rows that some tree was not grown on.
double held_out_r2(const std::vector<double>& targets, const std::vector<double>& sums, const std::vector<int64_t>& counts) {
  double mean = 0, n = 0;
  for (size_t row = 0; row < targets.size(); ++row) {
    if (counts[row] == 0) continue;
    mean += targets[row];
    ++n;
  }
  if (n == 0) return 0;
  mean /= n;
  double error = 0, spread = 0;
  for (size_t row = 0; row < targets.size(); ++row) {
    if (counts[row] == 0) continue;
    const double off = targets[row] - sums[row] / static_cast<double>(counts[row]);
    error += off * off;
    spread += (targets[row] - mean) * (targets[row] - mean);
  }
  return spread > 0 ? 1 - error / spread : 0;
}

}  // namespace

ForestColumn ordered_column(const std::vector<double>& values) {
  const size_t n = values.size();
  std::vector<size_t> order(n);
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return values[a] < values[b]; });
  size_t n_different = n > 0 ? 1 : 0;
  for (size_t i = 1; i < n; ++i) n_different += values[order[i]] != values[order[i - 1]];
  ForestColumn column;
  column.bins.resize(n);
  size_t bin = 0, begin = 0;
  for (size_t i = 0; i < n; ++i) {
    if (i > 0 && values[order[i]] != values[order[i - 1]]) {
      // A new bin for every number where they fit; otherwise when this one has its part of the rows.
      const bool is_full = (i - begin) * (kMaxForestBins - bin) >= n - begin;
      if (n_different <= kMaxForestBins || (is_full && bin + 1 < kMaxForestBins)) {
        ++bin;
        begin = i;
      }
    }
    column.bins[order[i]] = static_cast<uint8_t>(bin);
  }
  weigh(column, bin + 1);
  return column;
}

ForestColumn category_column(const std::vector<int64_t>& categories, int64_t n_categories) {
  std::vector<int64_t> counts(static_cast<size_t>(n_categories), 0);
  for (const int64_t category : categories) ++counts[static_cast<size_t>(category)];
  std::vector<size_t> order(counts.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return counts[a] > counts[b]; });
  std::vector<uint8_t> bin_of(counts.size());
  for (size_t i = 0; i < order.size(); ++i) bin_of[order[i]] = static_cast<uint8_t>(std::min(i, kMaxForestBins - 1));
  ForestColumn column;
  column.is_ordered = false;
  column.bins.reserve(categories.size());
  for (const int64_t category : categories) column.bins.push_back(bin_of[static_cast<size_t>(category)]);
  weigh(column, std::min(order.size(), kMaxForestBins));
  return column;
}

ForestVariance forest_variance(const std::vector<ForestColumn>& columns, const std::vector<double>& targets) {
  const auto n_rows = static_cast<int64_t>(targets.size());
  const int64_t n_grown = std::min(kMaxRowsOfATree, std::max<int64_t>(2, n_rows * 632 / 1000));
  std::mt19937_64 random(20140621);  // any fixed one
  std::vector<Tree> trees;
  trees.reserve(kTrees);
  std::vector<double> held_out_sums(targets.size(), 0);
  std::vector<int64_t> held_out_counts(targets.size(), 0);
  std::vector<std::vector<double>> marginals;
  for (const ForestColumn& column : columns) marginals.emplace_back(column.weights.size(), 0.0);
  std::vector<int32_t> rows(targets.size());
  std::iota(rows.begin(), rows.end(), 0);
  for (int64_t t = 0; t < kTrees; ++t) {
    shuffle_first(rows, static_cast<size_t>(n_grown), random);
    const Tree& tree = trees.emplace_back(columns, targets, std::vector<int32_t>(rows.begin(), rows.begin() + n_grown), random);
    for (auto row = rows.begin() + n_grown; row != rows.end(); ++row) {
      const auto at = static_cast<size_t>(*row);
      held_out_sums[at] += tree.predict([&](size_t column) { return columns[column].bins[at]; });
      ++held_out_counts[at];
    }
    tree.add_marginals(marginals);
  }

  ForestVariance result;
  result.held_out_r2 = held_out_r2(targets, held_out_sums, held_out_counts);
  for (size_t column = 0; column < columns.size(); ++column) {
    for (double& value : marginals[column]) value /= static_cast<double>(kTrees);
    result.of_columns.push_back(variance(marginals[column], columns[column].weights));
  }
  std::vector<double> predictions;
  std::vector<uint8_t> sample(columns.size());
  for (int64_t i = 0; i < kVarianceSamples; ++i) {
    for (size_t column = 0; column < columns.size(); ++column) {
      sample[column] = columns[column].bins[static_cast<size_t>(draw(random, n_rows))];
    }
    double sum = 0;
    for (const Tree& tree : trees) sum += tree.predict([&](size_t column) { return sample[column]; });
    predictions.push_back(sum / static_cast<double>(kTrees));
  }
  result.total = variance(predictions, equal_weights(predictions.size()));
  return result;
}

}  // namespace lockstep
