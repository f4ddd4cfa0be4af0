#include "bayesian/thinning.h"

#include <algorithm>

#include <ATen/CPUGeneratorImpl.h>
#include <torch/torch.h>

namespace lockstep {
namespace {

using torch::Tensor;

constexpr int64_t kLeaders = 32;
constexpr int64_t kSpreadFrom = 16'384;

}  // namespace

Tensor thinned_rows(const Tensor& points, const Tensor& y, int64_t most, uint64_t seed) {
  const torch::NoGradGuard no_grad;
  const int64_t n = points.size(0);
  const Tensor order = y.argsort(0, /*descending=*/true);
  Tensor taken = torch::zeros({n}, torch::kBool);
  taken.index_fill_(0, order.narrow(0, 0, most / 4), true);
  const int64_t n_leaders = std::min(kLeaders, most);
  const Tensor leaders = points.index_select(0, order.narrow(0, 0, n_leaders));
  const Tensor near = std::get<1>(torch::cdist(leaders, points).topk(most / 2 / n_leaders, 1, /*largest=*/false));
  taken.index_fill_(0, near.flatten(), true);

  auto generator = at::make_generator<at::CPUGeneratorImpl>(seed);
  const Tensor others = taken.logical_not().nonzero().squeeze(1);
  const Tensor some = others.index_select(
      0, torch::randperm(others.size(0), generator, torch::kLong).narrow(0, 0, std::min(kSpreadFrom, others.size(0))));
  const Tensor candidates = points.index_select(0, some).contiguous();
  // The first is the farthest from the best one.
  Tensor distance = (candidates - leaders.narrow(0, 0, 1)).square().sum(1);
  for (int64_t left = most - taken.sum().item<int64_t>(); left > 0; --left) {
    const int64_t farthest = distance.argmax().item<int64_t>();
    taken[some[farthest].item<int64_t>()] = true;
    distance = torch::minimum(distance, (candidates - candidates[farthest]).square().sum(1));
    distance[farthest] = -1;  // also where all that is left is the same point
  }
  return taken.nonzero().squeeze(1);
}

}  // namespace lockstep
