#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

namespace lockstep {

/// What trials' best metrics gain from one age to the next, so that a trial which was stopped can be compared with others
/// as it did at equal age.
class Gains {
 public:
  /// A trial's best was larger by `gain` after interval `age` than after the one before; age > 1.
  void add(int64_t age, double gain) {
    by_age_.resize(std::max(by_age_.size(), static_cast<size_t>(age) + 1));
    by_age_[static_cast<size_t>(age)].push_back(gain);
  }

  /// [age] what is gained on average after that age until the oldest that any trial has reached; no more after those.
  std::vector<double> after() {
    std::vector<double> out(by_age_.size(), 0);
    for (size_t age = by_age_.size(); age-- > 1;) out[age - 1] = out[age] + middle_mean(by_age_[age]);
    return out;
  }

 private:
  /// The mean of the middle half: a loss that fell from a million says little of the others.
  static double middle_mean(std::vector<double>& values) {
    const auto n = static_cast<std::ptrdiff_t>(values.size());
    if (n == 0) return 0;
    const auto first = values.begin() + n / 4, last = values.end() - n / 4;
    std::nth_element(values.begin(), first, values.end());
    if (last != values.end()) std::nth_element(first, last, values.end());
    double sum = 0;
    for (auto each = first; each != last; ++each) sum += *each;
    return sum / static_cast<double>(last - first);
  }

  std::vector<std::vector<double>> by_age_;
};

}  // namespace lockstep
