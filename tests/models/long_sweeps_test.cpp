// The sweeps of examples/ that take minutes, behind the label `long`: what comes of them on real data.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <vector>

#include <gtest/gtest.h>
#include <lockstep/error.h>
#include <lockstep/models/dataset.h>
#include <lockstep/models/task_registry.h>
#include <lockstep/torch/sweep.h>

namespace lockstep::models {
namespace {

SweepSpec example(const std::string& name, const std::vector<Override>& overrides = {}) {
  return load_sweep_file(std::string(LOCKSTEP_SOURCE_DIR) + "/examples/" + name + ".yml", overrides);
}

TaskSweep run(const SweepSpec& spec) {
  const auto task = make_task(spec);
  for (const auto& note : task->notes()) std::printf("%s\n", note.c_str());
  const TaskSweep sweep = run_sweep(*task, spec);
  const auto& result = sweep.result;
  std::printf("%s %.4f of trial %ld at interval %ld; test %.4f\n", spec.objective.primary_metric.c_str(),
              result.best.metric, static_cast<long>(result.best.trial), static_cast<long>(result.best.interval),
              result.test_metric.value_or(NAN));
  std::printf("%ld trials, %ld of them stopped, %ld trial-epochs\n", static_cast<long>(result.progress.n_trials),
              static_cast<long>(result.progress.n_stopped), static_cast<long>(result.progress.trial_intervals));
  return sweep;
}

/// The first file of a folder whose name has both words.
std::string find_file(const std::filesystem::path& folder, const std::string& part, const std::string& content) {
  std::vector<std::string> found;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (name.find(part) != std::string::npos && name.find(content) != std::string::npos) {
      found.push_back(entry.path().string());
    }
  }
  std::sort(found.begin(), found.end());
  return found.empty() ? "" : found.front();
}

// With LOCKSTEP_MNIST_DIR naming a folder of MNIST's IDX files: those of the training part with `train`, `images` and
// `labels` in their names, those of the test part with `t10k` or `test`.
TEST(LongSweeps, DISABLED_LeNetLearnsMnist) {
  const char* const folder = std::getenv("LOCKSTEP_MNIST_DIR");
  if (folder == nullptr) GTEST_SKIP() << "set LOCKSTEP_MNIST_DIR to a folder of MNIST's IDX files";
  std::vector<Override> files;
  const auto name_files = [&](const std::string& key, const std::vector<std::string>& parts) {
    for (const auto& part : parts) {
      if (find_file(folder, part, "images").empty()) continue;
      files.push_back({"trial.dataset." + key + ".inputs", find_file(folder, part, "images")});
      files.push_back({"trial.dataset." + key + ".targets", find_file(folder, part, "labels")});
      return;
    }
    FAIL() << "no IDX file of images with one of these names is in " << folder << ": " << ::testing::PrintToString(parts);
  };
  name_files("idx", {"mnist_train", "train"});
  name_files("test", {"t10k", "mnist_test", "test"});
  const SweepSpec spec = example("mnist_lenet", files);
  const TaskSweep sweep = run(spec);
  EXPECT_EQ(sweep.result.progress.n_trials, 64);
  EXPECT_GE(sweep.result.best.metric, 0.98);
}

/// The characters of a part, one after the other.
std::vector<int64_t> characters_of(const PreparedPart& part) {
  std::vector<int64_t> out = part.tokens;
  out.push_back(part.labels.back());
  return out;
}

/// A character 3-gram: the mixture of what followed the last two characters, the last one, none, and a uniform part,
/// weighted by how often the last two were seen (Jelinek and Mercer 1980; buckets as in Chen and Goodman 1999, section
/// 2.3). The weights are fitted by EM on a tenth of the text that was not counted; then all of it is counted.
class ThreeGram {
 public:
  ThreeGram(const std::vector<int64_t>& text, size_t n_characters) : n_characters_(n_characters) {
    const auto held_out = text.begin() + static_cast<int64_t>(text.size() * 9 / 10);
    count({text.begin(), held_out});
    for (auto& each : weights_) each.fill(0.25);
    const std::vector<int64_t> fitted_on(held_out, text.end());
    for (int step = 0; step < 60; ++step) {
      std::array<std::array<double, 4>, kBuckets> sums{};
      for (size_t i = 2; i < fitted_on.size(); ++i) {
        const auto [bucket, parts] = look(fitted_on, i);
        double total = 0;
        for (size_t k = 0; k < 4; ++k) total += weights_[bucket][k] * parts[k];
        for (size_t k = 0; k < 4; ++k) sums[bucket][k] += weights_[bucket][k] * parts[k] / total;
      }
      for (size_t b = 0; b < kBuckets; ++b) {
        const double total = sums[b][0] + sums[b][1] + sums[b][2] + sums[b][3];
        if (total == 0) continue;
        for (size_t k = 0; k < 4; ++k) weights_[b][k] = sums[b][k] / total;
      }
    }
    count(text);
  }

  /// Mean of -log p over the characters of a text but the first two.
  double loss(const std::vector<int64_t>& text) const {
    double sum = 0;
    for (size_t i = 2; i < text.size(); ++i) {
      const auto [bucket, parts] = look(text, i);
      double p = 0;
      for (size_t k = 0; k < 4; ++k) p += weights_[bucket][k] * parts[k];
      sum -= std::log(p);
    }
    return sum / static_cast<double>(text.size() - 2);
  }

 private:
  static constexpr size_t kBuckets = 12;  // of powers of two

  void count(const std::vector<int64_t>& text) {
    counts_.clear();
    for (size_t i = 0; i < text.size(); ++i) {
      for (size_t before = 0; before <= std::min<size_t>(2, i); ++before) {
        const std::vector<int64_t> context(text.begin() + static_cast<int64_t>(i - before), text.begin() + static_cast<int64_t>(i));
        auto& [total, followers] = counts_[context];
        ++total;
        ++followers[text[i]];
      }
    }
  }

  struct Look {
    size_t bucket;
    std::array<double, 4> parts;  ///< the probability by each of the mixture's parts
  };

  Look look(const std::vector<int64_t>& text, size_t i) const {
    Look out{0, {1.0 / static_cast<double>(n_characters_), 0, 0, 0}};
    for (size_t before = 0; before <= 2; ++before) {
      const auto found = counts_.find(
          {text.begin() + static_cast<int64_t>(i - before), text.begin() + static_cast<int64_t>(i)});
      if (found == counts_.end()) {
        out.parts[before + 1] = out.parts[before];  // nothing was seen: what the shorter context says
        continue;
      }
      const auto& [total, followers] = found->second;
      const auto follower = followers.find(text[i]);
      out.parts[before + 1] = follower == followers.end() ? 0 : static_cast<double>(follower->second) / total;
      if (before == 2) out.bucket = 1 + std::min<size_t>(kBuckets - 2, static_cast<size_t>(std::log2(total)));
    }
    return out;
  }

  size_t n_characters_;
  std::map<std::vector<int64_t>, std::pair<double, std::map<int64_t, int64_t>>> counts_;
  std::array<std::array<double, 4>, kBuckets> weights_;
};

TEST(LongSweeps, DISABLED_LanguageModelBeatsThreeGrams) {
  const SweepSpec spec = example("genesis_lm");
  const PreparedData data = load_data(spec).data;
  const ThreeGram baseline(characters_of(data.train), data.classes.size());
  const double loss = baseline.loss(characters_of(data.validation));
  std::printf("3-grams: validation loss %.4f\n", loss);
  EXPECT_GT(loss, 1);  // or it looked at what it was to predict
  EXPECT_LT(loss, 2);
  const TaskSweep sweep = run(spec);
  EXPECT_LT(sweep.result.best.metric, loss);
}

}  // namespace
}  // namespace lockstep::models
