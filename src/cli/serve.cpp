#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <thread>

#include <arpa/inet.h>

#include <httplib.h>

#include <lockstep/error.h>

#include "cli/commands.h"
#include "core/atomic_file.h"
#include "core/random_token.h"
#include "report/live_sweep.h"
#include "report/report_page.h"
#include "report/sweeps_data.h"
#include "store/export.h"
#include "store/output_directory.h"

namespace lockstep::cli {
namespace {

namespace fs = std::filesystem;
using httplib::Request;
using httplib::Response;
using Json = nlohmann::ordered_json;

constexpr size_t kThreads = 64;  // a page that is open keeps one
constexpr std::chrono::milliseconds kWait{500};  // how long a page's connection does not notice that the server ends
constexpr auto kKeepAlive = std::chrono::seconds(15);

struct ServeOptions {
  std::string directory;
  std::string host = "127.0.0.1";
  int port = 8265;
};

bool is_address(const std::string& host) {
  unsigned char ignored[sizeof(in6_addr)];
  return inet_pton(AF_INET, host.c_str(), ignored) == 1 || inet_pton(AF_INET6, host.c_str(), ignored) == 1;
}

/// The name in a Host header, without the port.
std::string host_name(const std::string& header) {
  if (header.starts_with("[")) return header.substr(1, header.find(']') - 1);
  return header.substr(0, header.find(':'));
}

class Server {
 public:
  explicit Server(const ServeOptions& options) : options_(options), token_(random_token()), folder_(options.directory) {
    std::error_code ignored;
    if (fs::exists(fs::path(options.directory) / kDatabaseFile, ignored)) {
      sweeps_[""] = std::make_shared<LiveSweep>(options.directory);
    } else if (!fs::is_directory(options.directory, ignored) || folder_.names().empty()) {
      throw OutputError(options.directory + ": it holds neither a sweep nor folders with sweeps; name a folder that " +
                        "`lockstep run` wrote, or the one above");
    }
    set_up();
  }

  /// Until `stop` is true.
  void run(const std::atomic<bool>& stop) {
    const int port = options_.port == 0 ? server_.bind_to_any_port(options_.host) : options_.port;
    if (port < 0 || (options_.port != 0 && !server_.bind_to_port(options_.host, port))) {
      throw OutputError("cannot listen on " + options_.host + ":" + std::to_string(options_.port) +
                        ": it is taken, or not this machine's; choose another with --port");
    }
    const bool is_v6 = options_.host.find(':') != std::string::npos;
    print("http://" + (is_v6 ? "[" + options_.host + "]" : options_.host) + ":" + std::to_string(port) + "/#token=" + token_ + "\n");
    std::thread listener([this] { server_.listen_after_bind(); });
    while (!stop) std::this_thread::sleep_for(std::chrono::milliseconds(100));
    ending_ = true;
    server_.stop();
    listener.join();
  }

 private:
  void set_up() {
    server_.new_task_queue = [] { return new httplib::ThreadPool(kThreads); };
    server_.set_default_headers({{"Cache-Control", "no-store"},
                                 {"X-Content-Type-Options", "nosniff"},
                                 {"X-Frame-Options", "DENY"},
                                 {"Referrer-Policy", "no-referrer"}});
    server_.set_pre_routing_handler([this](const Request& request, Response& response) {
      if (is_for_us(request)) return httplib::Server::HandlerResponse::Unhandled;
      // A page elsewhere whose name was made to lead here (DNS rebinding) could read the results otherwise.
      refuse(response, 403, "this host name is not served here");
      return httplib::Server::HandlerResponse::Handled;
    });
    server_.set_exception_handler([](const Request&, Response& response, std::exception_ptr failure) {
      try {
        std::rethrow_exception(failure);
      } catch (const OutputError& error) {
        refuse(response, 404, error.what());
      } catch (const std::exception& error) {
        refuse(response, 500, error.what());
      }
    });
    if (sweeps_.contains("")) {
      serve_sweep("/", [](const Request&) { return std::string(); });
      return;
    }
    server_.Get("/", [](const Request&, Response& response) {
      response.set_content(report_page(Json{{"live", true}}, "sweeps.html"), "text/html; charset=utf-8");
    });
    server_.Get("/sweeps.json", [this](const Request&, Response& response) {
      const std::lock_guard lock(mutex_);
      response.set_content(json_text(folder_.data(), -1), "application/json");
    });
    serve_sweep("/sweep/(.+)/", [](const Request& request) { return request.matches[1].str(); });
  }

  /// The page of a sweep, its events and its stop button, below a path. `name_of` a request: the sweep's name in the
  /// folder, "" for the folder itself.
  void serve_sweep(const std::string& path, const std::function<std::string(const Request&)>& name_of) {
    server_.Get(path, [this, name_of](const Request& request, Response& response) {
      sweep(name_of(request));  // or it is not there
      response.set_content(report_page(Json{{"live", true}}), "text/html; charset=utf-8");
    });
    server_.Get(path + "events", [this, name_of](const Request& request, Response& response) {
      const auto live = sweep(name_of(request));
      struct Page {
        LiveView view;
        int64_t version = 0;
        std::chrono::steady_clock::time_point last{};
      };
      response.set_chunked_content_provider(
          "text/event-stream", [this, live, page = std::make_shared<Page>()](size_t, httplib::DataSink& sink) {
            if (ending_) return false;
            const auto snapshot = live->wait(page->version, kWait);
            std::string event;
            if (snapshot->version != page->version) event = page->view.next_event(*snapshot);
            page->version = snapshot->version;
            const auto now = std::chrono::steady_clock::now();
            if (event.empty() && now - page->last > kKeepAlive) event = ": here\n\n";
            if (event.empty()) return true;
            page->last = now;
            return sink.write(event.data(), event.size());
          });
    });
    server_.Post(path + "stop", [this, name_of](const Request& request, Response& response) {
      // A header of our own: a form of another site cannot send one.
      if (request.get_header_value("X-Lockstep-Token") != token_) {
        return refuse(response, 403, "the token is not the one that `lockstep serve` printed");
      }
      const std::string& directory = sweep(name_of(request))->directory();
      if (!is_training(directory)) return refuse(response, 409, "no process trains this sweep");
      write_file_atomically(directory, kStopFile, "");
      response.set_content("The sweep ends after its interval.\n", "text/plain");
    });
  }

  std::shared_ptr<LiveSweep> sweep(const std::string& name) {
    const std::lock_guard lock(mutex_);
    if (const auto found = sweeps_.find(name); found != sweeps_.end()) return found->second;
    // Only what is listed: a name with '..' in it is not.
    const auto names = folder_.names();
    if (std::find(names.begin(), names.end(), name) == names.end()) throw OutputError(name + ": no such sweep");
    return sweeps_[name] = std::make_shared<LiveSweep>((fs::path(options_.directory) / name).string());
  }

  bool is_for_us(const Request& request) const {
    const std::string host = host_name(request.get_header_value("Host"));
    if (host != "localhost" && host != options_.host && !is_address(host)) return false;
    const std::string origin = request.get_header_value("Origin");
    return origin.empty() || origin == "http://" + request.get_header_value("Host");
  }

  static void refuse(Response& response, int status, const std::string& why) {
    response.status = status;
    response.set_content(why + "\n", "text/plain; charset=utf-8");
  }

  const ServeOptions options_;
  const std::string token_;
  std::atomic<bool> ending_{false};
  std::mutex mutex_;
  SweepFolder folder_;
  std::map<std::string, std::shared_ptr<LiveSweep>> sweeps_;  ///< by name; "": the folder itself
  httplib::Server server_;  ///< last: its threads use all of the above
};

std::atomic<bool> stop_requested{false};

void serve(const ServeOptions& options) {
  Server server(options);
  std::signal(SIGINT, [](int) { stop_requested = true; });
  std::signal(SIGTERM, [](int) { stop_requested = true; });
  server.run(stop_requested);
}

}  // namespace

void add_serve(CLI::App& app) {
  auto options = std::make_shared<ServeOptions>();
  auto* command = app.add_subcommand("serve", "show a sweep in a browser while it runs, or several beside each other");
  command->add_option("DIR", options->directory, "folder of a sweep's results, or one that holds such folders")->required();
  command->add_option("--port", options->port, "to listen on; 0: any that is free")->check(CLI::Range(0, 65535))->capture_default_str();
  command->add_option("--host", options->host, "address to listen on; others than this machine's own let everybody on the network read")
      ->capture_default_str();
  command->footer(
      "Prints the address to open; the token in it lets that browser stop the sweep. Ctrl-C ends the server, not the\n"
      "sweep.\n\n"
      "Example:\n"
      "  lockstep serve lockstep-results");
  command->callback([options] { serve(*options); });
}

}  // namespace lockstep::cli
