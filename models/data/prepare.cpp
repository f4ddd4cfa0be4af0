#include "models/data/prepare.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include <lockstep/error.h>

#include "models/data/parts.h"
#include "models/data/target.h"

namespace lockstep::models {

namespace {

double median_of(std::vector<double> values) {
  if (values.empty()) return 0;
  const auto middle = values.begin() + static_cast<int64_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  if (values.size() % 2 == 1) return *middle;
  return (*std::max_element(values.begin(), middle) + *middle) / 2;
}

std::vector<double> present(const std::vector<double>& values) {
  std::vector<double> out;
  std::copy_if(values.begin(), values.end(), std::back_inserter(out), [](double value) { return !std::isnan(value); });
  return out;
}

/// What becomes of one column: `width` inputs, written by `write` to a row's place.
struct Encoder {
  std::vector<std::string> names;
  std::function<void(int64_t row, float* inputs)> write;  ///< inputs are zero before
  bool varies = false;
};

Encoder encode_numbers(const Column& column, const std::vector<int64_t>& train) {
  std::vector<double> values;
  for (const auto row : train) values.push_back(column.numbers[static_cast<size_t>(row)]);
  const double median = median_of(present(values));
  for (auto& value : values) {
    if (std::isnan(value)) value = median;
  }
  const Moments moments = moments_of(values);
  Encoder out;
  out.names = {column.name};
  out.varies = moments.std > 0;
  out.write = [&column, median, moments, varies = out.varies](int64_t row, float* inputs) {
    if (!varies) return;
    const double value = column.numbers[static_cast<size_t>(row)];
    *inputs = static_cast<float>(((std::isnan(value) ? median : value) - moments.mean) / moments.std);
  };
  return out;
}

Encoder encode_texts(const Column& column, const std::vector<int64_t>& train) {
  // Category -1 is a missing value. Which input a category is: in ascending order of the names, missing last.
  std::vector<bool> seen(column.categories.size(), false);
  bool missing = false;
  for (const auto row : train) {
    const int32_t code = column.codes[static_cast<size_t>(row)];
    if (code < 0) {
      missing = true;
    } else {
      seen[static_cast<size_t>(code)] = true;
    }
  }
  std::vector<size_t> order;
  for (size_t c = 0; c < seen.size(); ++c) {
    if (seen[c]) order.push_back(c);
  }
  std::sort(order.begin(), order.end(),
            [&](size_t a, size_t b) { return column.categories[a] < column.categories[b]; });
  Encoder out;
  std::vector<int64_t> input_of(column.categories.size(), -1);
  for (const auto c : order) {
    input_of[c] = static_cast<int64_t>(out.names.size());
    out.names.push_back(column.name + "=" + column.categories[c]);
  }
  const int64_t input_of_missing = missing ? static_cast<int64_t>(out.names.size()) : -1;
  if (missing) out.names.push_back(column.name + "=(missing)");
  out.varies = out.names.size() > 1;
  out.write = [&column, input_of, input_of_missing](int64_t row, float* inputs) {
    const int32_t code = column.codes[static_cast<size_t>(row)];
    const int64_t input = code < 0 ? input_of_missing : input_of[static_cast<size_t>(code)];
    if (input >= 0) inputs[input] = 1;
  };
  return out;
}

class Preparation {
 public:
  Preparation(const Table& table, const PrepareOptions& options)
      : table_(table), target_(read_target(*table.find(options.target), options.task, table.name)) {
    const Split parts = choose_parts(table.name, table.file_rows, target_, options);
    fit_target(target_, parts.train, table.name, options.target, out_);
    out_.n_dropped = table.n_rows - static_cast<int64_t>(target_.rows.size());
    fit_inputs(parts.train, options.target);
    out_.input_shape = {static_cast<int64_t>(out_.input_names.size())};
    out_.train = encode(parts.train);
    out_.validation = encode(parts.validation);
    out_.test = encode(parts.test);
  }

  PreparedData take() { return std::move(out_); }

 private:
  void fit_inputs(const std::vector<int64_t>& train, const std::string& target) {
    std::vector<int64_t> rows;
    for (const auto i : train) rows.push_back(target_.rows[static_cast<size_t>(i)]);
    bool varies = false;
    for (const auto& column : table_.columns) {
      if (column.name == target) continue;
      encoders_.push_back(column.is_text ? encode_texts(column, rows) : encode_numbers(column, rows));
      varies = varies || encoders_.back().varies;
      for (const auto& name : encoders_.back().names) out_.input_names.push_back(name);
    }
    if (encoders_.empty()) {
      throw DataError(table_.name + ": there is no column but the target '" + target + "'; a model needs inputs");
    }
    if (!varies) {
      throw DataError(table_.name +
                      ": no input has two different values in the training part; there is nothing to learn from");
    }
  }

  PreparedPart encode(const std::vector<int64_t>& part) const {
    PreparedPart out;
    const size_t width = out_.input_names.size();
    out.inputs.assign(part.size() * width, 0.0f);
    size_t column = 0;
    for (const auto& encoder : encoders_) {
      for (size_t i = 0; i < part.size(); ++i) {
        encoder.write(target_.rows[static_cast<size_t>(part[i])], out.inputs.data() + i * width + column);
      }
      column += encoder.names.size();
    }
    encode_targets(target_, part, out_, out);
    return out;
  }

  const Table& table_;
  Target target_;
  std::vector<Encoder> encoders_;
  PreparedData out_;
};

}  // namespace

PreparedData prepare(const Table& table, const PrepareOptions& options) { return Preparation(table, options).take(); }

}  // namespace lockstep::models
