#include <lockstep/models/metrics.h>

#include <cmath>

#include <torch/torch.h>

namespace lockstep::models {

namespace F = torch::nn::functional;

std::vector<Metric> classification_metrics() {
  return {
      {"accuracy", [](torch::Tensor output, torch::Tensor targets) { return output.argmax(1).eq(targets); }, {}},
      {"error", [](torch::Tensor output, torch::Tensor targets) { return output.argmax(1).ne(targets); }, {}},
      {"loss",
       [](torch::Tensor output, torch::Tensor targets) {
         return F::cross_entropy(output, targets, F::CrossEntropyFuncOptions().reduction(torch::kNone));
       },
       {}},
  };
}

std::vector<Metric> language_metrics() {
  const auto loss = [](torch::Tensor output, torch::Tensor targets) {
    const auto each = F::cross_entropy(output.flatten(0, -2), targets.flatten(),
                                       F::CrossEntropyFuncOptions().reduction(torch::kNone));
    return each.view(targets.sizes());
  };
  return {
      {"loss", loss, {}},
      {"bits_per_character", loss, [](double mean, const torch::Tensor&) { return mean / std::log(2.0); }},
      {"perplexity", loss, [](double mean, const torch::Tensor&) { return std::exp(mean); }},
      {"accuracy", [](torch::Tensor output, torch::Tensor targets) { return output.argmax(-1).eq(targets); }, {}},
      {"error", [](torch::Tensor output, torch::Tensor targets) { return output.argmax(-1).ne(targets); }, {}},
  };
}

std::vector<Metric> regression_metrics(double target_std) {
  const auto squared_error = [](torch::Tensor output, torch::Tensor targets) { return (output - targets).square(); };
  const auto absolute_error = [](torch::Tensor output, torch::Tensor targets) { return (output - targets).abs(); };
  const auto r2 = [](double mean, const torch::Tensor& targets) {
    const double variance = targets.to(torch::kDouble).var(/*unbiased=*/false).item<double>();
    // A part whose targets are all equal: perfect or not, as scikit-learn's r2_score has it.
    if (variance == 0) return mean == 0 ? 1.0 : 0.0;
    return 1 - mean / variance;
  };
  return {
      {"r2", squared_error, r2},
      {"rmse", squared_error, [=](double mean, const torch::Tensor&) { return std::sqrt(mean) * target_std; }},
      {"mae", absolute_error, [=](double mean, const torch::Tensor&) { return mean * target_std; }},
      {"mse", squared_error, [=](double mean, const torch::Tensor&) { return mean * target_std * target_std; }},
      {"loss", squared_error, {}},
  };
}

}  // namespace lockstep::models
