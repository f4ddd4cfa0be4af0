#include <lockstep/torch/task.h>

#include <lockstep/error.h>
#include <lockstep/torch/trial_scope.h>

namespace lockstep {

torch::Tensor TrialProgram::training_loss(torch::Tensor inputs, torch::Tensor targets) const {
  if (augment) inputs = augment(inputs);
  if (step) return step(std::move(inputs), std::move(targets));
  if (!forward || !loss) throw TaskError("the task built a trial without a forward function and a loss, and without a step");
  return loss(forward(std::move(inputs)), std::move(targets));
}

torch::Tensor TrialProgram::prediction(torch::Tensor inputs) const {
  if (predict) return predict(std::move(inputs));
  if (!forward) throw TaskError("the task built a trial without a forward function, and without one that predicts");
  return forward(std::move(inputs));
}

torch::Tensor RowTimes::row(const torch::Tensor& hyperparameter) const {
  return physical(hyperparameter).detach().to(torch::kDouble).reshape({-1});
}

torch::Tensor RowStep::column(const torch::Tensor& hyperparameter) const {
  return physical(hyperparameter).detach().to(torch::kFloat).reshape({-1, 1});
}

}  // namespace lockstep
