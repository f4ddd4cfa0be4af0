// Batch norm of many trials' channels. A channel's sums are those of kSumParts parts of it: place p of every plane is in part p % kSumParts, whatever runs them: a
// vector on a host, as many threads on a GPU. Everything of a channel is in the order that its shape gives.
#include <algorithm>

#include "cuda/common/algorithms.h"
#include "cuda/common/device_memory.h"
#include "cuda/common/execution.h"
#include "cuda/layers/lanes.h"

namespace lockstep::LOCKSTEP_BACKEND_NAMESPACE {
namespace {

/// Two sums of each of kLanes parts.
struct PartSums {
  WideLanes<double> first, second;
};

/// Those of all parts of a channel, on a host.
struct ChannelSums {
  static constexpr int kParts = kSumParts / kLanes;
  PartSums parts[kParts];
};

/// A trial's channel, and where it is in the arrays.
struct Channel {
  int64_t trial, channel, index;  ///< index: in [n_trials, n_channels]
  LOCKSTEP_HD_INLINE Channel(const BatchNorm& norm, int64_t a_trial, int64_t a_channel)
      : trial(a_trial), channel(a_channel), index(a_trial * norm.n_channels + a_channel) {}
  LOCKSTEP_HD_INLINE Channel(const BatchNorm& norm, int64_t i)
      : Channel(norm, i / norm.n_channels, i % norm.n_channels) {}
  /// The start of an example's plane.
  LOCKSTEP_HD_INLINE int64_t plane(const BatchNorm& norm, int64_t example, int64_t trial_stride) const {
    return trial * trial_stride + (example * norm.n_channels + channel) * norm.n_places;
  }
};

LOCKSTEP_HD_INLINE int64_t trial_size(const BatchNorm& norm) {
  return norm.n_examples * norm.n_channels * norm.n_places;
}

LOCKSTEP_HD_INLINE double values_per_channel(const BatchNorm& norm) {
  return static_cast<double>(norm.n_examples * norm.n_places);
}

/// Adds up an example's plane: what `terms` says of its places.
template <class Terms>
LOCKSTEP_HD_INLINE void add_plane(ChannelSums& sums, const Terms& terms, int64_t example) {
  const int64_t n_places = terms.norm.n_places;
  int64_t place = 0;
  for (; place + kSumParts <= n_places; place += kSumParts) {
    for (int part = 0; part < ChannelSums::kParts; ++part) {
      terms.add(sums.parts[part], example, place + part * kLanes, kLanes);
    }
  }
  for (int part = 0; place < n_places; ++part, place += kLanes) {
    const int64_t left = n_places - place;
    terms.add(sums.parts[part], example, place, static_cast<int>(left < kLanes ? left : kLanes));
  }
}

/// What is added up for the statistics: values and their squares, less one of them, so that nothing is lost where the
/// mean is far from 0.
struct Deviations {
  const BatchNorm& norm;
  Channel channel;
  float shift;
  LOCKSTEP_HD_INLINE Deviations(const BatchNorm& a_norm, const Channel& a_channel)
      : norm(a_norm), channel(a_channel), shift(a_norm.input[channel.plane(a_norm, 0, a_norm.input_stride)]) {}
  LOCKSTEP_HD_INLINE void add(PartSums& sums, int64_t example, int64_t place, int n) const {
    const float* const from = norm.input + channel.plane(norm, example, norm.input_stride) + place;
    const WideLanes<double> deviation = widen<double, float>(load_first(from, n, shift)) - static_cast<double>(shift);
    sums.first += deviation;
    sums.second += deviation * deviation;
  }
};

struct Forward {
  BatchNorm norm;

  LOCKSTEP_HD_INLINE Deviations terms(const Channel& at) const { return {norm, at}; }

  /// Mean, deviation and running statistics from the sums.
  LOCKSTEP_HD_INLINE void conclude(const Channel& at, double first, double second) const {
    const Deviations deviations(norm, at);
    const double n = values_per_channel(norm), mean = deviations.shift + first / n;
    const double left = second - first * (first / n);
    const double squares = left < 0 ? 0.0 : left;
    norm.mean[at.index] = static_cast<float>(mean);
    norm.inverse[at.index] = static_cast<float>(1 / sqrt(squares / n + norm.eps));
    if (norm.running_mean != nullptr) {
      keep(norm.running_mean[at.trial * norm.running_mean_stride + at.channel], mean);
    }
    if (norm.running_var != nullptr) {
      keep(norm.running_var[at.trial * norm.running_var_stride + at.channel], squares / (n - 1));
    }
  }
  LOCKSTEP_HD_INLINE void keep(float& running, double value) const {
    running = static_cast<float>(norm.momentum * value + (1 - norm.momentum) * static_cast<double>(running));
  }

  /// The same from the running statistics.
  LOCKSTEP_HD_INLINE void take_running(const Channel& at) const {
    const double variance = norm.running_var[at.trial * norm.running_var_stride + at.channel];
    norm.mean[at.index] = norm.running_mean[at.trial * norm.running_mean_stride + at.channel];
    norm.inverse[at.index] = static_cast<float>(1 / sqrt(variance + norm.eps));
  }

  /// Adds up an example of neighbouring channels of one place each.
  LOCKSTEP_HD_INLINE void add_row(PartSums& sums, const Channel& at, int n, int64_t example) const {
    const float* const row = norm.input + at.plane(norm, 0, norm.input_stride);
    const WideLanes<double> shift = widen<double, float>(load_first(row, n, 0));
    const WideLanes<double> deviation =
        widen<double, float>(load_first(row + example * norm.n_channels, n, 0)) - shift;
    sums.first += deviation;
    sums.second += deviation * deviation;
  }
  /// Normalises an example of them.
  LOCKSTEP_HD_INLINE void apply_row(const Channel& at, int n, int64_t example) const {
    Lanes<float> bias = {}, weight = every_lane(1.0f);
    if (norm.bias != nullptr) bias = load_first(norm.bias + at.trial * norm.bias_stride + at.channel, n, 0);
    if (norm.weight != nullptr) weight = load_first(norm.weight + at.trial * norm.weight_stride + at.channel, n, 0);
    const Lanes<float> input = load_first(norm.input + at.plane(norm, example, norm.input_stride), n, 0);
    const Lanes<float> mean = load_first(norm.mean + at.index, n, 0);
    const Lanes<float> scale = load_first(norm.inverse + at.index, n, 0) * weight;
    store_first(norm.output + at.plane(norm, example, trial_size(norm)), (input - mean) * scale + bias, n);
  }

  LOCKSTEP_HD_INLINE float weight_of(const Channel& at) const {
    return norm.weight != nullptr ? norm.weight[at.trial * norm.weight_stride + at.channel] : 1.0f;
  }

  /// Normalises places [begin, end) of an example's plane.
  LOCKSTEP_HD_INLINE void apply(const Channel& at, int64_t example, int64_t begin, int64_t end) const {
    const float bias = norm.bias != nullptr ? norm.bias[at.trial * norm.bias_stride + at.channel] : 0.0f;
    const float mean = norm.mean[at.index], scale = norm.inverse[at.index] * weight_of(at);
    const float* const input = norm.input + at.plane(norm, example, norm.input_stride);
    float* const output = norm.output + at.plane(norm, example, trial_size(norm));
    for_lanes(begin, end, [&](int64_t place, int n) {
      store_first(output + place, (load_first(input + place, n, 0) - mean) * scale + bias, n);
    });
  }
};

/// What is added up on the way back: gradients, and what they are along the normalised values.
struct Projections {
  const BatchNorm& norm;
  const float* gradients;
  Channel channel;
  float mean;
  LOCKSTEP_HD_INLINE void add(PartSums& sums, int64_t example, int64_t place, int n) const {
    const float* const from = norm.input + channel.plane(norm, example, norm.input_stride) + place;
    const float* const of_output = gradients + channel.plane(norm, example, trial_size(norm)) + place;
    const WideLanes<double> gradient = widen<double, float>(load_first(of_output, n, 0));
    sums.first += gradient;
    sums.second += gradient * widen<double, float>(load_first(from, n, mean) - mean);
  }
};

struct Backward {
  BatchNorm norm;
  BatchNormGradients gradients;
  float* along_one;    ///< [n_trials, n_channels]: what of a gradient the mean takes away
  float* along_value;  ///< likewise, of one along (value - mean)

  LOCKSTEP_HD_INLINE Projections terms(const Channel& at) const {
    return {norm, gradients.output, at, norm.mean[at.index]};
  }

  LOCKSTEP_HD_INLINE void conclude(const Channel& at, double first, double second) const {
    const double n = values_per_channel(norm), inverse = norm.inverse[at.index];
    gradients.weight[at.index] = static_cast<float>(second * inverse);
    gradients.bias[at.index] = static_cast<float>(first);
    along_one[at.index] = norm.training ? static_cast<float>(first / n) : 0.0f;
    along_value[at.index] = norm.training ? static_cast<float>(second / n * inverse * inverse) : 0.0f;
  }

  /// As Forward's.
  LOCKSTEP_HD_INLINE void add_row(PartSums& sums, const Channel& at, int n, int64_t example) const {
    const Lanes<float> value = load_first(norm.input + at.plane(norm, example, norm.input_stride), n, 0);
    const Lanes<float> given = load_first(gradients.output + at.plane(norm, example, trial_size(norm)), n, 0);
    const WideLanes<double> gradient = widen<double, float>(given);
    sums.first += gradient;
    sums.second += gradient * widen<double, float>(value - load_first(norm.mean + at.index, n, 0));
  }
  LOCKSTEP_HD_INLINE void apply_row(const Channel& at, int n, int64_t example) const {
    Lanes<float> weight = every_lane(1.0f);
    if (norm.weight != nullptr) weight = load_first(norm.weight + at.trial * norm.weight_stride + at.channel, n, 0);
    const Lanes<float> scale = load_first(norm.inverse + at.index, n, 0) * weight;
    const int64_t place = at.plane(norm, example, trial_size(norm));
    Lanes<float> gradient = load_first(gradients.output + place, n, 0);
    if (norm.training) {
      const Lanes<float> value = load_first(norm.input + at.plane(norm, example, norm.input_stride), n, 0);
      const Lanes<float> along =
          (value - load_first(norm.mean + at.index, n, 0)) * load_first(along_value + at.index, n, 0);
      gradient = gradient - load_first(along_one + at.index, n, 0) - along;
    }
    store_first(gradients.input + place, gradient * scale, n);
  }

  LOCKSTEP_HD_INLINE void apply(const Channel& at, int64_t example, int64_t begin, int64_t end) const {
    const float mean = norm.mean[at.index], scale = norm.inverse[at.index] * Forward{norm}.weight_of(at);
    const float one = along_one[at.index], value = along_value[at.index];
    const float* const input = norm.input + at.plane(norm, example, norm.input_stride);
    const float* const given = gradients.output + at.plane(norm, example, trial_size(norm));
    float* const out = gradients.input + at.plane(norm, example, trial_size(norm));
    if (!norm.training) {
      for_lanes(begin, end, [&](int64_t place, int n) {
        store_first(out + place, load_first(given + place, n, 0) * scale, n);
      });
      return;
    }
    for_lanes(begin, end, [&](int64_t place, int n) {
      const Lanes<float> along = (load_first(input + place, n, 0) - mean) * value;
      store_first(out + place, (load_first(given + place, n, 0) - one - along) * scale, n);
    });
  }
};

/// On a GPU: one of the parts of a channel.
template <class Pass>
struct SumLanes {
  Pass pass;
  double* first;  ///< [n_trials, n_channels, kSumParts]
  double* second;
  LOCKSTEP_HD void operator()(int64_t i) const {
    const auto terms = pass.terms(Channel(pass.norm, i / kSumParts));
    PartSums sums = {};
    for (int64_t example = 0; example < pass.norm.n_examples; ++example) {
      for (int64_t place = i % kSumParts; place < pass.norm.n_places; place += kSumParts) {
        terms.add(sums, example, place, 1);
      }
    }
    store(first + i, sums.first);
    store(second + i, sums.second);
  }
};

template <class Pass>
struct Conclude {
  Pass pass;
  const double* first;
  const double* second;
  LOCKSTEP_HD void operator()(int64_t i) const {
    pass.conclude(Channel(pass.norm, i), add_parts(first + i * kSumParts), add_parts(second + i * kSumParts));
  }
};

struct TakeRunning {
  Forward pass;
  LOCKSTEP_HD void operator()(int64_t i) const { pass.take_running(Channel(pass.norm, i)); }
};

/// Value i of the result.
template <class Pass>
struct ApplyToValue {
  Pass pass;
  LOCKSTEP_HD void operator()(int64_t i) const {
    const BatchNorm& norm = pass.norm;
    const int64_t plane = i / norm.n_places, place = i % norm.n_places;
    const int64_t example = plane / norm.n_channels % norm.n_examples;
    const int64_t trial = plane / norm.n_channels / norm.n_examples;
    pass.apply(Channel(norm, trial, plane % norm.n_channels), example, place, place + 1);
  }
};

/// On a host: some neighbouring channels of a trial, while they are in the cache. Planes of one channel lie apart,
/// often by a power of two, for which a cache has few places.
template <class Pass, bool kAddsUp>
struct ChannelGroup {
  static constexpr int64_t kMaxChannels = 16, kValues = 1024;
  Pass pass;
  int64_t group_size, groups_per_trial;

  ChannelGroup(const Pass& a_pass) : pass(a_pass) {
    const int64_t most = std::min(kMaxChannels, pass.norm.n_channels);
    group_size = std::clamp<int64_t>(kValues / pass.norm.n_places, 1, most);
    groups_per_trial = (pass.norm.n_channels + group_size - 1) / group_size;
  }
  void operator()(int64_t i) const {
    const BatchNorm& norm = pass.norm;
    const int64_t trial = i / groups_per_trial, first = i % groups_per_trial * group_size;
    const int64_t n = std::min(group_size, norm.n_channels - first);
    if (kAddsUp) {
      ChannelSums sums[kMaxChannels] = {};
      for (int64_t example = 0; example < norm.n_examples; ++example) {
        for (int64_t c = 0; c < n; ++c) add_plane(sums[c], pass.terms(Channel(norm, trial, first + c)), example);
      }
      for (int64_t c = 0; c < n; ++c) {
        double lanes[2][kSumParts];
        for (int part = 0; part < ChannelSums::kParts; ++part) {
          store(lanes[0] + part * kLanes, sums[c].parts[part].first);
          store(lanes[1] + part * kLanes, sums[c].parts[part].second);
        }
        pass.conclude(Channel(norm, trial, first + c), add_parts(lanes[0]), add_parts(lanes[1]));
      }
    }
    for (int64_t example = 0; example < norm.n_examples; ++example) {
      for (int64_t c = 0; c < n; ++c) pass.apply(Channel(norm, trial, first + c), example, 0, norm.n_places);
    }
  }
};

/// On a host, where a channel has one place: kLanes neighbouring channels of a trial; the sums are the same bits.
template <class Pass, bool kAddsUp>
struct RowOfChannels {
  Pass pass;
  int64_t blocks_per_trial;

  RowOfChannels(const Pass& a_pass) : pass(a_pass), blocks_per_trial((pass.norm.n_channels + kLanes - 1) / kLanes) {}
  void operator()(int64_t i) const {
    const BatchNorm& norm = pass.norm;
    const Channel at(norm, i / blocks_per_trial, i % blocks_per_trial * kLanes);
    const auto n = static_cast<int>(std::min<int64_t>(kLanes, norm.n_channels - at.channel));
    if (kAddsUp) {
      PartSums sums = {};
      for (int64_t example = 0; example < norm.n_examples; ++example) pass.add_row(sums, at, n, example);
      double first[kLanes], second[kLanes];
      store(first, sums.first);
      store(second, sums.second);
      for (int lane = 0; lane < n; ++lane) {
        pass.conclude(Channel(norm, at.trial, at.channel + lane), first[lane], second[lane]);
      }
    }
    for (int64_t example = 0; example < norm.n_examples; ++example) pass.apply_row(at, n, example);
  }
};

/// Applies the pass, after its sums where it has some.
template <bool kAddsUp, class Pass>
void run(const Context& context, const Pass& pass) {
  const BatchNorm& norm = pass.norm;
#ifdef __CUDACC__
  if (kAddsUp) {
    const int64_t n_channels = norm.n_trials * norm.n_channels, n_sums = n_channels * kSumParts;
    const DeviceBuffer<double> first(context, n_sums), second(context, n_sums);
    for_each_index(context, n_sums, SumLanes<Pass>{pass, first.data(), second.data()});
    for_each_index(context, n_channels, Conclude<Pass>{pass, first.data(), second.data()});
  }
  for_each_index(context, norm.n_trials * trial_size(norm), ApplyToValue<Pass>{pass});
#else
  if (norm.n_places == 1) {
    const RowOfChannels<Pass, kAddsUp> rows(pass);
    for_each_index(context, norm.n_trials * rows.blocks_per_trial, rows);
  } else {
    const ChannelGroup<Pass, kAddsUp> groups(pass);
    for_each_index(context, norm.n_trials * groups.groups_per_trial, groups);
  }
#endif
}

}  // namespace

void batch_norm(const Context& context, const BatchNorm& norm) {
  const Forward pass{norm};
  if (norm.training) return run<true>(context, pass);
  for_each_index(context, norm.n_trials * norm.n_channels, TakeRunning{pass});
  run<false>(context, pass);
}

void batch_norm_backward(const Context& context, const BatchNorm& norm, const BatchNormGradients& gradients) {
  const int64_t n_channels = norm.n_trials * norm.n_channels;
  const DeviceBuffer<float> along_one(context, n_channels), along_value(context, n_channels);
  run<true>(context, Backward{norm, gradients, along_one.data(), along_value.data()});
}

}  // namespace lockstep::LOCKSTEP_BACKEND_NAMESPACE
