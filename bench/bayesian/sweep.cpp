// Runs a sweep with the sampler of its file, or with one that another program has, and prints how the best metric grew.
//
// Another program is asked and told over its standard input and output, a JSON document a line:
//   {"parameters": {NAME: Optuna's distribution}, "names": [NAME, ...], "maximize": BOOL, "seed": N}     first
//   {"ask": N}                          answered by [[draw, ...], ...], in the order of the names
//   {"tell": TRIAL, "state": "COMPLETE" | "PRUNED" | "FAIL", "reports": [metric, ...]}, trials numbered as they were asked
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <lockstep/bayesian.h>
#include <lockstep/error.h>
#include <lockstep/models/task_registry.h>
#include <lockstep/sampling.h>
#include <lockstep/torch/executor.h>

#include "store/optuna_distribution.h"
#include "timing.h"

namespace {

using namespace lockstep;
using Json = nlohmann::json;

/// A program that reads and writes lines.
class Peer {
 public:
  explicit Peer(const std::string& command) {
    int to[2], from[2];
    if (pipe(to) != 0 || pipe(from) != 0) throw std::runtime_error("no pipe");
    process_ = fork();
    if (process_ == 0) {
      dup2(to[0], STDIN_FILENO);
      dup2(from[1], STDOUT_FILENO);
      for (const int end : {to[0], to[1], from[0], from[1]}) close(end);
      execl("/bin/sh", "sh", "-c", ("exec " + command).c_str(), nullptr);
      _exit(127);
    }
    close(to[0]);
    close(from[1]);
    to_ = fdopen(to[1], "w");
    from_ = fdopen(from[0], "r");
  }
  ~Peer() {
    std::fclose(to_);
    std::fclose(from_);
    waitpid(process_, nullptr, 0);
  }
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  void write(const Json& line) {
    std::fprintf(to_, "%s\n", line.dump().c_str());
    if (std::fflush(to_) != 0) throw std::runtime_error("the sampler's program has ended");
  }
  Json read() {
    std::string line;
    for (int c; (c = std::fgetc(from_)) != EOF && c != '\n';) line.push_back(static_cast<char>(c));
    if (line.empty()) throw std::runtime_error("the sampler's program has ended");
    return Json::parse(line);
  }

 private:
  pid_t process_;
  std::FILE* to_;
  std::FILE* from_;
};

class PeerProposer final : public Proposer {
 public:
  PeerProposer(const std::string& command, const SweepSpec& spec, uint64_t seed) : peer_(command) {
    Json parameters = Json::object();
    for (const Parameter& parameter : spec.search_space.parameters()) {
      names_.push_back(parameter.name);
      parameters[parameter.name] = Json::parse(optuna_distribution_json(parameter.distribution));
    }
    peer_.write({{"parameters", parameters}, {"names", names_}, {"maximize", spec.objective.goal == Goal::kMaximize}, {"seed", seed}});
  }
  std::vector<double> propose(int64_t n) override {
    peer_.write({{"ask", n}});
    std::vector<double> out;
    const Json answer = peer_.read();
    for (const Json& row : answer) {
      for (const Json& draw : row) out.push_back(draw.get<double>());
    }
    if (out.size() != static_cast<size_t>(n) * names_.size()) throw std::runtime_error("not as many draws as were asked");
    return out;
  }
  void on_interval(const IntervalReport& report) override {
    for (const MetricReport& each : report.metrics) reports_[each.trial].push_back(each.metric);
    for (const TrialEnd& end : report.ends) {
      const char* state = end.state == TrialState::kFinished   ? "COMPLETE"
                          : end.state == TrialState::kDiverged ? "FAIL"
                                                               : "PRUNED";
      peer_.write({{"tell", end.trial}, {"state", state}, {"reports", reports_[end.trial]}});
      reports_.erase(end.trial);
    }
  }

 private:
  Peer peer_;
  std::vector<std::string> names_;
  std::map<int64_t, std::vector<double>> reports_;
};

/// Seconds, trials started and the best metric, whenever that grew, and at the end.
class Trace final : public SweepObserver {
 public:
  void on_interval(const IntervalReport& report) override {
    const Progress& now = report.progress;
    last = {now.elapsed_s, now.n_trials - now.n_waiting, now.trial_intervals, now.best.metric};
    if (now.best.trial < 0 || (!rows.empty() && rows.back()[3] == last[3])) return;
    rows.push_back(last);
  }
  Json rows = Json::array();
  Json last;
};

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("a sweep's best metric by time and trials");
  std::string file, peer;
  std::vector<std::string> set;
  uint64_t seed = 0;
  app.add_option("FILE", file, "sweep file")->required();
  app.add_option("--seed", seed);
  app.add_option("--set", set, "KEY=VALUE, as in lockstep run")->allow_extra_args(false);
  app.add_option("--peer", peer, "a program that chooses the configurations");
  CLI11_PARSE(app, argc, argv);
  bench::refuse_debug_build();
  try {
    std::vector<Override> overrides;
    for (const std::string& text : set) overrides.push_back(parse_override(text));
    if (!peer.empty()) overrides.push_back({"sampling_algorithm", "bayesian"});
    const SweepSpec spec = load_sweep_file(file, overrides);
    Context context;
    context.seed = seed;
    context.allocator = &host_backend().allocator();
    Configurations configurations = sample(host_backend(), context, spec);
    const std::unique_ptr<Task> task = make_task(spec);
    TorchExecutorOptions options;
    options.seed = seed;
    options.configurations_change = spec.sampling.algorithm == SamplingAlgorithm::kBayesian;
    const auto executor = make_torch_executor(*task, configurations, spec.trial, spec.objective, options);
    std::unique_ptr<Proposer> proposer = make_proposer(spec, seed);
    if (!peer.empty()) proposer = std::make_unique<PeerProposer>(peer, spec, seed);
    Trace trace;
    SweepObserver* const observers[] = {&trace};
    const auto go = [&](auto&&... chosen_by) {
      return run_sweep(spec, configurations, chosen_by..., *executor, host_backend(), context, observers);
    };
    const SweepResult result = proposer ? go(*proposer) : go();
    trace.rows.push_back(trace.last);
    const Progress& end = result.progress;
    std::printf("%s\n", Json({{"best", end.best.metric},
                              {"test", result.test_metric ? Json(*result.test_metric) : Json(nullptr)},
                              {"seconds", end.elapsed_s},
                              {"training_seconds", end.training_s},
                              {"epochs", end.trial_intervals},
                              {"stopped", end.n_stopped},
                              {"diverged", end.n_diverged},
                              {"trace", trace.rows}})
                            .dump()
                            .c_str());
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  return 0;
}
