#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <span>
#include <string>
#include <vector>

#include <torch/types.h>

#include <lockstep/configurations.h>
#include <lockstep/sweep_spec.h>

namespace lockstep {

/// One trial's hyperparameters and settings, as the code that builds the trial sees them; behind it stand all trials
/// of a batch. A name is looked up in the search space, then in the `trial:` block, then the default is used; without
/// a default a missing name is an InputError.
///
/// **Reading decides.** `tensor` gives a value per trial, so trials that differ in it train in one batch. The others
/// give a C++ value, which all trials of a batch must share: such a read splits the trials into cohorts. Nothing is
/// declared.
class TrialConfig {
 public:
  /// @param trials ids; the first one's values are what structural reads return
  TrialConfig(const Configurations& configurations, const std::map<std::string, Setting>& settings,
              std::span<const int64_t> trials, torch::Device device);

  /// Scalar for the trial: shape [], double, requires no gradient; physically [n_trials] inside a TrialScope. Outside of one a
  /// single trial has a plain scalar, so that a task can build it by itself; more throw std::logic_error.
  /// Booleans become 0 and 1. Keep it as it is, or what is derived from it as a registered buffer: then it follows its
  /// trials when a batch is compacted.
  torch::Tensor tensor(const std::string& name) const;
  torch::Tensor tensor(const std::string& name, double default_value) const;
  /// The same for a name whose values must be in [lowest, highest]. Throws InputError when the constant is not, or when
  /// the search space can draw one that is not.
  torch::Tensor tensor(const std::string& name, double default_value, double lowest, double highest) const;
  /// A text that is one of `options`, as its place among them: so that it varies inside a batch as a number does.
  /// Throws InputError when the constant, or a value of the choice that the search space has, is another.
  torch::Tensor option(const std::string& name, const std::vector<std::string>& options,
                       const std::string& default_value) const;
  /// Whether the search space or the `trial:` block has the name. It counts as read, and splits nothing.
  bool is_given(const std::string& name) const;

  int64_t integer(const std::string& name) const;
  int64_t integer(const std::string& name, int64_t default_value) const;
  double number(const std::string& name) const;
  double number(const std::string& name, double default_value) const;
  bool flag(const std::string& name, bool default_value) const;
  std::string text(const std::string& name) const;
  std::string text(const std::string& name, const std::string& default_value) const;
  /// Any value, lists included: `hidden: [64, 64]`.
  Value value(const std::string& name) const;
  Value value(const std::string& name, const Value& default_value) const;

  /// Where `name` was declared, for messages.
  SourceLocation where(const std::string& name) const;
  /// An InputError about `name`: place and key are filled in.
  InputError error(const std::string& name, const std::string& problem, const std::string& cure) const;

  int64_t n_trials() const { return static_cast<int64_t>(trials_.size()); }
  std::span<const int64_t> trials() const { return trials_; }

  /// Search-space columns read as C++ values so far, and every name asked for: how cohorts and unknown names are found.
  const std::set<int64_t>& structural_columns() const { return structural_; }
  const std::set<std::string>& names_read() const { return names_; }
  /// Every tensor handed out, by name: the executor moves their rows with their trials.
  const std::map<std::string, torch::Tensor>& tensors() const { return tensors_; }

 private:
  const Value* setting(const std::string& name) const;
  Value read(const std::string& name, const Value* default_value) const;
  torch::Tensor read_tensor(const std::string& name, const double* default_value,
                            const std::function<double(const Value&)>& as_number) const;
  torch::Tensor read_number(const std::string& name, const double* default_value) const;

  const Configurations& configurations_;
  const std::map<std::string, Setting>& settings_;
  std::vector<int64_t> trials_;
  torch::Device device_;
  mutable std::set<int64_t> structural_;
  mutable std::set<std::string> names_;
  mutable std::map<std::string, torch::Tensor> tensors_;
};

}  // namespace lockstep
