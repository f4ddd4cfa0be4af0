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

/// The training task that a sweep file's `trial:` block names: `model` (mlp) on `dataset` (see `data/load.h`). Reads
/// the data. Throws InputError for an unknown model, data set or setting, DataError for a file that cannot be used.
///
/// The MLP reads `hidden` (64: the width of each hidden layer, or a list of widths), `depth` (2: hidden layers, where
/// `hidden` is one width; 0 makes a linear model) and `activation` (relu), each of which splits trials into cohorts;
/// what else a trial reads is listed in `supervised_task.h`.
std::unique_ptr<Task> make_task(const SweepSpec& spec);

}  // namespace lockstep
