#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <string>

namespace lockstep {

/// What a request asks, apart from how it came.
struct HttpRequest {
  std::string method;
  std::string path;                           ///< decoded, without the query
  std::multimap<std::string, std::string> query;  ///< decoded
  std::string body;
};

/// An answer, always JSON.
struct HttpReply {
  int status = 200;
  std::string body = "{}";
};

/// Answers HTTP on 127.0.0.1, on a port that is free, with a thread a connection and a request a connection: an answer
/// may be long in coming and hold up nobody else. A request has to be whole within 30 s, its body within 16 MiB.
class HttpListener {
 public:
  /// @param answer called from many threads at once; must not throw
  /// @param n_connections more are turned away, which clients take for a reason to try again
  /// Throws OutputError where there is no port to listen on.
  HttpListener(std::function<HttpReply(const HttpRequest&)> answer, size_t n_connections);
  /// Ends all connections and waits for the calls of `answer` under way, and for nothing else.
  ~HttpListener();

  int port() const;

 private:
  class Connections;
  std::unique_ptr<Connections> connections_;
};

}  // namespace lockstep
