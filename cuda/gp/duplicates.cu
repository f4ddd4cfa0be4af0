// Points that there are already.
#include "cuda/common/algorithms.h"
#include "cuda/common/every_core.h"

namespace lockstep::LOCKSTEP_BACKEND_NAMESPACE {
namespace {

struct FindDuplicate {
  const double* x;
  const double* others;
  int64_t n_others, n_dims;
  double square;  ///< of the tolerance
  uint8_t* duplicate;

  LOCKSTEP_HD void operator()(int64_t i) const {
    const double* const point = x + i * n_dims;
    duplicate[i] = is_near_any(point, others, n_others) || is_near_any(point, x, i) ? 1 : 0;
  }
  LOCKSTEP_HD_INLINE bool is_near_any(const double* point, const double* points, int64_t n) const {
    for (int64_t j = 0; j < n; ++j) {
      if (is_near(point, points + j * n_dims)) return true;
    }
    return false;
  }
  /// Nearly always the first dimensions show that it is not.
  LOCKSTEP_HD_INLINE bool is_near(const double* a, const double* b) const {
    double sum = 0;
    for (int64_t d = 0; d < n_dims; ++d) {
      sum = fma(a[d] - b[d], a[d] - b[d], sum);
      if (!(sum <= square)) return false;
    }
    return true;
  }
};

}  // namespace

void gp_find_duplicates(const Context& context, const double* x, int64_t n, const double* others, int64_t n_others,
                        int64_t n_dims, double tolerance, uint8_t* duplicate) {
  constexpr int64_t kMinPoints = 256;
  for_each_index_on_every_core(context, n, kMinPoints,
                               FindDuplicate{x, others, n_others, n_dims, tolerance * tolerance, duplicate});
}

}  // namespace lockstep::LOCKSTEP_BACKEND_NAMESPACE
