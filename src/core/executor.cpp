#include <lockstep/error.h>
#include <lockstep/executor.h>

namespace lockstep {

void Executor::exploit(std::span<const Exploit>) {
  throw TaskError("these trials cannot take over each other's weights; choose an early_termination other than pbt");
}

}  // namespace lockstep
