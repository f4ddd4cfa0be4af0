// Ask and tell, with no neural network: the four gains of a controller that balances a pole on a cart. A trial is tried in one
// episode after another, each begun from another push, and reports the mean cost so far; what falls behind is stopped after a few.

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <random>

#include <lockstep/study.h>

struct Gains {
  double position, speed, angle, turning;
};

/// Mean cost of ten seconds: how far the pole and the cart are from where they belong, and what it takes to hold them. A pole
/// that fell costs as much as if it lay there until the end.
double episode(const Gains& gains, int number) {
  constexpr double kStep = 0.01, kGravity = 9.81, kCart = 1.0, kPole = 0.1, kHalfLength = 0.5, kMaxForce = 15;
  constexpr int kSteps = 1000;
  std::mt19937 random(static_cast<unsigned>(number));
  std::uniform_real_distribution<double> push(-0.3, 0.3);
  std::normal_distribution<double> gust(0, 2);
  double x = 0, v = push(random), a = push(random), w = push(random), cost = 0;
  for (int step = 0; step < kSteps; ++step) {
    const double control = gains.position * x + gains.speed * v + gains.angle * a + gains.turning * w;
    const double force = std::clamp(control, -kMaxForce, kMaxForce) + gust(random);
    const double pull = (force + kPole * kHalfLength * w * w * std::sin(a)) / (kCart + kPole);
    const double turn = (kGravity * std::sin(a) - std::cos(a) * pull) /
                        (kHalfLength * (4.0 / 3 - kPole * std::cos(a) * std::cos(a) / (kCart + kPole)));
    v += kStep * (pull - kPole * kHalfLength * turn * std::cos(a) / (kCart + kPole));
    w += kStep * turn;
    x += kStep * v;
    a += kStep * w;
    if (std::abs(a) > 1 || std::abs(x) > 5) return (cost + 10.0 * (kSteps - step)) / kSteps;
    cost += 10 * a * a + x * x + 0.001 * control * control;
  }
  return cost / kSteps;
}

int main() {
  constexpr int kEpisodes = 20;
  lockstep::SweepSpec spec;
  spec.search_space.add("position", lockstep::loguniform(-3, 2)).add("speed", lockstep::loguniform(-3, 3));
  spec.search_space.add("angle", lockstep::loguniform(1, 5)).add("turning", lockstep::loguniform(-1, 4));
  spec.sampling.algorithm = lockstep::SamplingAlgorithm::kSobol;
  spec.objective = {lockstep::Goal::kMinimize, "cost", {}};
  spec.limits.max_total_trials = 500;
  spec.early_termination = {.kind = lockstep::PolicyKind::kMedianStopping, .delay_evaluation = 3};

  try {
    lockstep::Study study(spec, {.seed = 7});
    while (const auto trial = study.ask()) {
      const Gains gains{trial->number("position"), trial->number("speed"), trial->number("angle"), trial->number("turning")};
      double cost = 0;
      for (int number = 1; number <= kEpisodes; ++number) {
        cost += episode(gains, number);
        if (study.report(trial->id(), cost / number)) break;
      }
      study.finish(trial->id());
    }
    const lockstep::SweepResult result = study.end();
    const auto best = study.best();
    std::printf("best of %ld: trial %ld, cost %.4f", result.progress.n_trials, best->trial.id(), best->metric);
    for (const auto& [name, gain] : best->trial.values()) std::printf(", %s %.3g", name.c_str(), gain.as_real());
    std::printf("\n%ld were stopped; %ld episodes were simulated instead of %d\n", result.progress.n_stopped,
                result.progress.trial_intervals, 500 * kEpisodes);
  } catch (const lockstep::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return static_cast<int>(error.exit_code());
  }
}
