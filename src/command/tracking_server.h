#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "command/http_listener.h"
#include "command/metric_sink.h"

namespace lockstep {

class TrackedTrial;

/// What programs that run as trials report to, apart from the network: MLflow's tracking interface, and one of ours for
/// shell scripts and for azureml-core's `Run`. Every trial has an address of its own, which nobody guesses, and reaches
/// nothing but its own runs. Safe to use from any thread.
class TrackingRequests {
 public:
  explicit TrackingRequests(MetricSink& sink);
  ~TrackingRequests();

  struct Address {
    std::string path;  ///< what its requests begin with: "/t/SECRET/TRIAL"
    std::string run_id;
  };
  /// Lets a trial in; a second time with an address that is new.
  /// @param artifact_directory absolute
  Address open(int64_t trial, const std::string& artifact_directory);
  /// What comes later from it is refused. Does not wait for what is held.
  void close(int64_t trial);

  /// Answers, for metrics when the sink has decided. Statuses are 200 and 4xx: on others, clients try again.
  HttpReply answer(const HttpRequest& request);

  /// The requests so far that there is no answer to, "GET runs/nothing", the first thousand, in their order.
  std::vector<std::string> unknown_requests() const;

 private:
  struct Opened {
    std::string secret;
    std::shared_ptr<TrackedTrial> trial;  ///< also in the hands of requests under way
  };

  MetricSink& sink_;
  mutable std::mutex mutex_;
  std::map<int64_t, Opened> open_;
  std::vector<std::string> unknown_;
};

/// The same on 127.0.0.1, on a port that is free.
class TrackingServer {
 public:
  /// @param n_trials_at_once each may hold requests open, 64 of them
  /// Throws OutputError where there is no port to listen on.
  TrackingServer(MetricSink& sink, int n_trials_at_once);

  /// Lets a trial in, before its program starts.
  /// @param artifact_directory absolute path of the folder for what the program logs as artifacts; made by its client
  /// @return what the program's environment needs, "NAME=value" each
  std::vector<std::string> open(int64_t trial, const std::string& artifact_directory);
  /// Later requests of it are refused, by an error that says that the trial is over.
  void close(int64_t trial);

  std::vector<std::string> unknown_requests() const { return requests_.unknown_requests(); }

 private:
  TrackingRequests requests_;
  HttpListener listener_;  ///< last: its end waits for the requests under way, no longer than the sink holds them
};

}  // namespace lockstep
