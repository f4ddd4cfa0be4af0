#pragma once

#include <vector>

#include <lockstep/torch/task.h>

namespace lockstep::models {

/// accuracy, error, loss; of outputs [n, n_classes] and class indices [n].
std::vector<Metric> classification_metrics();

/// loss (mean cross entropy, nats a character), bits_per_character, perplexity, accuracy, error; of outputs [n, context,
/// n_characters] and characters' indices [n, context].
std::vector<Metric> language_metrics();

/// r2, rmse, mae, mse and loss; of outputs [n] and targets [n], both standardised. All but r2 (which has no unit) and
/// loss are given in the target's own units by `target_std`.
std::vector<Metric> regression_metrics(double target_std);

}  // namespace lockstep::models
