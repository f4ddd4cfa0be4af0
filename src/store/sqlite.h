#pragma once

#include <cstdint>
#include <optional>
#include <string>

struct sqlite3;
struct sqlite3_stmt;

namespace lockstep {

/// An SQLite connection, closed with its owner. Every failure is an OutputError that names the file and gives SQLite's
/// words and the system's. Used by one thread at a time.
class Database {
 public:
  enum class Mode { kCreate, kWrite, kRead };

  Database(const std::string& path, Mode mode);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  /// Runs statements that return nothing.
  void execute(const char* sql);
  /// First column of the first row of `sql`, or nullopt without a row.
  std::optional<std::string> query_text(const char* sql);
  /// How long a statement waits for another connection's lock.
  void set_busy_timeout(int timeout_ms);

  const std::string& path() const { return path_; }
  sqlite3* handle() const { return handle_; }
  /// Throws OutputError with the last failure's words.
  [[noreturn]] void fail() const;

 private:
  std::string path_;
  sqlite3* handle_ = nullptr;
};

/// A prepared statement, bound by position from 1 and stepped to its end. The database must outlive it.
class Statement {
 public:
  Statement(Database& database, const char* sql);
  ~Statement();
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  Statement& bind(int index, int64_t value);
  Statement& bind(int index, double value);
  Statement& bind(int index, const std::string& value);
  Statement& bind_null(int index);

  /// Runs to the end and is ready to be bound again.
  void run();
  /// Goes to the next row; false after the last, and then it is ready to be bound again.
  bool step();

  // Columns of the present row, from 0.
  bool is_null(int column) const;
  int64_t integer(int column) const;
  double real(int column) const;
  std::string text(int column) const;  ///< "" for NULL

 private:
  void check(int code);

  Database& database_;
  sqlite3_stmt* handle_ = nullptr;
};

}  // namespace lockstep
