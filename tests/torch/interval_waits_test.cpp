// An interval of a sweep under HostWaitGuard: training, evaluation and decision make the host wait for a device nowhere
// but where their results are read.

#include <gtest/gtest.h>

#include <cmath>
#include <optional>

#include <lockstep/error.h>
#include <lockstep/torch/executor.h>
#include <lockstep/torch/functional.h>
#include <lockstep/torch/trial_scope.h>

#include "core/decisions.h"
#include "executor_calls.h"
#include "torch/device_context.h"
#include "torch/faithful_models.h"
#include "torch/host_wait_guard.h"
#include "torch/tile.h"

namespace lockstep {
namespace interval_waits_test {

using namespace lockstep::testing;

constexpr int64_t kTrials = 12, kSlots = 8;
const Objective kLoss{Goal::kMinimize, "loss", {}};

/// An MLP whose trials have every hyperparameter and training option of their own.
struct AdjustedMlp : nn::Module {
  explicit AdjustedMlp(const torch::Tensor& dropout_rate)
      : first(register_module("first", nn::Linear(40, 21))),
        second(register_module("second", nn::Linear(21, 3))),
        rate(register_buffer("rate", dropout_rate)) {}
  torch::Tensor forward(torch::Tensor x) {
    return second(lockstep::dropout(torch::gelu(first(x.flatten(1))), rate, is_training()));
  }
  nn::Linear first, second;
  torch::Tensor rate;
};

FunctionTask adjusted_task(OptimizerKind optimizer) {
  return FunctionTask(sequence_data(), model_task({}, optimizer).metrics(), [=](const TrialConfig& config) {
    const auto module = std::make_shared<AdjustedMlp>(config.tensor("dropout", 0.2));
    const torch::Tensor lr = config.tensor("lr");
    TrialProgram program;
    program.module = module;
    program.forward = [module](torch::Tensor x) { return module->forward(x); };
    program.loss = [smoothing = lr](torch::Tensor output, torch::Tensor y) {
      return lockstep::cross_entropy(output, y, smoothing);
    };
    program.batch_size = 16;
    program.n_intervals = 6;
    program.own_order = true;
    program.optimizer.kind = optimizer;
    program.optimizer.lr = lr;
    set_training_options(config, program.optimizer);
    return program;
  });
}

struct Kind {
  std::string name;
  std::function<FunctionTask()> task;
};

std::vector<Kind> kinds() {
  using Lstm = Recurrent<nn::LSTM, nn::LSTMOptions>;
  using Gru = Recurrent<nn::GRU, nn::GRUOptions>;
  const auto kind = [](const char* name, OptimizerKind optimizer, std::function<BuiltModel()> build) {
    return Kind{name, [=] { return model_task(build, optimizer); }};
  };
  return {
      kind("Mlp", OptimizerKind::kSgd, [] { return built<Mlp>(); }),
      kind("Cnn", OptimizerKind::kSgd, [] { return built<Cnn<nn::Dropout>>(nn::Dropout(0.3)); }),
      kind("Lstm", OptimizerKind::kAdam, [] { return built<Lstm>(); }),
      kind("Gru", OptimizerKind::kAdamW, [] { return built<Gru>(); }),
      kind("Transformer", OptimizerKind::kAdam, [] { return built<SmallTransformer>(0.2); }),
      {"AdjustedMlp", [] { return adjusted_task(OptimizerKind::kAdamW); }},
      {"AdjustedMlpBySgd", [] { return adjusted_task(OptimizerKind::kSgd); }},
  };
}

/// The host's backend, counting what on a device would make the host wait. One thread decides.
struct CountingBackend {
  CountingBackend() : table(host_backend()) {
    n_waits = 0;
    table.copy_to_host = [](const Context& context, void* host, const void* device, int64_t size_bytes) {
      ++n_waits;
      host_backend().copy_to_host(context, host, device, size_bytes);
    };
    table.synchronize = [](const Context& context) {
      ++n_waits;
      host_backend().synchronize(context);
    };
  }
  Backend table;
  static inline int n_waits = 0;
};

/// Trains a sweep whose trials are stopped and whose slots are refilled; returns what each slot reported at each
/// interval.
std::vector<std::vector<double>> sweep(const FunctionTask& task, bool guarded) {
  const Configurations configurations = table({{"lr", spread(kTrials, 0.002, 0.05)}});
  const Settings settings;
  TorchExecutorOptions options;
  options.seed = 7;
  options.tile_size = 4;
  options.n_threads = 2;
  options.refuse_host_waits = guarded;
  const auto executor = make_torch_executor(task, configurations, settings, kLoss, options);

  const Context context = device_context(torch::kCPU, options.seed);
  const CountingBackend backend;
  EarlyTermination policy;
  policy.kind = PolicyKind::kTruncationSelection;
  policy.truncation_percentage = 30;
  Decisions decisions(backend.table, context, Goal::kMinimize, policy, configurations,
                      std::vector<int32_t>(kTrials, 6), kSlots, std::nullopt);
  DecisionLog log = decisions.fill();
  std::vector<std::vector<double>> out;
  int n_stopped = 0;
  for (int n = 0; n < 5; ++n) {
    std::vector<int64_t> ended;
    std::vector<Placement> started;
    for (const Event& event : log.events) {
      if (event.trial >= 0 && event.successor != event.trial) ended.push_back(event.trial);
      if (event.successor >= 0 && event.successor != event.trial) started.push_back({event.slot, event.successor});
    }
    n_stopped += static_cast<int>(ended.size());
    executor->retire(ended);
    executor->start(started);
    std::optional<HostWaitGuard> guard;
    if (guarded) guard.emplace();
    executor->train_interval(decisions.metrics());
    CountingBackend::n_waits = 0;
    log = decisions.decide(0);
    EXPECT_EQ(CountingBackend::n_waits, 1) << "the length of the log is what the host reads of a decision";
    out.emplace_back(log.metrics.begin(), log.metrics.end());
  }
  EXPECT_GE(n_stopped, 4) << "slots were to be refilled";
  return out;
}

class IntervalWaits : public ::testing::TestWithParam<Kind> {};

TEST_P(IntervalWaits, OnlyForItsResults) {
  const FunctionTask task = GetParam().task();
  const auto guarded = sweep(task, true), free = sweep(task, false);
  ASSERT_EQ(guarded.size(), free.size());
  int n_reports = 0;
  for (size_t n = 0; n < free.size(); ++n) {
    for (size_t slot = 0; slot < kSlots; ++slot) {
      EXPECT_EQ(std::isfinite(guarded[n][slot]), std::isfinite(free[n][slot])) << "slot " << slot << ", interval " << n;
      if (!std::isfinite(free[n][slot])) continue;  // an empty one, when nobody waits any more
      EXPECT_EQ(guarded[n][slot], free[n][slot]) << "slot " << slot << ", interval " << n;
      ++n_reports;
    }
  }
  EXPECT_GE(n_reports, 30);
}

INSTANTIATE_TEST_SUITE_P(Kinds, IntervalWaits, ::testing::ValuesIn(kinds()),
                         [](const auto& info) { return info.param.name; });

/// What an interval of the MLP comes to say with something else for its loss, metric or forward function.
std::string failure(const std::function<void(TrialProgram&, Metric&)>& change, bool refuse = true) {
  const FunctionTask mlp = model_task([] { return built<Mlp>(); }, OptimizerKind::kSgd);
  Metric metric = mlp.metrics().front();
  TrialProgram unused;
  change(unused, metric);
  const FunctionTask task(sequence_data(), {metric}, [&](const TrialConfig& config) {
    TrialProgram program = mlp.build(config);
    Metric also_unused;
    change(program, also_unused);
    return program;
  });
  const Configurations configurations = table({{"lr", spread(4, 0.01, 0.05)}});
  const Settings settings;
  TorchExecutorOptions options;
  options.n_threads = 2;
  options.refuse_host_waits = refuse;
  const auto executor = make_torch_executor(task, configurations, settings, kLoss, options);
  executor->start(in_own_slots(iota(4)));
  try {
    train_interval(*executor, 4);
  } catch (const TaskError& error) {
    return error.what();
  }
  return "";
}

TEST(WaitingTask, IsRefusedByName) {
  const auto in_loss = [](TrialProgram& program, Metric&) {
    program.loss = [](torch::Tensor output, torch::Tensor y) {
      const double n_right_class = y.eq(0).sum().item<double>();  // of all trials, so that vmap has nothing against it
      return nn::functional::cross_entropy(output, y) * (1 + n_right_class / 100);
    };
  };
  const auto by_mask = [](TrialProgram& program, Metric&) {
    program.loss = [](torch::Tensor output, torch::Tensor y) {
      const auto known = y.ge(0).nonzero().squeeze(1);
      return nn::functional::cross_entropy(output.index_select(0, known), y.index_select(0, known));
    };
  };
  const auto in_metric = [](TrialProgram&, Metric& metric) {
    metric.per_example = [](torch::Tensor output, torch::Tensor y) {
      return output.sum(1) * static_cast<double>(y.max().item<int64_t>());
    };
  };
  const auto in_backward = [](TrialProgram& program, Metric&) {
    program.loss = [](torch::Tensor output, torch::Tensor y) {
      const torch::Tensor loss = nn::functional::cross_entropy(output, y), rows = physical(loss);
      rows.register_hook([](torch::Tensor gradient) { (void)gradient.isfinite().all().item<bool>(); });
      return loss;
    };
  };
  const auto said = [&](const auto& change) {
    const std::string message = failure(change);
    EXPECT_EQ(failure(change, false), "") << "it trains where waiting is allowed";
    EXPECT_NE(message.find("makes the host wait for the device"), std::string::npos) << message;
    return message;
  };
  EXPECT_NE(said(in_loss).find("aten::_local_scalar_dense"), std::string::npos);
  EXPECT_NE(said(by_mask).find("aten::nonzero"), std::string::npos);
  EXPECT_NE(said(in_metric).find("aten::_local_scalar_dense"), std::string::npos);
  EXPECT_NE(said(in_backward).find("aten::_local_scalar_dense"), std::string::npos);
}

TEST(ReadMetrics, FinishIsCalledOnTheHostForMeansThatAreNumbers) {
  const Metric metric{"m", {}, [](double mean, const torch::Tensor& targets) {
                        return mean + targets.sum().item<double>();
                      }};
  const torch::Tensor means = torch::tensor({1.5, std::nan(""), 2.5}, torch::kDouble);
  const Metric* const one = &metric;
  const auto read = read_metrics(means.unsqueeze(0), std::span(&one, 1), [] { return torch::tensor({1.0, 2.0}); }).front();
  EXPECT_EQ(read[0], 4.5);
  EXPECT_TRUE(std::isnan(read[1]));
  EXPECT_EQ(read[2], 5.5);
}

}  // namespace interval_waits_test
}  // namespace lockstep
