// Random permutations: the order of examples.
#include <thrust/sort.h>

#include "cuda/common/algorithms.h"
#include "cuda/common/execution.h"
#include "cuda/common/philox.h"

namespace lockstep::LOCKSTEP_BACKEND_NAMESPACE {
namespace {

struct MakeKey {
  uint64_t seed;
  int64_t id;
  uint64_t* keys;
  int64_t* order;
  LOCKSTEP_HD void operator()(int64_t i) const {
    keys[i] = random_words(seed, RandomPurpose::kPermutation, id, static_cast<uint32_t>(i >> 32),
                           static_cast<uint32_t>(i))
                  .bits();
    order[i] = i;
  }
};

}  // namespace

void permutation(const Context& context, int64_t id, int64_t n, int64_t* order) {
  if (n <= 0) return;
  // Sorting by 64-bit keys: two of n keys are equal with probability n^2 / 2^65, and then keep their order.
  const DeviceBuffer<uint64_t> keys(context, n);
  for_each_index(context, n, MakeKey{context.seed, id, keys.data(), order});
  ThrustAllocator allocator(context);
  thrust::stable_sort_by_key(thrust_policy(context, allocator), keys.data(), keys.data() + n, order);
}

}  // namespace lockstep::LOCKSTEP_BACKEND_NAMESPACE
