#include <lockstep/torch/sweep.h>

#include <lockstep/bayesian.h>
#include <lockstep/sampling.h>

#include "torch/device_context.h"

namespace lockstep {

TaskSweep run_sweep(const Task& task, const SweepSpec& spec, TorchExecutorOptions options,
                    std::span<SweepObserver* const> observers, const std::atomic<bool>* stop_requested) {
  TaskSweep out;
  out.seed = options.seed = spec.sampling.seed.value_or(options.seed);
  const Context context = device_context(options.device, out.seed);
  const Backend& backend = backend_of(options.device);
  out.configurations = sample(backend, context, spec);
  const std::unique_ptr<Proposer> proposer = make_proposer(spec, out.seed);
  options.configurations_change = proposer != nullptr;
  const auto executor = make_torch_executor(task, out.configurations, spec.trial, spec.objective, options);
  out.result = proposer ? run_sweep(spec, out.configurations, *proposer, *executor, backend, context, observers, stop_requested)
                        : run_sweep(spec, out.configurations, *executor, backend, context, observers, stop_requested);
  out.best_weights = executor->kept_weights();
  return out;
}

}  // namespace lockstep
