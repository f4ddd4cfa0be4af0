#include "command/http_listener.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <list>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <httplib.h>

#include <lockstep/error.h>

namespace lockstep {
namespace {

using Clock = std::chrono::steady_clock;

constexpr auto kPatience = std::chrono::seconds(30);  // for a whole request to come, and for a reply to go
constexpr size_t kMaxHeadBytes = size_t{64} << 10;
constexpr size_t kMaxBodyBytes = size_t{16} << 20;
constexpr int kBacklog = 256;

/// A socket as httplib reads it. Its own stream waits anew for every byte, so that a client that trickles keeps a thread
/// for ever, and it refuses every descriptor above 1023, which a process that has hundreds of children gets to.
class BoundedStream : public httplib::Stream {
 public:
  explicit BoundedStream(int socket) : socket_(socket) {}

  /// The head is read: the body may follow.
  void expect_body() { may_read_ += kMaxBodyBytes; }

  bool is_readable() const override { return wait(POLLIN); }
  bool is_writable() const override { return wait(POLLOUT); }
  ssize_t read(char* bytes, size_t size) override {
    if (used_ == held_) {  // httplib asks for one byte at a time
      if (may_read_ == 0 || !wait(POLLIN)) return -1;
      held_ = receive(buffer_, std::min(sizeof buffer_, may_read_));
      used_ = 0;
      if (held_ <= 0) return std::exchange(held_, 0);
      may_read_ -= static_cast<size_t>(held_);
    }
    const size_t n = std::min(size, static_cast<size_t>(held_ - used_));
    std::memcpy(bytes, buffer_ + used_, n);
    used_ += static_cast<ssize_t>(n);
    return static_cast<ssize_t>(n);
  }
  ssize_t write(const char* bytes, size_t size) override {
    end_ = Clock::now() + kPatience;  // however long the answer was in coming
    if (!wait(POLLOUT)) return -1;
    return send(socket_, bytes, size, MSG_NOSIGNAL | MSG_DONTWAIT);
  }
  void get_remote_ip_and_port(std::string& ip, int& port) const override { ip = "127.0.0.1", port = 0; }
  void get_local_ip_and_port(std::string& ip, int& port) const override { ip = "127.0.0.1", port = 0; }
  socket_t socket() const override { return 0; }  // only compared with FD_SETSIZE, and there is no select() here

 private:
  ssize_t receive(char* bytes, size_t size) const { return recv(socket_, bytes, size, MSG_DONTWAIT); }
  bool wait(short event) const {
    for (;;) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(end_ - Clock::now()).count();
      if (left <= 0) return false;
      pollfd descriptor{socket_, event, 0};
      const int ready = poll(&descriptor, 1, static_cast<int>(left));
      if (ready > 0) return true;
      if (ready == 0 || errno != EINTR) return false;
    }
  }

  const int socket_;
  Clock::time_point end_ = Clock::now() + kPatience;
  size_t may_read_ = kMaxHeadBytes;
  char buffer_[4096];
  ssize_t held_ = 0, used_ = 0;
};

/// httplib's reading of a request and writing of a reply, without its sockets and threads.
class Protocol : public httplib::Server {
 public:
  explicit Protocol(std::function<HttpReply(const HttpRequest&)> answer) {
    set_payload_max_length(kMaxBodyBytes);
    set_keep_alive_max_count(1);
    const auto handler = [answer](const httplib::Request& request, httplib::Response& response) {
      HttpRequest ours{request.method, request.get_header_value(kPathHeader), request.params, request.body};
      const HttpReply reply = answer(ours);
      response.status = reply.status;
      response.set_content(reply.body, "application/json");
    };
    Get("/", handler).Post("/", handler).Put("/", handler).Patch("/", handler).Delete("/", handler);
    // What is refused before it gets to the handler: an error as the clients read it.
    set_error_handler([](const httplib::Request&, httplib::Response& response) {
      if (response.body.empty()) {
        response.set_content(R"({"error_code": "BAD_REQUEST", "message": "this is no request that is answered here"})",
                             "application/json");
      }
    });
    set_exception_handler([](const httplib::Request&, httplib::Response& response, std::exception_ptr) { response.status = 400; });
  }

  void serve(int socket) {
    BoundedStream stream(socket);
    bool ignored = false;
    process_request(stream, true, ignored, [&stream](httplib::Request& request) {
      stream.expect_body();
      // Every path has the one handler: a regular expression that is matched with a long path takes much stack.
      request.headers.erase(kPathHeader);
      request.headers.emplace(kPathHeader, std::exchange(request.path, "/"));
      // Bodies are taken as they are: what is packed would grow beyond bounds.
      request.headers.erase("Content-Encoding");
      request.headers.erase("Content-Type");
      // Nothing said about a body means that there is none, not that it ends with the connection.
      if (!request.has_header("Content-Length") && !request.has_header("Transfer-Encoding")) {
        request.set_header("Content-Length", "0");
      }
    });
  }

 private:
  static constexpr const char* kPathHeader = "Lockstep-Path";
};

int listen_on_loopback() {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (socket < 0 || bind(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      listen(socket, kBacklog) != 0) {
    const int failure = errno;
    if (socket >= 0) ::close(socket);
    throw OutputError(std::string("cannot listen on 127.0.0.1 for what the trials report: ") + std::strerror(failure));
  }
  return socket;
}

}  // namespace

class HttpListener::Connections {
 public:
  Connections(std::function<HttpReply(const HttpRequest&)> answer, size_t limit)
      : protocol_(std::move(answer)), limit_(limit), socket_(listen_on_loopback()), accepting_([this] { accept_all(); }) {}

  ~Connections() {
    {
      const std::lock_guard lock(mutex_);
      ending_ = true;
      shutdown(socket_, SHUT_RDWR);  // accept returns
      for (const Connection& connection : connections_) {
        if (!connection.done) shutdown(connection.socket, SHUT_RDWR);  // reads and writes return
      }
    }
    accepting_.join();
    for (Connection& connection : connections_) connection.thread.join();
    ::close(socket_);
  }

  int port() const {
    sockaddr_in address{};
    socklen_t size = sizeof address;
    getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &size);
    return ntohs(address.sin_port);
  }

 private:
  struct Connection {
    int socket;
    bool done = false;  ///< the thread has closed the socket, and ends
    std::thread thread = {};
  };

  void accept_all() {
    for (;;) {
      // Close-on-exec: a child that had somebody else's connection would keep it open.
      const int socket = accept4(socket_, nullptr, nullptr, SOCK_CLOEXEC);
      // Out of descriptors or memory for now, or a client that went away again.
      if (socket < 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
      const std::lock_guard lock(mutex_);
      reap();
      if (socket >= 0 && (ending_ || connections_.size() >= limit_ || !start(socket))) ::close(socket);
      if (ending_) return;
    }
  }

  bool start(int socket) {
    const int yes = 1;
    setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    connections_.push_back({socket});
    const auto self = std::prev(connections_.end());
    try {
      self->thread = std::thread([this, self, socket] {
        protocol_.serve(socket);
        const std::lock_guard lock(mutex_);
        shutdown(socket, SHUT_RDWR);
        ::close(socket);
        self->done = true;
      });
    } catch (const std::system_error&) {  // no more threads to be had
      connections_.pop_back();
      return false;
    }
    return true;
  }

  /// Lets go of the threads that are done. Under the lock.
  void reap() {
    for (auto each = connections_.begin(); each != connections_.end();) {
      if (each->done) {
        each->thread.join();
        each = connections_.erase(each);
      } else {
        ++each;
      }
    }
  }

  Protocol protocol_;
  const size_t limit_;
  const int socket_;
  std::mutex mutex_;
  bool ending_ = false;
  std::list<Connection> connections_;
  std::thread accepting_;  ///< last: it uses all of the above
};

HttpListener::HttpListener(std::function<HttpReply(const HttpRequest&)> answer, size_t n_connections)
    : connections_(std::make_unique<Connections>(std::move(answer), n_connections)) {}
HttpListener::~HttpListener() = default;
int HttpListener::port() const { return connections_->port(); }

}  // namespace lockstep
