#include <stdexcept>

#include <lockstep/error.h>
#include <lockstep/executor.h>

namespace lockstep {

void Executor::configure(std::span<const TrialConfiguration>) {
  throw TaskError("these trials cannot be given configurations while the sweep runs; choose a sampling_algorithm other "
                  "than bayesian");
}

Arrivals Executor::await(double) { throw std::logic_error("trials that train in intervals are not waited for"); }

void Executor::exploit(std::span<const Exploit>) {
  throw TaskError("these trials cannot take over each other's weights; choose an early_termination other than pbt");
}

void Executor::save(const ByteSink&) const {
  throw TaskError("these trials cannot be saved, so the sweep cannot be resumed; run it without checkpoints");
}

void Executor::restore(const ByteSource&, std::span<const Placement>, std::span<const Exploit>) {
  throw TaskError("these trials cannot be restored; run the sweep again from its start");
}

}  // namespace lockstep
