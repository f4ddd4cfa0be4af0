#include <lockstep/torch/ensemble.h>

#include <algorithm>
#include <map>
#include <set>

#include <lockstep/error.h>
#include <lockstep/torch/trial_scope.h>

namespace lockstep {

namespace {

/// A parameter or buffer by its name; undefined without one.
torch::Tensor find(const torch::nn::Module& module, const std::string& name) {
  const auto parameters = module.named_parameters();
  if (const torch::Tensor* found = parameters.find(name)) return *found;
  const auto buffers = module.named_buffers();
  const torch::Tensor* const found = buffers.find(name);
  return found ? *found : torch::Tensor();
}

}  // namespace

struct Ensemble::State {
  /// Trials that agree in all that the task reads as C++ values.
  struct Group {
    std::vector<int64_t> members;          ///< places in the ensemble
    std::unique_ptr<TrialConfig> config;   ///< the program may read it at any time
    TrialProgram batched;                  ///< without a module: they run one by one
    std::vector<TrialProgram> one_by_one;
  };

  const Task& task;
  const Configurations configurations;
  const std::map<std::string, Setting> settings;
  const std::vector<int64_t> trials;
  const std::vector<NamedTensors> weights;
  const torch::Device device;
  std::vector<Group> groups = {};

  void build() {
    if (trials.empty()) throw TaskError("an ensemble needs a trial, and there is none with weights");
    if (trials.size() != weights.size()) throw TaskError("an ensemble needs the weights of each of its trials");
    std::vector<int64_t> left;
    for (size_t i = 0; i < trials.size(); ++i) left.push_back(static_cast<int64_t>(i));
    while (!left.empty()) {
      // Built alone, which also checks the weights; what it reads as C++ values says who is of its kind.
      const std::set<int64_t> structural = structural_columns(trials[static_cast<size_t>(left.front())]);
      Group group;
      const int64_t first = trials[static_cast<size_t>(left.front())];
      std::erase_if(left, [&](int64_t member) {
        const int64_t trial = trials[static_cast<size_t>(member)];
        const bool is_same = std::all_of(structural.begin(), structural.end(), [&](int64_t column) {
          return configurations.draw(trial, column) == configurations.draw(first, column);
        });
        if (is_same) group.members.push_back(member);
        return is_same;
      });
      for (const int64_t member : group.members) group.one_by_one.push_back(alone(member));
      if (group.members.size() > 1) stack(group);
      groups.push_back(std::move(group));
    }
  }

  std::set<int64_t> structural_columns(int64_t trial) const {
    const std::vector<int64_t> one{trial};
    const TrialConfig config(configurations, settings, one, torch::kCPU);
    const TrialScope scope(one, 0, torch::kCPU);
    task.build(config);
    return config.structural_columns();
  }

  TrialProgram alone(int64_t member) const {
    const auto at = static_cast<size_t>(member);
    TrialProgram program = restore_trial(task, configurations, settings, trials[at], weights[at]);
    program.module->to(device);
    return program;
  }

  void stack(Group& group) const {
    std::vector<int64_t> ids;
    for (const int64_t member : group.members) ids.push_back(trials[static_cast<size_t>(member)]);
    group.config = std::make_unique<TrialConfig>(configurations, settings, ids, device);
    {
      const TrialScope scope(ids, 0, device);
      group.batched = task.build(*group.config);
    }
    const torch::NoGradGuard no_grad;
    const NamedTensors& names = weights[static_cast<size_t>(group.members.front())];
    for (size_t n = 0; n < names.size(); ++n) {
      std::vector<torch::Tensor> rows;
      for (const int64_t member : group.members) rows.push_back(weights[static_cast<size_t>(member)][n].second);
      torch::Tensor target = find(*group.batched.module, names[n].first);
      if (!target.defined() || !is_batched(target)) continue;  // what is not per trial is the same in all
      target.set_requires_grad(false);
      replace_physical(target, torch::stack(rows).to(device));
    }
    group.batched.module->eval();
  }

  /// [members, n, ...]
  torch::Tensor outputs(Group& group, const torch::Tensor& inputs) const {
    if (group.batched.module) {
      try {
        const TrialScope scope(static_cast<int64_t>(group.members.size()));
        const torch::Tensor output = group.batched.prediction(inputs);
        if (is_batched(output)) return physical(output);
      } catch (const c10::Error&) {
        group.batched = {};  // it cannot run as a batch
      }
    }
    std::vector<torch::Tensor> out;
    for (const TrialProgram& program : group.one_by_one) out.push_back(program.prediction(inputs));
    return torch::stack(out);
  }
};

Ensemble::Ensemble(const Task& task, const Configurations& configurations, const std::map<std::string, Setting>& settings,
                   const std::vector<int64_t>& trials, const std::vector<NamedTensors>& weights, torch::Device device)
    : state_(new State{task, configurations, settings, trials, weights, device}) {
  state_->build();
}

namespace {

std::vector<int64_t> leading(const TaskSweep& sweep) {
  std::vector<int64_t> trials;
  for (const Leader& leader : sweep.result.leaders) trials.push_back(leader.best.trial);
  return trials;
}

}  // namespace

Ensemble::Ensemble(const Task& task, const TaskSweep& sweep, torch::Device device)
    : Ensemble(task, sweep.leading_configurations(), sweep.settings, leading(sweep), sweep.weights, device) {}

Ensemble::~Ensemble() = default;
Ensemble::Ensemble(Ensemble&&) noexcept = default;
Ensemble& Ensemble::operator=(Ensemble&&) noexcept = default;

int64_t Ensemble::n_trials() const { return static_cast<int64_t>(state_->trials.size()); }

torch::Tensor Ensemble::forward(const torch::Tensor& inputs) const {
  const torch::NoGradGuard no_grad;
  std::vector<torch::Tensor> by_trial(state_->trials.size());
  for (auto& group : state_->groups) {
    const torch::Tensor outputs = state_->outputs(group, inputs);
    for (size_t i = 0; i < group.members.size(); ++i) {
      by_trial[static_cast<size_t>(group.members[i])] = outputs[static_cast<int64_t>(i)];
    }
  }
  for (const torch::Tensor& output : by_trial) {
    if (output.sizes() != by_trial.front().sizes()) throw TaskError("the ensemble's trials predict in different shapes");
  }
  return torch::stack(by_trial);
}

}  // namespace lockstep
