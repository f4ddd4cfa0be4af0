// What runs without a batching rule is correct, and said once by its name.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <lockstep/torch/executor.h>
#include <torch/library.h>

#include "executor_calls.h"
#include "torch/faithful_models.h"

namespace lockstep {
namespace slow_ops_test {

using namespace lockstep::testing;
using ::testing::HasSubstr;
using ::testing::Not;

/// A user's own op, of which LibTorch knows nothing but how to run it.
torch::Tensor halve(const torch::Tensor& x) { return x / 2; }

TORCH_LIBRARY(lockstep_test, library) { library.def("halve(Tensor x) -> Tensor", halve); }

struct WithOwnOp : Mlp {
  torch::Tensor forward(torch::Tensor x) {
    static const auto op = c10::Dispatcher::singleton()
                               .findSchemaOrThrow("lockstep_test::halve", "")
                               .typed<torch::Tensor(const torch::Tensor&)>();
    return op.call(Mlp::forward(x));
  }
};

struct WithoutOwnOp : Mlp {
  torch::Tensor forward(torch::Tensor x) { return halve(Mlp::forward(x)); }
};

std::unique_ptr<Executor> executor_of(const Task& task, const Configurations& configurations) {
  static const Settings settings;
  TorchExecutorOptions options;
  options.tile_size = 3;
  return make_torch_executor(task, configurations, settings, {Goal::kMinimize, "loss", {}}, options);
}

std::string notes_of(const Executor& executor) {
  std::string out;
  for (const auto& note : executor.notes()) out += note + "\n";
  return out;
}

TEST(SlowOps, AreSaidOnceByNameAndComputeTheSame) {
  const Configurations configurations = table({{"lr", spread(6, 0.01, 0.1)}});
  const FunctionTask own = model_task([] { return built<WithOwnOp>(); }, OptimizerKind::kSgd);
  const FunctionTask plain = model_task([] { return built<WithoutOwnOp>(); }, OptimizerKind::kSgd);
  ::testing::internal::CaptureStderr();
  const auto slow = executor_of(own, configurations), fast = executor_of(plain, configurations);
  slow->start(in_own_slots(iota(6)));
  fast->start(in_own_slots(iota(6)));
  const auto a = train_interval(*slow, 6), b = train_interval(*fast, 6);
  EXPECT_THAT(::testing::internal::GetCapturedStderr(), Not(HasSubstr("performance drop")));
  for (size_t t = 0; t < 6; ++t) EXPECT_NEAR(a[t], b[t], 1e-6 * b[t]);
  const std::string line = "lockstep_test::halve has no batching rule: it runs trial by trial\n";
  const std::string notes = notes_of(*slow);
  ASSERT_THAT(notes, HasSubstr(line));
  EXPECT_EQ(notes.find(line), notes.rfind(line));
  EXPECT_THAT(notes_of(*fast), Not(HasSubstr("batching rule")));
}

}  // namespace slow_ops_test
}  // namespace lockstep
