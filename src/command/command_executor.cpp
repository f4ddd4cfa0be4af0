#include "command/command_executor.h"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <thread>

#include <nlohmann/json.hpp>

#include <lockstep/error.h>

#include "command/command_line.h"
#include "command/lenient_json.h"
#include "command/python_shim.h"
#include "core/argument_text.h"
#include "command/working_copy.h"
#include "core/end_reasons.h"
#include "core/trial_folders.h"

extern char** environ;

namespace lockstep {

namespace fs = std::filesystem;

namespace {

/// How long a program that is being ended is kept waiting for the reply to its report: one that the signal does not end at
/// once may want to save something.
constexpr std::chrono::milliseconds kReplyAfterEnd{500};
/// Of a line of output that a reason quotes.
constexpr size_t kLongestQuote = 200;
/// Metrics that a reason names.
constexpr size_t kMostNames = 10;

int64_t n_cores() { return std::max<int64_t>(1, std::thread::hardware_concurrency()); }

[[noreturn]] void fail(const std::string& path, const std::error_code& error) {
  throw OutputError(path + ": cannot be made: " + error.message());
}

void make_folder(const std::string& path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (error) fail(path, error);
}

/// `number` such that it reads back as it is, also where it is not finite, as Python's json has it.
std::string json_number(double number) {
  if (std::isnan(number)) return "NaN";
  if (std::isinf(number)) return number > 0 ? "Infinity" : "-Infinity";
  return nlohmann::json(number).dump();
}

/// A variable's value put before what it has, or alone.
std::string before(const std::string& value, const std::string& rest) { return rest.empty() ? value : value + ":" + rest; }

/// Variables of a process, the last of a name counting.
class Environment {
 public:
  Environment() {
    for (char** each = environ; *each != nullptr; ++each) set(*each);
  }
  void set(const std::string& assignment) {
    const size_t equals = assignment.find('=');
    if (equals != std::string::npos) values_[assignment.substr(0, equals)] = assignment.substr(equals + 1);
  }
  void set(const std::string& name, const std::string& value) { values_[name] = value; }
  bool has(const std::string& name) const { return values_.contains(name); }
  std::string get(const std::string& name) const {
    const auto found = values_.find(name);
    return found == values_.end() ? "" : found->second;
  }
  std::vector<std::string> list() const {
    std::vector<std::string> out;
    for (const auto& [name, value] : values_) out.push_back(name + "=" + value);
    return out;
  }

 private:
  std::map<std::string, std::string> values_;
};

}  // namespace

std::vector<std::string> visible_gpus() {
  std::vector<std::string> out;
  if (const char* const visible = std::getenv("CUDA_VISIBLE_DEVICES")) {
    const std::string text = visible;
    for (size_t at = 0; at < text.size();) {
      const size_t end = std::min(text.find(',', at), text.size());
      if (end > at) out.push_back(text.substr(at, end - at));
      at = end + 1;
    }
    return out;
  }
  std::error_code error;
  for (fs::directory_iterator it("/proc/driver/nvidia/gpus", error), end; !error && it != end; it.increment(error)) {
    out.push_back(std::to_string(out.size()));
  }
  return out;
}

CommandExecutor::CommandExecutor(const SweepSpec& spec, const Configurations& configurations, CommandOptions options)
    : spec_(spec), command_(*spec.command), configurations_(configurations), options_(std::move(options)) {
  options_.directory = fs::absolute(options_.directory).lexically_normal().string();
  if (options_.n_at_once < 1) options_.n_at_once = n_cores();
  shim_ = trials_folder(options_.directory) + "/" + kShimFolder;
  if (!command_.code.empty()) {
    snapshot_ = trials_folder(options_.directory) + "/" + kCodeFolder;
    if (!options_.is_resumed) check_code(command_.code);
  }
  server_ = std::make_unique<TrackingServer>(static_cast<MetricSink&>(*this), static_cast<int>(std::min<int64_t>(options_.n_at_once, 4096)));
  ChildCallbacks callbacks;
  callbacks.on_line = [this](int64_t id, std::string_view line) { on_line(id, line); };
  callbacks.on_end = [this](int64_t id, const ChildEnd& end) { on_end(id, end); };
  callbacks.on_warning = [this](int64_t id, const std::string& warning) {
    if (options_.warn) options_.warn("trial " + std::to_string(id) + ": " + warning);
  };
  children_ = std::make_unique<ChildProcesses>(std::move(callbacks));
}

CommandExecutor::~CommandExecutor() {
  std::vector<int64_t> ending;
  {
    // Nobody is held any more: what they say does not count.
    const std::lock_guard lock(mutex_);
    for (auto& [id, trial] : trials_) {
      if (!trial.is_launched || trial.end) continue;
      if (!trial.is_retired) children_->kill(id);
      trial.is_retired = true;
      ending.push_back(id);
    }
  }
  decided_.notify_all();
  for (const int64_t id : ending) children_->wait(id);  // those that were asked to end have their time to do so
  children_.reset();  // before the server, whose clients would wait for it for minutes
  server_.reset();
}

/// Before the first program: by then the folder is the sweep's, and what an earlier one left is gone.
void CommandExecutor::prepare_folders() {
  if (is_prepared_) return;
  is_prepared_ = true;
  make_folder(trials_folder(options_.directory));
  write_python_shim(shim_);
  if (snapshot_.empty() || fs::exists(snapshot_)) return;
  // Under another name until it is whole.
  const std::string partial = snapshot_ + ".partial";
  std::error_code error;
  fs::remove_all(partial, error);
  take_snapshot(command_.code, partial);
  fs::rename(partial, snapshot_, error);
  if (error) fail(snapshot_, error);
}

int64_t CommandExecutor::capacity() const { return options_.n_at_once; }

int64_t CommandExecutor::n_intervals(int64_t) const { throw std::logic_error("nobody knows how often a program reports"); }

void CommandExecutor::train_interval(double*) { throw std::logic_error("programs do not train in intervals"); }

std::vector<std::string> CommandExecutor::notes() const {
  std::vector<std::string> out;
  out.push_back("Programs at once: " + std::to_string(options_.n_at_once) +
                (options_.gpus.empty() ? "" : ", on " + std::to_string(options_.gpus.size()) + " GPUs"));
  if (!snapshot_.empty()) out.push_back("Code: a copy of " + command_.code);
  return out;
}

void CommandExecutor::start(std::span<const Placement> placements) {
  prepare_folders();
  std::unique_lock lock(mutex_);
  for (const auto& [slot, id] : placements) {
    Trial& trial = trials_[id];
    trial.slot = slot;
    if (options_.going_on.contains(id)) trial.last_step_before = last_step_of(id);
  }
  launch_waiting(lock);
}

/// Whether no program runs in it. Caller has the lock.
bool CommandExecutor::is_slot_free(int64_t slot) const {
  return std::none_of(trials_.begin(), trials_.end(),
                      [slot](const auto& each) { return each.second.slot == slot && each.second.is_launched; });
}

/// Starts those whose slot is free by now. Caller has the lock, which is given up meanwhile: programs talk at once.
void CommandExecutor::launch_waiting(std::unique_lock<std::mutex>& lock) {
  for (auto& [id, trial] : trials_) {
    if (trial.is_launched || trial.is_retired || !is_slot_free(trial.slot)) continue;
    trial.is_launched = true;
    trial.started_at = Clock::now();
    lock.unlock();
    launch(id, trial);  // only this thread removes trials
    lock.lock();
  }
}

void CommandExecutor::launch(int64_t id, Trial& trial) {
  const std::string folder = trial_folder(options_.directory, id);
  const std::string outputs = folder + "/outputs";
  const std::string work = folder + "/work";
  const bool goes_on = options_.going_on.contains(id);
  std::error_code error;
  if (!goes_on && fs::exists(folder)) {
    // What a run before left is no part of this one, and not lost.
    int64_t n = 1;
    while (fs::exists(folder + ".cut" + std::to_string(n))) ++n;
    fs::rename(folder, folder + ".cut" + std::to_string(n), error);
    if (error) fail(folder, error);
  }
  make_folder(outputs);
  for (const std::string& name : command_.outputs) make_folder(outputs + "/" + name);
  make_folder(work);
  if (!snapshot_.empty()) make_working_copy(snapshot_, work);
  // Where the reference's programs leave what is to be kept.
  if (!fs::exists(fs::symlink_status(work + "/outputs"))) fs::create_directory_symlink("../outputs", work + "/outputs", error);
  const std::string output = folder + "/output.txt";
  for (int64_t n = 1; goes_on && fs::exists(output); ++n) {
    const std::string earlier = folder + "/output." + std::to_string(n) + ".txt";
    if (!fs::exists(earlier)) fs::rename(output, earlier, error);
    if (error) fail(earlier, error);
  }

  ChildOptions child;
  child.command = command_line(command_, configurations_, id, outputs);
  if (goes_on && command_.resume == ResumeBy::kArgument) child.command += " --resume-from " + shell_quoted(outputs);
  child.directory = work;
  child.environment = environment(id, trial, folder);
  child.output_file = output;
  children_->start(id, child);
}

std::vector<std::string> CommandExecutor::environment(int64_t id, const Trial& trial, const std::string& folder) {
  Environment out;
  const std::string outputs = folder + "/outputs";
  out.set("PYTHONUNBUFFERED", "1");
  // Or every program would start a thread for each core.
  if (!out.has("OMP_NUM_THREADS")) {
    out.set("OMP_NUM_THREADS", std::to_string(std::max<int64_t>(1, n_cores() / options_.n_at_once)));
  }
  if (!options_.gpus.empty()) {
    out.set("CUDA_VISIBLE_DEVICES", options_.gpus[static_cast<size_t>(trial.slot) % options_.gpus.size()]);
  }
  for (const auto& [name, value] : command_.environment) out.set(name, value);
  for (const auto& [name, value] : sweep_environment(configurations_, id)) out.set(name, value);
  for (const std::string& each : server_->open(id, outputs + "/artifacts")) out.set(each);
  out.set("PYTHONPATH", before(shim_, out.get("PYTHONPATH")));
  if (!options_.program_folder.empty()) {
    const std::string path = out.get("PATH");
    out.set("PATH", path.empty() ? options_.program_folder : path + ":" + options_.program_folder);
  }
  out.set("LOCKSTEP_TRIAL", std::to_string(id));
  out.set("LOCKSTEP_OUTPUTS", outputs);
  if (options_.going_on.contains(id)) out.set("LOCKSTEP_RESUME_FROM", outputs);
  return out.list();
}

void CommandExecutor::retire(std::span<const int64_t> trials) {
  std::unique_lock lock(mutex_);
  for (const int64_t id : trials) {
    const auto found = trials_.find(id);
    if (found == trials_.end()) throw std::logic_error("trial " + std::to_string(id) + " is retired and does not run");
    Trial& trial = found->second;
    trial.is_retired = true;
    trial.retired_at = Clock::now();
    std::erase(given_, id);
    if (trial.is_launched && !trial.end) {
      children_->terminate(id, command_.grace_s);
    } else if (!trial.is_launched) {
      trials_.erase(found);
    }
  }
  lock.unlock();
  decided_.notify_all();
}

Arrivals CommandExecutor::await(double wait_s) {
  const auto until = Clock::now() + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(wait_s));
  std::unique_lock lock(mutex_);
  for (const int64_t id : given_) ++trials_.at(id).n_decided;
  given_.clear();
  decided_.notify_all();
  Arrivals out;
  for (;;) {
    end_overdue();
    std::vector<int64_t> gone;
    for (auto& [id, trial] : trials_) {
      if (trial.is_retired) {
        if (trial.end) gone.push_back(id);
      } else if (!trial.reports.empty()) {
        out.reports.push_back({id, trial.reports.front()});
        trial.reports.pop_front();
        ++trial.n_given;
        given_.push_back(id);
      } else if (trial.end) {
        out.exits.push_back(exit_of(id, trial));
        gone.push_back(id);
      }
    }
    for (const int64_t id : gone) {
      trials_.erase(id);
      lock.unlock();
      server_->close(id);
      if (!snapshot_.empty()) prune_working_copy(snapshot_, trial_folder(options_.directory, id) + "/work");
      lock.lock();
    }
    if (!gone.empty()) launch_waiting(lock);
    if (!out.reports.empty() || !out.exits.empty()) return out;
    if (news_.wait_until(lock, until) == std::cv_status::timeout) return out;
  }
}

/// Ends those that have run for limits.trial_timeout. Caller has the lock.
void CommandExecutor::end_overdue() {
  if (spec_.limits.trial_timeout_s <= 0) return;
  for (auto& [id, trial] : trials_) {
    if (!trial.is_launched || trial.is_retired || trial.has_timed_out || trial.end) continue;
    if (std::chrono::duration<double>(Clock::now() - trial.started_at).count() < spec_.limits.trial_timeout_s) continue;
    trial.has_timed_out = true;
    children_->terminate(id, command_.grace_s);
  }
}

void CommandExecutor::log(int64_t id, const std::vector<LoggedMetric>& metrics, bool hold) {
  std::unique_lock lock(mutex_);
  const auto find = [&]() -> Trial* {
    const auto found = trials_.find(id);
    return found == trials_.end() || found->second.is_retired ? nullptr : &found->second;
  };
  Trial* trial = find();
  if (!trial) return;
  write_metrics(id, metrics);
  bool has_reported = false;
  for (const LoggedMetric& metric : metrics) {
    ++trial->names[metric.name];
    if (metric.name != spec_.objective.primary_metric) continue;
    if (metric.step && trial->last_step_before && *metric.step <= *trial->last_step_before) continue;
    trial->reports.push_back(metric.value);
    ++trial->n_reported;
    has_reported = true;
  }
  if (!has_reported) return;
  news_.notify_all();
  if (!hold) return;
  const int64_t last = trial->n_reported;
  decided_.wait(lock, [&] {
    trial = find();
    return !trial || trial->n_decided >= last || trial->end;
  });
  if (trial) return;
  // It is being ended; the lock is given up for those that do not hang on it.
  const auto still_there = [&] {
    const auto found = trials_.find(id);
    return found != trials_.end() && !found->second.end;
  };
  decided_.wait_for(lock, kReplyAfterEnd, [&] { return !still_there(); });
}

/// Caller has the lock.
void CommandExecutor::write_metrics(int64_t id, const std::vector<LoggedMetric>& metrics) {
  const std::string path = trial_folder(options_.directory, id) + "/metrics.jsonl";
  std::ofstream file(path, std::ios::app);
  for (const LoggedMetric& metric : metrics) {
    file << "{\"name\": " << nlohmann::json(metric.name).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)
         << ", \"value\": " << json_number(metric.value);
    if (metric.step) file << ", \"step\": " << *metric.step;
    file << "}\n";
  }
  file.flush();
  if (file || has_metrics_failed_) return;
  has_metrics_failed_ = true;
  if (options_.warn) options_.warn(path + ": cannot be written; the sweep goes on");
}

/// The last step of the primary metric that metrics.jsonl has.
std::optional<int64_t> CommandExecutor::last_step_of(int64_t id) const {
  std::ifstream file(trial_folder(options_.directory, id) + "/metrics.jsonl");
  std::optional<int64_t> last;
  for (std::string line; std::getline(file, line);) {
    const nlohmann::json metric = parse_lenient_json(line);
    if (!metric.is_object() || metric.value("name", "") != spec_.objective.primary_metric) continue;
    const auto step = metric.find("step");
    if (step == metric.end()) continue;
    if (const std::optional<int64_t> number = integer_of(*step)) last = std::max(last.value_or(*number), *number);
  }
  return last;
}

void CommandExecutor::on_line(int64_t id, std::string_view line) {
  std::vector<LoggedMetric> metrics;
  {
    const std::lock_guard lock(mutex_);
    const auto found = trials_.find(id);
    if (found == trials_.end()) return;
    if (line.find_first_not_of(" \t\r") != std::string_view::npos) {
      found->second.last_line = std::string(line.substr(0, kLongestQuote));
    }
    metrics = found->second.output.read(std::string(line) + '\n');
  }
  if (!metrics.empty()) log(id, metrics, false);
}

void CommandExecutor::on_end(int64_t id, const ChildEnd& end) {
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = trials_.find(id); found != trials_.end()) found->second.end = end;
  }
  news_.notify_all();
  decided_.notify_all();
}

TrialExit CommandExecutor::exit_of(int64_t id, const Trial& trial) const {
  TrialExit exit = own_exit_of(id, trial);
  const auto before = options_.going_on.find(id);
  if (before != options_.going_on.end() && !before->second.end.empty()) {
    exit.reason = "resumed by hand after interval " + std::to_string(before->second.n_reports) + " (" + before->second.end +
                  "): " + exit.reason;
  }
  return exit;
}

TrialExit CommandExecutor::own_exit_of(int64_t id, const Trial& trial) const {
  if (trial.has_timed_out) {
    return {id, TrialState::kAborted, abort_reason(AbortCause::kTrialTimeout, n_reports_before(id) + trial.n_given)};
  }
  const std::string why = failure(trial);
  if (!why.empty()) return {id, TrialState::kFailed, "failed: " + why};
  return {id, TrialState::kFinished, program_finish_reason(n_reports_before(id) + trial.n_given)};
}

int64_t CommandExecutor::n_reports_before(int64_t id) const {
  const auto found = options_.going_on.find(id);
  return found == options_.going_on.end() ? 0 : found->second.n_reports;
}

/// What was wrong, or "".
std::string CommandExecutor::failure(const Trial& trial) const {
  const std::string quote = trial.last_line.empty() ? "it printed nothing" : "it printed last: " + trial.last_line;
  const ChildEnd& end = *trial.end;
  if (end.signal != 0) {
    const char* const name = strsignal(end.signal);
    return "ended by signal " + std::to_string(end.signal) + (name ? std::string(" (") + name + ")" : "") + "; " + quote;
  }
  if (end.exit_code != 0) {
    // What a shell makes of a signal that ended its command.
    const int by_signal = end.exit_code - 128;
    const char* const name = by_signal > 0 && by_signal < NSIG ? strsignal(by_signal) : nullptr;
    const bool no_code = snapshot_.empty() && trial.n_reported == 0;
    return "exit code " + std::to_string(end.exit_code) + (name ? std::string(" (") + name + ")" : "") + "; " + quote +
           (no_code ? " (it ran in an empty folder: name that of the program as trial.code)" : "");
  }
  // A trial that goes on may have had nothing left to do.
  if (trial.n_reported > 0 || trial.last_step_before) return "";
  std::string seen;
  size_t n = 0;
  for (const auto& [name, count] : trial.names) {
    if (++n > kMostNames) break;
    seen += (seen.empty() ? "" : ", ") + name;
  }
  return "it ended without a report of " + spec_.objective.primary_metric + "; " +
         (seen.empty() ? "it logged no metric"
                       : "it logged " + seen + (trial.names.size() > kMostNames ? ", ..." : ""));
}

}  // namespace lockstep
