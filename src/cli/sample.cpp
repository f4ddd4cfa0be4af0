#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <map>
#include <memory>

#include <lockstep/sampling.h>

#include "cli/commands.h"
#include "core/device_buffer.h"
#include "report/format.h"
#include "report/sample_writer.h"

namespace lockstep::cli {
namespace {

/// Draws at a time: enough to keep every core or a device busy, few enough for a cache or a little memory.
constexpr int64_t kDrawsAtOnceCpu = int64_t{1} << 20;
constexpr int64_t kDrawsAtOnceCuda = int64_t{1} << 22;
constexpr int64_t kMaxTrial = int64_t{1} << 53;

struct SampleOptions {
  std::string file;
  std::vector<std::string> set;
  std::string seed;
  int64_t n_trials = -1;  ///< -1: all of a grid
  int64_t first = 0;
  std::string format = "csv";
  std::string output;
  std::string device = "cpu";
};

/// Standard output or a file. A reader of standard output that went away is no error: `write` then returns false.
class Output {
 public:
  explicit Output(const std::string& path) : path_(path) {
    if (path.empty()) return;
    descriptor_ = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (descriptor_ < 0) fail();
  }
  ~Output() {
    if (!path_.empty() && descriptor_ >= 0) ::close(descriptor_);
  }
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;

  bool write(const std::string& text) {
    for (size_t done = 0; done < text.size();) {
      const ssize_t n = ::write(descriptor_, text.data() + done, text.size() - done);
      if (n >= 0) {
        done += static_cast<size_t>(n);
      } else if (errno == EPIPE) {
        return false;
      } else if (errno != EINTR) {
        fail();
      }
    }
    return true;
  }
  void close() {
    if (path_.empty()) return;
    const int descriptor = descriptor_;
    descriptor_ = -1;
    if (::close(descriptor) != 0) fail();
  }

 private:
  [[noreturn]] void fail() const {
    throw OutputError((path_.empty() ? "standard output" : path_) + ": " + std::strerror(errno) +
                      "; what it holds is not complete: choose another place with --output, or free space");
  }
  std::string path_;
  int descriptor_ = STDOUT_FILENO;
};

/// Sampling needs no LibTorch, so a device is there when its backend is.
const Backend& choose_backend(const std::string& text, Device& device) {
  if (const std::optional<Device> wanted = parse_device(text)) {
    device = *wanted;
    const Backend& backend = backend_for(device.kind);
    if (device.index >= backend.device_count()) {
      throw DeviceError("There is no device " + device.to_string() + "; `lockstep info` lists those that are there.");
    }
    return backend;
  }
  try {
    const Backend& backend = cuda_backend();
    device = {DeviceKind::kCuda, 0};
    return backend;
  } catch (const DeviceError&) {
    device = {};
    return host_backend();
  }
}

void sample_to(const SampleOptions& options) {
  std::vector<Override> overrides;
  for (const auto& text : options.set) overrides.push_back(parse_override(text));
  if (!options.seed.empty()) overrides.push_back({"sampling_algorithm.seed", options.seed});
  const SweepSpec spec = load_space_file(options.file, overrides);

  if (spec.sampling.algorithm == SamplingAlgorithm::kBayesian) {
    throw InputError({options.file}, "sampling_algorithm",
                     "is bayesian, whose configurations depend on what earlier ones came to",
                     "run the sweep, or see `lockstep optimize`; --set sampling_algorithm=random draws at random");
  }
  const bool grid = spec.sampling.algorithm == SamplingAlgorithm::kGrid;
  const int64_t available = max_trials(spec.sampling, spec.search_space);
  if (options.n_trials < 0 && !grid) throw CLI::RequiredError("-n (how many configurations; only a grid has an end)");
  const int64_t n_trials = options.n_trials >= 0 ? options.n_trials : std::max<int64_t>(available - options.first, 0);
  if (n_trials > available - options.first) {
    throw InputError({options.file}, "",
                     (grid ? "the grid has " + std::to_string(available) + " combinations"
                           : "the Sobol sequence has " + std::to_string(available) + " points") +
                         ", fewer than --first " + std::to_string(options.first) + " and -n " +
                         std::to_string(n_trials) + " ask for",
                     "lower them");
  }
  if (options.format == "none" && !options.output.empty()) {
    throw CLI::ValidationError("--output", "there is nothing to write with --format none");
  }
  if (options.format == "npy" && options.output.empty() && isatty(STDOUT_FILENO)) {
    throw CLI::ValidationError("--format", "npy is bytes, not for a terminal; add --output FILE, or a pipe");
  }

  Context context;
  const Backend& backend = choose_backend(options.device, context.device);
  if (options.device == "auto") {
    std::fprintf(stderr, "Device: %s (chosen by auto)\n", context.device.to_string().c_str());
  }
  context.seed = spec.sampling.seed ? *spec.sampling.seed : random_seed();
  if (!spec.sampling.seed && !grid) {
    const std::string seed = std::to_string(context.seed);
    std::fprintf(stderr, "Seed: %s (drawn; repeat with --seed %s)\n", seed.c_str(), seed.c_str());
  }

  const Sampler sampler(backend, context, spec.sampling, spec.search_space);
  const int64_t n_params = spec.search_space.n_params();
  const int64_t draws_at_once = context.device.kind == DeviceKind::kCpu ? kDrawsAtOnceCpu : kDrawsAtOnceCuda;
  const int64_t trials_at_once =
      std::min(std::max<int64_t>(draws_at_once / n_params, 1), std::max<int64_t>(n_trials, 1));
  const DeviceBuffer<double> device_draws(backend, context, static_cast<size_t>(trials_at_once * n_params));
  const auto in_chunks = [&](auto&& use) {
    for (int64_t done = 0; done < n_trials; done += trials_at_once) {
      const int64_t n = std::min(trials_at_once, n_trials - done);
      sampler.draw(options.first + done, n, device_draws.data());
      if (!use(options.first + done, n)) return;
    }
  };

  if (options.format == "none") {
    const auto start = std::chrono::steady_clock::now();
    in_chunks([](int64_t, int64_t) { return true; });
    backend.synchronize(context);
    const double elapsed_s = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    print(format_count(n_trials) + " configurations of " + std::to_string(n_params) + " hyperparameters in " +
          format_number(elapsed_s) + " s on " + context.device.to_string() + ": " +
          format_count(static_cast<int64_t>(static_cast<double>(n_trials) / std::max(elapsed_s, 1e-9))) +
          " a second\n");
    return;
  }
  static const std::map<std::string, SampleFormat> kFormats = {
      {"csv", SampleFormat::kCsv}, {"json", SampleFormat::kJson}, {"npy", SampleFormat::kNpy}};
  SampleWriter writer(spec.search_space, kFormats.at(options.format), n_trials);
  Output output(options.output);
  bool wanted = output.write(writer.header());
  if (!wanted) return;
  std::vector<double> draws(static_cast<size_t>(trials_at_once * n_params));
  std::string text;
  in_chunks([&](int64_t first, int64_t n) {
    device_draws.download(draws.data(), static_cast<size_t>(n * n_params));
    text.clear();
    writer.append(first, n, draws.data(), text);
    return wanted = output.write(text);
  });
  if (wanted) output.write(writer.footer());
  output.close();
}

}  // namespace

void add_sample(CLI::App& app) {
  auto options = std::make_shared<SampleOptions>();
  auto* command = app.add_subcommand("sample", "draw configurations of a search space");
  command->add_option("FILE", options->file, "sweep file, or a file with search_space (and sampling_algorithm) alone")
      ->required();
  command->add_option("-n,--n-trials", options->n_trials, "how many (default for a grid: all)")
      ->check(CLI::Range(int64_t{0}, kMaxTrial))
      ->type_name("N");
  command->add_option("--first", options->first, "number of the first trial")
      ->check(CLI::Range(int64_t{0}, kMaxTrial))
      ->type_name("N")
      ->capture_default_str();
  command->add_option("--seed", options->seed, "instead of sampling_algorithm.seed")->type_name("N");
  command
      ->add_option("--set", options->set, "change a value of the file: a dotted path and a YAML value; may be repeated")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
  command
      ->add_option("--format", options->format,
                   "csv, json, npy (the raw draws), or none: draw alone and print the rate")
      ->check(CLI::IsMember({"csv", "json", "npy", "none"}))
      ->capture_default_str();
  command->add_option("-o,--output", options->output, "file to write, instead of standard output")->type_name("FILE");
  command->add_option("--device", options->device, "auto, cpu, cuda or cuda:N; the same bits on each")
      ->capture_default_str();
  command->footer(
      "Trial K is what trial K of a sweep with that seed gets.\n\n"
      "Examples:\n"
      "  lockstep sample sweep.yml -n 1000 --seed 7 > configurations.csv\n"
      "  lockstep sample space.yml -n 4096 --set 'sampling_algorithm={type: random, rule: sobol}'\n"
      "  lockstep sample space.yml -n 1000000 --format npy --output draws.npy");
  command->callback([options] { sample_to(*options); });
}

}  // namespace lockstep::cli
