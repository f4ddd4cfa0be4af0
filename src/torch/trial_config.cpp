#include <lockstep/torch/trial_config.h>

#include <cmath>
#include <limits>
#include <stdexcept>

#include "torch/functorch.h"

namespace lockstep {

TrialConfig::TrialConfig(const Configurations& configurations, const std::map<std::string, Setting>& settings,
                         std::span<const int64_t> trials, torch::Device device)
    : configurations_(configurations), settings_(settings), trials_(trials.begin(), trials.end()), device_(device) {}

const Value* TrialConfig::setting(const std::string& name) const {
  const auto it = settings_.find(name);
  return it == settings_.end() ? nullptr : &it->second.value;
}

SourceLocation TrialConfig::where(const std::string& name) const {
  if (const auto column = configurations_.space().find(name)) return configurations_.space()[*column].where;
  const auto it = settings_.find(name);
  return it == settings_.end() ? SourceLocation{} : it->second.where;
}

InputError TrialConfig::error(const std::string& name, const std::string& problem, const std::string& cure) const {
  const bool searched = configurations_.space().find(name).has_value();
  return InputError(where(name), (searched ? "search_space." : "trial.") + name, problem, cure);
}

Value TrialConfig::read(const std::string& name, const Value* default_value) const {
  names_.insert(name);
  if (const auto column = configurations_.space().find(name)) {
    structural_.insert(*column);
    return configurations_.value(trials_.front(), *column);
  }
  if (const Value* constant = setting(name)) return *constant;
  if (default_value != nullptr) return *default_value;
  throw error(name, "is needed but not given", "add it to `trial:` as a constant or to `search_space:`");
}

namespace {

/// Runs a conversion of Value and turns its refusal into one that names the hyperparameter and its place.
template <class Convert>
auto converted(const TrialConfig& config, const std::string& name, const Value& value, const char* wanted,
               const Convert& convert) {
  try {
    return convert(value);
  } catch (const InputError&) {
    throw config.error(name, value.to_json() + " is a " + value.kind_name(), std::string("it must be ") + wanted);
  }
}

}  // namespace

int64_t TrialConfig::integer(const std::string& name) const {
  return converted(*this, name, read(name, nullptr), "an integer", [](const Value& v) { return v.as_integer(); });
}

int64_t TrialConfig::integer(const std::string& name, int64_t default_value) const {
  const Value fallback(default_value);
  return converted(*this, name, read(name, &fallback), "an integer", [](const Value& v) { return v.as_integer(); });
}

double TrialConfig::number(const std::string& name) const {
  return converted(*this, name, read(name, nullptr), "a number", [](const Value& v) { return v.as_real(); });
}

double TrialConfig::number(const std::string& name, double default_value) const {
  const Value fallback(default_value);
  return converted(*this, name, read(name, &fallback), "a number", [](const Value& v) { return v.as_real(); });
}

bool TrialConfig::flag(const std::string& name, bool default_value) const {
  const Value fallback(default_value);
  return converted(*this, name, read(name, &fallback), "true or false", [](const Value& v) { return v.as_bool(); });
}

std::string TrialConfig::text(const std::string& name) const {
  return converted(*this, name, read(name, nullptr), "a text", [](const Value& v) { return v.as_text(); });
}

std::string TrialConfig::text(const std::string& name, const std::string& default_value) const {
  const Value fallback(default_value);
  return converted(*this, name, read(name, &fallback), "a text", [](const Value& v) { return v.as_text(); });
}

Value TrialConfig::value(const std::string& name) const { return read(name, nullptr); }

Value TrialConfig::value(const std::string& name, const Value& default_value) const {
  return read(name, &default_value);
}

bool TrialConfig::is_given(const std::string& name) const {
  names_.insert(name);
  return configurations_.space().find(name).has_value() || setting(name) != nullptr;
}

torch::Tensor TrialConfig::tensor(const std::string& name) const { return read_number(name, nullptr); }

torch::Tensor TrialConfig::tensor(const std::string& name, double default_value) const {
  return read_number(name, &default_value);
}

namespace {

/// The smallest and the largest number that a distribution gives.
std::pair<double, double> range_of(const Distribution& distribution) {
  const DistributionSpec& spec = distribution.spec;
  const auto rounded = [&](double x) { return std::nearbyint(x / spec.q) * spec.q; };
  switch (spec.kind) {
    case DistributionKind::kChoice: {
      double lowest = std::numeric_limits<double>::infinity(), highest = -lowest;
      for (const Value& value : distribution.values) {
        const double number = value.is_bool() ? value.as_bool() : value.as_real();
        lowest = std::min(lowest, number);
        highest = std::max(highest, number);
      }
      return {lowest, highest};
    }
    case DistributionKind::kRandInt:
      return {0, static_cast<double>(spec.count - 1)};
    case DistributionKind::kUniform:
    case DistributionKind::kInt:
    case DistributionKind::kLogInt:
    case DistributionKind::kLogUniformValues:
      return {spec.a, spec.b};
    case DistributionKind::kQUniform:
      return {rounded(spec.a), rounded(spec.b)};
    case DistributionKind::kLogUniform:
      return {std::exp(spec.a), std::exp(spec.b)};
    case DistributionKind::kQLogUniform:
      return {rounded(std::exp(spec.a)), rounded(std::exp(spec.b))};
    case DistributionKind::kLogNormal:
    case DistributionKind::kQLogNormal:
      return {0, std::numeric_limits<double>::infinity()};
    case DistributionKind::kNormal:
    case DistributionKind::kQNormal:
      break;
  }
  return {-std::numeric_limits<double>::infinity(), std::numeric_limits<double>::infinity()};
}

}  // namespace

torch::Tensor TrialConfig::tensor(const std::string& name, double default_value, double lowest, double highest) const {
  const torch::Tensor out = read_number(name, &default_value);  // which refuses what is no number
  std::pair<double, double> range;
  if (const auto column = configurations_.space().find(name)) {
    range = range_of(configurations_.space()[*column].distribution);
  } else if (const Value* constant = setting(name)) {
    range.first = range.second = constant->is_bool() ? constant->as_bool() : constant->as_real();
  } else {
    return out;
  }
  if (range.first >= lowest && range.second <= highest) return out;
  const auto text = [](double x) { return Value(x).to_string(); };
  const double wrong = range.first >= lowest ? range.second : range.first;
  const std::string number = std::isnan(wrong)      ? "not a number"
                             : std::isfinite(wrong) ? text(wrong)
                             : wrong > 0            ? "infinity"
                                                    : "minus infinity";
  throw error(
      name,
      number + (wrong < lowest    ? " is too small"
                : wrong > highest ? " is too large"
                                  : " is not allowed"),
      (lowest == std::numeric_limits<double>::min() ? "give numbers above 0" : "give numbers from " + text(lowest)) +
          (std::isinf(highest) ? "" : " to " + text(highest)));
}

torch::Tensor TrialConfig::option(const std::string& name, const std::vector<std::string>& options,
                                  const std::string& default_value) const {
  const auto index_of = [&](const Value& value) {
    const std::string text = value.to_string();
    for (size_t i = 0; i < options.size(); ++i) {
      if (text == options[i]) return static_cast<double>(i);
    }
    const std::string near = nearest_name(text, options);
    std::string cure = near.empty() ? "it can be" : "did you mean '" + near + "'? It can be";
    for (size_t i = 0; i < options.size(); ++i) cure += (i == 0 ? " " : ", ") + options[i];
    throw error(name, "there is no '" + text + "'", cure);
  };
  if (const auto column = configurations_.space().find(name)) {
    // All of a choice, not only what this batch's trials drew.
    for (const Value& value : configurations_.space()[*column].distribution.values) index_of(value);
  }
  const double fallback = index_of(Value(default_value));
  return read_tensor(name, &fallback, index_of);
}

torch::Tensor TrialConfig::read_number(const std::string& name, const double* default_value) const {
  return read_tensor(name, default_value, [&](const Value& value) {
    if (value.is_bool()) return value.as_bool() ? 1.0 : 0.0;
    return converted(*this, name, value, "a number", [](const Value& v) { return v.as_real(); });
  });
}

torch::Tensor TrialConfig::read_tensor(const std::string& name, const double* default_value,
                                       const std::function<double(const Value&)>& as_number) const {
  names_.insert(name);
  const auto known = tensors_.find(name);
  if (known != tensors_.end()) return known->second;

  std::vector<double> values(trials_.size());
  if (const auto column = configurations_.space().find(name)) {
    for (size_t t = 0; t < trials_.size(); ++t) values[t] = as_number(configurations_.value(trials_[t], *column));
  } else if (const Value* constant = setting(name)) {
    std::fill(values.begin(), values.end(), as_number(*constant));
  } else if (default_value != nullptr) {
    std::fill(values.begin(), values.end(), *default_value);
  } else {
    throw error(name, "is needed but not given", "add it to `trial:` as a constant or to `search_space:`");
  }
  torch::Tensor rows;
  {
    functorch::BelowVmap below;
    rows = torch::tensor(values, torch::kDouble).to(device_);
  }
  if (functorch::has_level()) return tensors_.emplace(name, functorch::wrap_innermost(rows)).first->second;
  if (trials_.size() != 1) {
    throw std::logic_error("TrialConfig: '" + name + "' of " + std::to_string(trials_.size()) +
                           " trials is one scalar inside a TrialScope alone");
  }
  return tensors_.emplace(name, rows[0]).first->second;
}

}  // namespace lockstep
