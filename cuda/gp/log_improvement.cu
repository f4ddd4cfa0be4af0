// The logarithm of the expected improvement.
#include "cuda/common/algorithms.h"
#include "cuda/common/execution.h"
#include "cuda/gp/improvement.h"

namespace lockstep::LOCKSTEP_BACKEND_NAMESPACE {
namespace {

struct ImprovementAtPoint {
  LogImprovement points;
  LOCKSTEP_HD void operator()(int64_t i) const {
    const double deviation = points.deviation[i];
    const Improvement of_z = improvement((points.mean[i] - points.best) / deviation);
    points.value[i] = log_ieee(deviation) + of_z.log_h;
    if (points.d_mean != nullptr) points.d_mean[i] = of_z.slope / deviation;
    if (points.d_deviation != nullptr) points.d_deviation[i] = of_z.density / deviation;
  }
};

}  // namespace

void gp_log_improvement(const Context& context, const LogImprovement& points) {
  for_each_index(context, points.n, ImprovementAtPoint{points});
}

}  // namespace lockstep::LOCKSTEP_BACKEND_NAMESPACE
