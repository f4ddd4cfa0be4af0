#pragma once

#include <memory>
#include <string>
#include <vector>

#include <lockstep/sweep_spec.h>
#include <lockstep/torch/task.h>

namespace lockstep {

namespace models {
/// The names that `trial.model` can have.
std::vector<std::string> model_names();
}  // namespace models

/// The training task that a sweep file's `trial:` block names: `model` (`registered_models`) on `dataset` (see
/// `lockstep/models/dataset.h`). Reads the data. Throws InputError for an unknown model, data set or setting, DataError for
/// a file that cannot be used.
///
/// What each model reads is in docs/models.md; what every trial reads in `supervised_task.h`.
std::unique_ptr<Task> make_task(const SweepSpec& spec);

}  // namespace lockstep
