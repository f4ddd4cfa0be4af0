#include <lockstep/models/task_registry.h>

#include <algorithm>

#include <lockstep/models/supervised_task.h>

namespace lockstep {
namespace models {

namespace {

std::string in_a_row(const std::vector<std::string>& names) {
  std::string out;
  for (const auto& name : names) out += (out.empty() ? "" : ", ") + name;
  return out;
}

std::string did_you_mean(const std::string& wrong, const std::vector<std::string>& names) {
  const std::string near = nearest_name(wrong, names);
  return near.empty() ? "" : "did you mean '" + near + "'? ";
}

}  // namespace

std::vector<std::string> model_names() {
  std::vector<std::string> out;
  for (const auto& each : registered_models()) out.push_back(each.name);
  return out;
}

}  // namespace models

std::unique_ptr<Task> make_task(const SweepSpec& spec) {
  using namespace models;
  const auto setting = spec.trial.find("model");
  if (setting == spec.trial.end()) {
    if (!spec.search_space.find("model")) {
      throw InputError({spec.file, 0, 0}, "trial.model", "is needed but not given",
                       "name one of " + in_a_row(model_names()));
    }
  } else {
    // Known to the task too, which cannot say so before the data is read.
    const auto known = model_names();
    const std::string name = setting->second.value.to_string();
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      throw InputError(setting->second.where, "trial.model", "there is no model '" + name + "'",
                       did_you_mean(name, known) + "It can be " + in_a_row(known));
    }
  }
  return std::make_unique<SupervisedTask>(spec, registered_models());
}

}  // namespace lockstep
