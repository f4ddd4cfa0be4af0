#include "models/data/arrays.h"

#include <algorithm>
#include <cmath>

#include <lockstep/error.h>

#include "models/data/parts.h"

namespace lockstep::models {

namespace {

/// Where the values of an example lie and what they share a mean with.
struct Geometry {
  size_t size = 1;        ///< values of an example
  size_t n_channels = 1;
  std::vector<size_t> channel;  ///< [size] of each value, in the order of the prepared example
  std::vector<size_t> source;   ///< [size] place of each in the file's example
};

Geometry geometry_of(const Examples& examples, std::vector<int64_t>& shape) {
  shape.assign(examples.inputs.shape.begin() + 1, examples.inputs.shape.end());
  const bool channels_last = examples.layout == Layout::kChannelsLast;
  if (channels_last) shape = {shape[2], shape[0], shape[1]};
  Geometry out;
  for (const auto size : shape) out.size *= static_cast<size_t>(size);
  const bool images = channels_last || examples.layout == Layout::kImages;
  const bool sequences = examples.layout == Layout::kSequences;
  if (images) out.n_channels = static_cast<size_t>(shape.front());
  if (sequences) out.n_channels = static_cast<size_t>(shape.back());
  const size_t pixels = out.size / out.n_channels;
  for (size_t i = 0; i < out.size; ++i) {
    out.channel.push_back(images ? i / pixels : sequences ? i % out.n_channels : 0);
    out.source.push_back(channels_last ? i % pixels * out.n_channels + i / pixels : i);
  }
  return out;
}

class Preparation {
 public:
  Preparation(const Examples& examples, const PrepareOptions& options) : examples_(examples) {
    Column column;
    column.name = "targets";
    column.numbers = examples.targets;
    target_ = read_target(column, options.task, examples.name);
    const Split parts = choose_parts(examples.name, examples.file_rows, target_, options);
    fit_target(target_, parts.train, examples.name, column.name, out_);
    out_.n_dropped = examples.inputs.shape[0] - static_cast<int64_t>(target_.rows.size());
    geometry_ = geometry_of(examples, out_.input_shape);
    fit_inputs(parts.train);
    out_.train = encode(parts.train);
    out_.validation = encode(parts.validation);
    out_.test = encode(parts.test);
  }

  PreparedData take() { return std::move(out_); }

 private:
  size_t first_of(int64_t i) const {
    return static_cast<size_t>(target_.rows[static_cast<size_t>(i)]) * geometry_.size;
  }

  /// Calls `visit(channel, value)` for all values of these rows that are not missing.
  template <class Visit>
  void for_each(const std::vector<int64_t>& rows, const Visit& visit) const {
    for (const auto i : rows) {
      const size_t first = first_of(i);
      for (size_t v = 0; v < geometry_.size; ++v) {
        const double value = examples_.inputs[first + geometry_.source[v]];
        if (!std::isnan(value)) visit(geometry_.channel[v], value);
      }
    }
  }

  void fit_inputs(const std::vector<int64_t>& train) {
    moments_.assign(geometry_.n_channels, {});
    std::vector<double> counts(geometry_.n_channels, 0), lowest(geometry_.n_channels, INFINITY),
        highest(geometry_.n_channels, -INFINITY);
    for_each(train, [&](size_t channel, double value) {
      ++counts[channel];
      moments_[channel].mean += value;
      lowest[channel] = std::min(lowest[channel], value);
      highest[channel] = std::max(highest[channel], value);
    });
    bool varies = false;
    for (size_t c = 0; c < moments_.size(); ++c) {
      if (counts[c] > 0) moments_[c].mean /= counts[c];
      varies = varies || lowest[c] < highest[c];
    }
    if (!varies) {
      throw DataError(examples_.name +
                      ": no input has two different values in the training part; there is nothing to learn from");
    }
    for_each(train, [&](size_t channel, double value) {
      const double distance = value - moments_[channel].mean;
      moments_[channel].std += distance * distance;
    });
    for (size_t c = 0; c < moments_.size(); ++c) {
      // Rounding of the mean must not make a constant look as if it varied.
      moments_[c].std = lowest[c] < highest[c] ? std::sqrt(moments_[c].std / counts[c]) : 0;
    }
  }

  PreparedPart encode(const std::vector<int64_t>& part) const {
    PreparedPart out;
    out.inputs.resize(part.size() * geometry_.size);
    auto to = out.inputs.begin();
    for (const auto i : part) {
      const size_t first = first_of(i);
      for (size_t v = 0; v < geometry_.size; ++v, ++to) {
        const double value = examples_.inputs[first + geometry_.source[v]];
        const Moments& moments = moments_[geometry_.channel[v]];
        *to = std::isnan(value) || moments.std == 0 ? 0.0f : static_cast<float>((value - moments.mean) / moments.std);
      }
    }
    encode_targets(target_, part, out_, out);
    return out;
  }

  const Examples& examples_;
  Target target_;
  Geometry geometry_;
  std::vector<Moments> moments_;  // of each channel
  PreparedData out_;
};

}  // namespace

PreparedData prepare_examples(const Examples& examples, const PrepareOptions& options) {
  return Preparation(examples, options).take();
}

}  // namespace lockstep::models
