// Damaged SQLite files where Optuna's tables are expected: refused by a lockstep::Error, or curves that a policy plays
// to, and trials.

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#include <fcntl.h>
#include <unistd.h>

#include "fuzz/policy_run.h"
#include "store/optuna_curves.h"
#include "store/optuna_import.h"

namespace {

/// One file, in memory where the system has a folder for that; written anew for every input.
const std::string& database_path() {
  static const std::string kPath = [] {
    std::string path = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    path += "/lockstep-fuzz-" + std::to_string(getpid()) + ".db";
    std::atexit([] { unlink(database_path().c_str()); });
    return path;
  }();
  return kPath;
}

void write_database(const uint8_t* data, size_t size) {
  std::FILE* file = std::fopen(database_path().c_str(), "wb");
  if (!file || std::fwrite(data, 1, size, file) != size || std::fclose(file) != 0) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace lockstep;
  write_database(data, size);
  try {
    const OptunaCurves optuna = load_optuna_curves(database_path(), size % 2 == 0 ? "" : "study");
    EarlyTermination policy;
    policy.kind = PolicyKind::kMedianStopping;
    fuzz::simulate(optuna.curves, optuna.goal.value_or(Goal::kMinimize), policy);
  } catch (const Error&) {
  }
  try {
    const ImportedSweep sweep = import_optuna_study(database_path(), size % 2 == 0 ? "" : "study");
    for (const ImportedTrial& trial : sweep.trials) {
      for (size_t column = 0; column < trial.draws.size(); ++column) {
        sweep.space[static_cast<int64_t>(column)].distribution.decode(trial.draws[column]);
      }
    }
  } catch (const Error&) {
  }
  return 0;
}
