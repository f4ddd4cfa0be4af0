// Which ops the guard refuses, and where it sees them.

#include "torch/host_wait_guard.h"

#include <gtest/gtest.h>

#include <functional>
#include <thread>

#include <ATen/ThreadLocalState.h>
#include <lockstep/torch/trial_scope.h>
#include <torch/torch.h>

#include "torch/row_kernels.h"

namespace lockstep {
namespace host_wait_guard_test {

using torch::Tensor;

/// What is refused, without the stack trace; empty when nothing is.
std::string refusal(const std::function<void()>& work) {
  const HostWaitGuard guard;
  try {
    work();
  } catch (const c10::Error& error) {
    const std::string message = error.what_without_backtrace();
    const std::string said = " makes the host wait for the device where it must not: ";
    return message.find(said) == message.npos ? "not by the guard: " + message : message;
  }
  return "";
}

struct WaitingOp {
  std::string name;
  std::string said;  ///< first words of the refusal
  std::function<void(const Tensor&)> call;
};

std::vector<WaitingOp> waiting_ops() {
  const std::string read = "aten::_local_scalar_dense ";
  return {
      {"Item", read, [](const Tensor& x) { x[0].item<float>(); }},
      {"Condition", read, [](const Tensor& x) { (void)(x[0] > 0).is_nonzero(); }},
      {"Allclose", read, [](const Tensor& x) { (void)torch::allclose(x, x + 1); }},
      {"RepeatInterleave", read,
       [](const Tensor& x) { torch::repeat_interleave(x, torch::ones({x.numel()}, torch::kLong)); }},
      {"Nonzero", "aten::nonzero ", [](const Tensor& x) { x.nonzero(); }},
      {"NonzeroOut", "aten::nonzero ",
       [](const Tensor& x) {
         Tensor out = torch::empty({0}, torch::kLong);
         torch::nonzero_out(out, x);
       }},
      {"Argwhere", "aten::nonzero ", [](const Tensor& x) { torch::argwhere(x); }},
      {"IndexByMask", "aten::nonzero ", [](const Tensor& x) { x.index({x > 0}); }},
      {"WriteByMask", "aten::nonzero ", [](const Tensor& x) { x.clone().index_put_({x > 0}, torch::ones({2})); }},
      {"MaskedSelect", "aten::masked_select ", [](const Tensor& x) { x.masked_select(x > 0); }},
      {"MaskedSelectOut", "aten::masked_select ",
       [](const Tensor& x) {
         Tensor out = torch::empty({0});
         torch::masked_select_out(out, x, x > 0);
       }},
      {"Equal", "aten::equal ", [](const Tensor& x) { torch::equal(x, x + 1); }},
      {"EqualView", "aten::equal ", [](const Tensor& x) { torch::equal(x.narrow(0, 0, 2), x.narrow(0, 1, 2)); }},
      {"Unique", "aten::_unique2 ", [](const Tensor& x) { torch::_unique2(x); }},
      {"OldUnique", "aten::_unique ", [](const Tensor& x) { torch::_unique(x); }},
      {"UniqueConsecutive", "aten::unique_consecutive ", [](const Tensor& x) { torch::unique_consecutive(x); }},
      {"UniqueDim", "aten::unique_dim ", [](const Tensor& x) { torch::unique_dim(x, 0); }},
      {"UniqueDimConsecutive", "aten::unique_dim_consecutive ",
       [](const Tensor& x) { torch::unique_dim_consecutive(x, 0); }},
      {"Bincount", "aten::bincount ", [](const Tensor& x) { torch::bincount(x.ge(0).to(torch::kLong)); }},
      {"CopyToDevice", "a copy from cpu to meta ", [](const Tensor& x) { x.to(torch::kMeta); }},
      {"CopyIntoDevice", "a copy from cpu to meta ",
       [](const Tensor& x) { torch::empty({4}, torch::kMeta).copy_(x); }},
      {"CopyFromDevice", "a copy from meta to cpu ", [](const Tensor&) { torch::empty({4}, torch::kMeta).cpu(); }},
      {"TensorOfNumbers", "a copy from cpu to meta ",
       [](const Tensor&) { torch::tensor(std::vector<float>{1, 2}, torch::kMeta); }},
  };
}

Tensor numbers() { return torch::tensor({-1.0f, 0.0f, 1.0f, 2.0f}); }

class WaitingOps : public ::testing::TestWithParam<WaitingOp> {};

TEST_P(WaitingOps, AreRefused) {
  const std::string said = refusal([&] { GetParam().call(numbers()); });
  EXPECT_EQ(said.rfind(GetParam().said, 0), 0u) << said;
}

TEST_P(WaitingOps, AreRefusedInTrialScopeOfSharedTensors) {
  // The scope is made outside of the guard: it holds nothing that the guard could have looked at when it began.
  const Tensor x = numbers();
  const TrialScope scope(3);
  const std::string said = refusal([&] { GetParam().call(x); });
  EXPECT_EQ(said.rfind(GetParam().said, 0), 0u) << said;
}

TEST_P(WaitingOps, AreRefusedInTheBackwardPass) {
  struct Calls : torch::autograd::Function<Calls> {
    static Tensor forward(torch::autograd::AutogradContext* context, const Tensor& x, const WaitingOp* op) {
      context->saved_data["op"] = reinterpret_cast<int64_t>(op);
      return x * 2;
    }
    static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                   torch::autograd::variable_list gradients) {
      reinterpret_cast<const WaitingOp*>(context->saved_data["op"].toInt())->call(numbers());
      return {gradients[0] * 2, Tensor()};
    }
  };
  const Tensor x = numbers().requires_grad_();
  const Tensor loss = Calls::apply(x, &GetParam()).sum();
  const std::string said = refusal([&] {
    const RowKernels by_row(4);
    torch::autograd::grad({loss}, {x});
  });
  EXPECT_EQ(said.rfind(GetParam().said, 0), 0u) << said;
}

TEST_P(WaitingOps, AreLetThroughAfterwards) {
  refusal([] {});
  if (GetParam().said.rfind("a copy from meta", 0) == 0) return;  // which LibTorch refuses by itself
  EXPECT_NO_THROW(GetParam().call(numbers()));
}

INSTANTIATE_TEST_SUITE_P(Kinds, WaitingOps, ::testing::ValuesIn(waiting_ops()),
                         [](const auto& info) { return info.param.name; });

TEST(HostWaitGuard, RefusesWhatBatchingRulesDoWithPerTrialTensors) {
  const TrialScope scope(3);
  const Tensor x = scope.batched(torch::arange(6.0f).view({3, 2})), y = scope.batched(torch::arange(6.0f).view({3, 2}));
  // The rule of `equal` reads whether all trials agree.
  const std::string said = refusal([&] { (void)torch::equal(x, y); });
  EXPECT_EQ(said.rfind("aten::_local_scalar_dense ", 0), 0u) << said;
  EXPECT_EQ(refusal([&] { x.to(torch::kMeta); }).rfind("a copy from cpu to meta ", 0), 0u);
  EXPECT_EQ(refusal([&] { (void)torch::equal(x, x); }), "");  // as multi-head attention asks
}

TEST(HostWaitGuard, LetsThroughWhatDoesNotWait) {
  EXPECT_EQ(refusal([] {
              const Tensor x = numbers();
              EXPECT_TRUE(torch::equal(x, x));
              EXPECT_FALSE(torch::equal(x, x.narrow(0, 0, 2)));
              x.clone().copy_(x);
              x.to(torch::kDouble);
              torch::where(x > 0, x, torch::zeros_like(x)).masked_fill(x < 0, 0).sum();
              x.index_select(0, torch::arange(2));
            }),
            "");
}

TEST(HostWaitGuard, IsOfItsThreadAndNests) {
  const HostWaitGuard outer;
  { const HostWaitGuard inner; }
  EXPECT_ANY_THROW(numbers()[0].item<float>());
  std::thread([] { EXPECT_NO_THROW(numbers()[0].item<float>()); }).join();
  // As autograd's threads of a device take over the state of the thread that called them.
  const at::ThreadLocalState state;
  std::thread([&] {
    const at::ThreadLocalStateGuard as_there(state);
    EXPECT_ANY_THROW(numbers()[0].item<float>());
  }).join();
}

TEST(HostWaitGuard, SaysTheCure) {
  EXPECT_NE(refusal([] { numbers().nonzero(); }).find("torch::where"), std::string::npos);
  EXPECT_NE(refusal([] { numbers().to(torch::kMeta); }).find("register_buffer"), std::string::npos);
}

}  // namespace host_wait_guard_test
}  // namespace lockstep
