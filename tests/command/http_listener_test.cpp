#include "command/http_listener.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <gtest/gtest.h>

namespace lockstep {
namespace {

using Clock = std::chrono::steady_clock;

/// A connection to a port, for what no client sends.
class RawClient {
 public:
  explicit RawClient(int port, uint32_t address = INADDR_LOOPBACK) : socket_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(static_cast<uint16_t>(port));
    to.sin_addr.s_addr = htonl(address);
    is_connected_ = connect(socket_, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0;
    timeval patience{60, 0};
    setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  }
  ~RawClient() { close(); }
  RawClient(const RawClient&) = delete;

  bool is_connected() const { return is_connected_; }
  bool send(const std::string& bytes) const {
    for (size_t at = 0; at < bytes.size();) {
      const ssize_t n = ::send(socket_, bytes.data() + at, bytes.size() - at, MSG_NOSIGNAL);
      if (n <= 0) return false;
      at += static_cast<size_t>(n);
    }
    return true;
  }
  void end_sending() const { shutdown(socket_, SHUT_WR); }
  /// All until the connection ends.
  std::string receive() const {
    std::string all;
    char buffer[4096];
    for (ssize_t n; (n = recv(socket_, buffer, sizeof buffer, 0)) > 0;) all.append(buffer, static_cast<size_t>(n));
    return all;
  }
  void close() {
    if (socket_ >= 0) ::close(socket_);
    socket_ = -1;
  }

 private:
  int socket_;
  bool is_connected_ = false;
};

std::string post(const std::string& path, const std::string& body) {
  return "POST " + path + " HTTP/1.1\r\nHost: x\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

std::string exchange(int port, const std::string& bytes) {
  const RawClient client(port);
  client.send(bytes);
  return client.receive();
}

HttpReply echo(const HttpRequest& request) {
  std::string query;
  for (const auto& [key, value] : request.query) query += key + "=" + value + ";";
  return {200, request.method + " " + request.path + " " + query + " " + std::to_string(request.body.size())};
}

int status_of(const std::string& reply) { return reply.starts_with("HTTP/1.1 ") ? std::stoi(reply.substr(9, 3)) : 0; }
std::string body_of(const std::string& reply) { return reply.substr(reply.find("\r\n\r\n") + 4); }

TEST(HttpListener, GivesRequestsAndTheirAnswers) {
  const HttpListener listener(echo, 8);
  EXPECT_EQ(body_of(exchange(listener.port(), post("/t/a%20b?x=1&x=2", "12345"))), "POST /t/a b x=1;x=2; 5");
  EXPECT_EQ(body_of(exchange(listener.port(), "GET /runs?id=%2F HTTP/1.1\r\n\r\n")), "GET /runs id=/; 0");
  EXPECT_EQ(body_of(exchange(listener.port(), "PATCH / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")), "PATCH /  3");
  EXPECT_EQ(body_of(exchange(listener.port(), "POST /none HTTP/1.1\r\n\r\n")), "POST /none  0") << "no body is said, so there is none";
  EXPECT_EQ(body_of(exchange(listener.port(), "POST /f HTTP/1.1\r\nContent-Type: multipart/form-data; boundary=x\r\nContent-Encoding: gzip\r\n"
                                              "Content-Length: 3\r\n\r\nabc")), "POST /f  3");
}

TEST(HttpListener, ListensOnLoopbackAlone) {
  const HttpListener listener(echo, 8);
  EXPECT_TRUE(RawClient(listener.port()).is_connected());
  // 127.0.0.2 is this machine's too: a socket bound to any address would take it.
  EXPECT_FALSE(RawClient(listener.port(), INADDR_LOOPBACK + 1).is_connected());
}

TEST(HttpListener, GarbageIsRefusedAndOthersAreServed) {
  const HttpListener listener(echo, 32);
  const std::string head(100'000, 'x');
  for (const std::string& bytes : {std::string("\r\n"), std::string("GET\r\n\r\n"), std::string("GET / HTTP/9\r\n\r\n"), std::string("NOPE / HTTP/1.1\r\n\r\n"),
                                   std::string(1000, '\0') + "\r\n\r\n", "GET /" + head + " HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\r\nX: " + head + "\r\n\r\n",
                                   std::string("POST / HTTP/1.1\r\nContent-Length: -5\r\n\r\nabc"),
                                   std::string("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffff\r\nabc"),
                                   std::string("POST / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\nabc"),
                                   std::string("GET / HTTP/1.1\r\nRange: bytes=x\r\n\r\n"), std::string("GET /%zz%00?%=%&&= HTTP/1.1\r\n\r\n")}) {
    const RawClient client(listener.port());
    client.send(bytes);
    client.end_sending();
    const int status = status_of(client.receive());
    EXPECT_TRUE(status == 0 || (status >= 200 && status < 500)) << bytes.substr(0, 60) << " " << status;
    EXPECT_EQ(status_of(exchange(listener.port(), post("/", "abc"))), 200) << bytes.substr(0, 60);
  }
  // Headers without an end.
  const RawClient client(listener.port());
  client.send("GET / HTTP/1.1\r\n");
  while (client.send("X: y\r\nX: y\r\nX: y\r\nX: y\r\n")) {
  }
  EXPECT_EQ(status_of(exchange(listener.port(), post("/", "abc"))), 200);
}

TEST(HttpListener, RandomBytesAreHarmless) {
  const HttpListener listener(echo, 32);
  std::mt19937 random(1);
  const std::string good = post("/t/x/7/report", "{\"metrics\": {\"a\": 1}}");
  for (int i = 0; i < 300; ++i) {
    std::string bytes = good;
    for (unsigned n = random() % 20; n > 0; --n) bytes[random() % bytes.size()] = static_cast<char>(random());
    bytes.resize(random() % (bytes.size() + 1));
    const RawClient client(listener.port());
    client.send(bytes);
    client.end_sending();
    const int status = status_of(client.receive());
    EXPECT_TRUE(status == 0 || (status >= 200 && status < 500)) << bytes;
  }
  EXPECT_EQ(status_of(exchange(listener.port(), good)), 200);
}

TEST(HttpListener, BodiesAreBounded) {
  const HttpListener listener(echo, 8);
  EXPECT_EQ(body_of(exchange(listener.port(), post("/", std::string(16 << 20, 'x')))), "POST /  " + std::to_string(16 << 20));
  const RawClient client(listener.port());
  client.send("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n");
  const std::string chunk = "100000\r\n" + std::string(1 << 20, 'x') + "\r\n";
  int sent = 0;
  while (sent < 100 && client.send(chunk)) ++sent;
  EXPECT_LT(sent, 40);
}

TEST(HttpListener, ConnectionsThatSayNothingHoldUpNobodyAndNotTheEnd) {
  std::vector<std::unique_ptr<RawClient>> idle;
  const auto listener = std::make_unique<HttpListener>(echo, 200);
  for (int i = 0; i < 150; ++i) {
    idle.push_back(std::make_unique<RawClient>(listener->port()));
    if (i % 2 == 0) idle.back()->send("POST / HTTP/1.1\r\nContent-Length: 1000\r\n\r\nabc");
  }
  const auto start = Clock::now();
  EXPECT_EQ(status_of(exchange(listener->port(), post("/", "abc"))), 200);
  EXPECT_LT(Clock::now() - start, std::chrono::seconds(5));
}

TEST(HttpListener, EndsAtOnceWithConnectionsOpen) {
  auto listener = std::make_unique<HttpListener>(echo, 8);
  const RawClient silent(listener->port()), half(listener->port());
  half.send("POST / HTTP/1.1\r\nContent-Length: 1000\r\n\r\nabc");
  EXPECT_EQ(status_of(exchange(listener->port(), post("/", "abc"))), 200);
  const auto start = Clock::now();
  listener.reset();
  EXPECT_LT(Clock::now() - start, std::chrono::seconds(5));
  EXPECT_EQ(silent.receive(), "");
}

TEST(HttpListener, MoreConnectionsThanAllowedAreTurnedAway) {
  const HttpListener listener(echo, 4);
  std::vector<std::unique_ptr<RawClient>> idle;
  for (int i = 0; i < 4; ++i) idle.push_back(std::make_unique<RawClient>(listener.port()));
  EXPECT_EQ(exchange(listener.port(), post("/", "abc")), "");
  idle.clear();
  int status = 0;
  for (int i = 0; i < 500 && status != 200; ++i) {  // the listener sees in its own time that they went
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    status = status_of(exchange(listener.port(), post("/", "abc")));
  }
  EXPECT_EQ(status, 200);
}

TEST(HttpListener, AHeldAnswerHoldsUpNobody) {
  std::mutex mutex;
  std::condition_variable changed;
  bool is_held = true;
  std::atomic<int> held{0};
  const HttpListener listener(
      [&](const HttpRequest& request) {
        if (request.path == "/hold") {
          ++held;
          std::unique_lock lock(mutex);
          changed.wait(lock, [&] { return !is_held; });
        }
        return echo(request);
      },
      128);
  std::atomic<int> answered{0};
  std::vector<std::thread> clients;
  for (int i = 0; i < 100; ++i) {
    clients.emplace_back([&] { answered += status_of(exchange(listener.port(), post("/hold", "abc"))) == 200; });
  }
  while (held < 100) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  EXPECT_EQ(status_of(exchange(listener.port(), post("/", "abc"))), 200);
  EXPECT_EQ(answered, 0);
  {
    const std::lock_guard lock(mutex);
    is_held = false;
    changed.notify_all();
  }
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(answered, 100);
}

TEST(HttpListener, DescriptorsAbove1023AreServed) {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = std::min<rlim_t>(limit.rlim_max, 4096);
  setrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_cur < 1200) GTEST_SKIP() << "this process may not open so many";
  std::vector<int> open;
  while (open.empty() || open.back() < 1100) open.push_back(dup(STDERR_FILENO));
  const HttpListener listener(echo, 8);
  EXPECT_EQ(status_of(exchange(listener.port(), post("/", "abc"))), 200);
  for (const int descriptor : open) ::close(descriptor);
}

}  // namespace
}  // namespace lockstep
