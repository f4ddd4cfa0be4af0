// A convolutional network of one's own, swept inside a program: augmentation from each trial's random streams, a schedule and two
// metrics of one's own, progress by callbacks, and an end as soon as the network is good enough.

#include <atomic>
#include <cmath>
#include <cstdio>

#include <lockstep/sweep_callbacks.h>
#include <lockstep/torch/sweep.h>
#include <torch/torch.h>

namespace nn = torch::nn;

struct CnnImpl : nn::Module {
  explicit CnnImpl(int64_t channels)
      : conv1(register_module("conv1", nn::Conv2d(nn::Conv2dOptions(1, channels, 3).padding(1)))),
        conv2(register_module("conv2", nn::Conv2d(nn::Conv2dOptions(channels, 2 * channels, 3).padding(1)))),
        last(register_module("last", nn::Linear(2 * channels * 16, 3))) {}
  torch::Tensor forward(torch::Tensor x) {
    x = torch::max_pool2d(torch::relu(conv1(x)), 2);
    x = torch::max_pool2d(torch::relu(conv2(x)), 2);
    return last(x.flatten(1));
  }
  nn::Conv2d conv1, conv2;
  nn::Linear last;
};
TORCH_MODULE(Cnn);

/// Discs, squares and crosses of 16x16 pixels, anywhere and of any size, in noise.
lockstep::DataPart shapes(int64_t n) {
  const auto label = torch::arange(n) % 3;
  const auto coordinate = torch::arange(16, torch::kFloat);
  const auto centre = 4 + 7 * torch::rand({2, n, 1, 1}), radius = 2.5 + 1.5 * torch::rand({n, 1, 1});
  const auto dy = (coordinate.view({1, 16, 1}) - centre[0]).abs(), dx = (coordinate.view({1, 1, 16}) - centre[1]).abs();
  const auto disc = (dx.square() + dy.square()).sqrt().lt(radius);
  const auto square = torch::max(dx, dy).lt(0.89 * radius);
  const auto cross = torch::min(dx, dy).lt(0.9).logical_and(torch::max(dx, dy).lt(1.3 * radius));
  const auto kind = label.view({n, 1, 1});
  const auto image = torch::where(kind.eq(0), disc, torch::where(kind.eq(1), square, cross)).to(torch::kFloat);
  return {(image + 0.3 * torch::randn(image.sizes())).unsqueeze(1), label};
}

int main() {
  torch::manual_seed(1);
  lockstep::SweepSpec spec;
  spec.search_space.add("lr", lockstep::loguniform(-6, -1)).add("channels", lockstep::choice({4, 8}));
  spec.search_space.add("warmup", lockstep::uniform(0, 0.3));
  spec.objective = {.goal = lockstep::Goal::kMaximize, .primary_metric = "accuracy"};
  spec.limits.max_total_trials = 32;
  spec.early_termination = {.kind = lockstep::PolicyKind::kMedianStopping, .delay_evaluation = 3};

  const std::vector<lockstep::Metric> metrics = {
      {.name = "accuracy", .per_example = [](torch::Tensor out, torch::Tensor y) { return out.argmax(1).eq(y); }},
      // The worst class's share of right answers: no mean over examples.
      {.name = "worst_class", .whole = [](torch::Tensor out, torch::Tensor y) {
         const auto of_class = torch::one_hot(y, 3).to(torch::kFloat);
         const auto right = out.argmax(1).eq(y).to(torch::kFloat);
         return (right.unsqueeze(1) * of_class).sum(0).div(of_class.sum(0)).amin();
       }}};
  const lockstep::FunctionTask task({"shapes", shapes(1536), shapes(384), shapes(384)}, metrics, [](const lockstep::TrialConfig& trial) {
    auto program = lockstep::trial_program(Cnn(trial.integer("channels")), nn::CrossEntropyLoss());
    program.augment = [](torch::Tensor x) {  // every image mirrored or not, in every trial in its own way
      const auto mirrored = torch::rand({x.size(0), 1, 1, 1}).lt(0.5);
      return torch::where(mirrored, x.flip(3), x);
    };
    program.optimizer.kind = lockstep::OptimizerKind::kAdam;
    program.optimizer.lr = trial.tensor("lr");
    // Up, then down along a cosine: a function of all rows, in which the part that rises varies.
    program.optimizer.schedule.own = [warmup = trial.tensor("warmup")](const lockstep::RowTimes& rows) {
      const auto done = rows.epoch / rows.n_epochs, rise = rows.row(warmup);
      const auto down = 0.5 * (1 + (M_PI * (done - rise) / (1 - rise)).cos());
      return rows.learning_rate * torch::where(done.lt(rise), (done / rise).clamp_min(0.01), down);
    };
    program.n_intervals = 12;
    return program;
  });

  std::atomic<bool> good_enough = false;
  lockstep::SweepCallbacks watch({.on_trial_end = [](const lockstep::TrialEnd& end) {
                                    if (end.state == lockstep::TrialState::kStopped) std::printf("trial %ld: %s\n", long(end.trial), end.reason.c_str());
                                  },
                                  .on_interval = [&](const lockstep::IntervalReport& report) {
                                    const auto& best = report.progress.best;
                                    std::printf("interval %2ld: best accuracy %.3f, %ld trials run\n", long(report.tick), best.metric, long(report.progress.n_running));
                                    if (best.metric >= 0.995) good_enough = true;
                                  }});
  try {
    const auto sweep = lockstep::run_sweep(task, spec, {.seed = 7, .observers = {&watch}, .stop_requested = &good_enough});
    std::printf("best: trial %ld with lr %s, channels %s; accuracy %.3f, worst class %.3f; on the test part %.3f and %.3f\n",
                long(sweep.result.best.trial), sweep.best_value("lr").to_string().c_str(), sweep.best_value("channels").to_string().c_str(),
                sweep.validation_metrics.at("accuracy"), sweep.validation_metrics.at("worst_class"), sweep.test_metrics.at("accuracy"),
                sweep.test_metrics.at("worst_class"));
  } catch (const lockstep::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return static_cast<int>(error.exit_code());
  }
}
