#include "store/sqlite.h"

#include <cstring>

#include <sqlite3.h>

#include <lockstep/error.h>

namespace lockstep {

Database::Database(const std::string& path, Mode mode) : path_(path) {
  const int flags = mode == Mode::kCreate  ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
                    : mode == Mode::kWrite ? SQLITE_OPEN_READWRITE
                                           : SQLITE_OPEN_READONLY;
  if (sqlite3_open_v2(path.c_str(), &handle_, flags | SQLITE_OPEN_NOMUTEX, nullptr) == SQLITE_OK) return;
  try {
    fail();
  } catch (...) {
    sqlite3_close(handle_);  // SQLite hands out a connection even when opening fails
    throw;
  }
}

Database::~Database() { sqlite3_close_v2(handle_); }

void Database::fail() const {
  const int code = handle_ ? sqlite3_extended_errcode(handle_) : SQLITE_NOMEM;
  std::string message = path_ + ": " + (handle_ ? sqlite3_errmsg(handle_) : "out of memory");
  const int system_error = handle_ ? sqlite3_system_errno(handle_) : 0;
  const int kind = code & 0xff;
  const bool is_system = kind == SQLITE_IOERR || kind == SQLITE_CANTOPEN || kind == SQLITE_FULL;
  if (is_system && system_error != 0) message += std::string(" (") + std::strerror(system_error) + ")";
  if (kind == SQLITE_FULL || kind == SQLITE_IOERR) message += "; free space, or choose another folder with --output";
  if (kind == SQLITE_CANTOPEN || kind == SQLITE_READONLY) message += "; choose another folder with --output";
  if (kind == SQLITE_BUSY || kind == SQLITE_LOCKED) message += "; another program has been writing to it for too long";
  if (kind == SQLITE_NOTADB || kind == SQLITE_CORRUPT) message += "; it is not a database, or is damaged";
  throw OutputError(message);
}

void Database::execute(const char* sql) {
  if (sqlite3_exec(handle_, sql, nullptr, nullptr, nullptr) != SQLITE_OK) fail();
}

std::optional<std::string> Database::query_text(const char* sql) {
  Statement statement(*this, sql);
  if (!statement.step()) return std::nullopt;
  return statement.text(0);
}

void Database::set_busy_timeout(int timeout_ms) { sqlite3_busy_timeout(handle_, timeout_ms); }

Statement::Statement(Database& database, const char* sql) : database_(database) {
  check(sqlite3_prepare_v2(database.handle(), sql, -1, &handle_, nullptr));
}

Statement::~Statement() { sqlite3_finalize(handle_); }

void Statement::check(int code) {
  if (code != SQLITE_OK) database_.fail();
}

Statement& Statement::bind(int index, int64_t value) {
  check(sqlite3_bind_int64(handle_, index, value));
  return *this;
}

Statement& Statement::bind(int index, double value) {
  check(sqlite3_bind_double(handle_, index, value));
  return *this;
}

Statement& Statement::bind(int index, const std::string& value) {
  check(sqlite3_bind_text(handle_, index, value.data(), static_cast<int>(value.size()), SQLITE_TRANSIENT));
  return *this;
}

Statement& Statement::bind_null(int index) {
  check(sqlite3_bind_null(handle_, index));
  return *this;
}

void Statement::run() {
  while (step()) {
  }
}

bool Statement::step() {
  const int code = sqlite3_step(handle_);
  if (code == SQLITE_ROW) return true;
  if (code != SQLITE_DONE) {
    // The failure's words are gone after a reset; without one the statement would hold its lock.
    try {
      database_.fail();
    } catch (...) {
      sqlite3_reset(handle_);
      throw;
    }
  }
  check(sqlite3_reset(handle_));
  return false;
}

bool Statement::is_null(int column) const { return sqlite3_column_type(handle_, column) == SQLITE_NULL; }
int64_t Statement::integer(int column) const { return sqlite3_column_int64(handle_, column); }
double Statement::real(int column) const { return sqlite3_column_double(handle_, column); }

std::string Statement::text(int column) const {
  const auto* bytes = reinterpret_cast<const char*>(sqlite3_column_text(handle_, column));
  return bytes ? std::string(bytes, static_cast<size_t>(sqlite3_column_bytes(handle_, column))) : std::string();
}

}  // namespace lockstep
