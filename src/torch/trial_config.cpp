#include <lockstep/torch/trial_config.h>

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

torch::Tensor TrialConfig::tensor(const std::string& name) const { return read_tensor(name, nullptr); }

torch::Tensor TrialConfig::tensor(const std::string& name, double default_value) const {
  return read_tensor(name, &default_value);
}

torch::Tensor TrialConfig::read_tensor(const std::string& name, const double* default_value) const {
  names_.insert(name);
  const auto known = tensors_.find(name);
  if (known != tensors_.end()) return known->second;

  const auto as_number = [&](const Value& value) {
    if (value.is_bool()) return value.as_bool() ? 1.0 : 0.0;
    return converted(*this, name, value, "a number", [](const Value& v) { return v.as_real(); });
  };
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
  return tensors_.emplace(name, functorch::wrap_innermost(rows)).first->second;
}

}  // namespace lockstep
