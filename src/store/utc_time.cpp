#include "store/utc_time.h"

#include <cstdio>
#include <ctime>

namespace lockstep {

namespace {

using std::chrono::microseconds;

constexpr int64_t kMicrosecondsPerSecond = 1'000'000;
constexpr int64_t kSecondsPerDay = 86'400;

/// Calendar fields and the microseconds within the second.
std::tm utc_fields(UtcTime time, int64_t& fraction) {
  const int64_t total = std::chrono::duration_cast<microseconds>(time.time_since_epoch()).count();
  fraction = total % kMicrosecondsPerSecond;
  const std::time_t seconds = total / kMicrosecondsPerSecond;
  std::tm fields = {};
  gmtime_r(&seconds, &fields);
  return fields;
}

}  // namespace

std::string utc_text(UtcTime time) {
  int64_t fraction = 0;
  const std::tm fields = utc_fields(time, fraction);
  char date[32];
  std::strftime(date, sizeof(date), "%Y-%m-%d %H:%M:%S", &fields);
  char text[48];
  std::snprintf(text, sizeof(text), "%s.%06lld", date, static_cast<long long>(fraction));
  return text;
}

UtcTime parse_utc(const std::string& text) {
  std::tm fields = {};
  int fraction = 0;
  const int n_read = std::sscanf(text.c_str(), "%4d-%2d-%2d %2d:%2d:%2d.%6d", &fields.tm_year, &fields.tm_mon,
                                 &fields.tm_mday, &fields.tm_hour, &fields.tm_min, &fields.tm_sec, &fraction);
  if (n_read < 6) return {};
  fields.tm_year -= 1900;
  fields.tm_mon -= 1;
  return std::chrono::system_clock::from_time_t(timegm(&fields)) + microseconds(n_read == 7 ? fraction : 0);
}

std::string utc_stamp(UtcTime time) {
  int64_t fraction = 0;
  const std::tm fields = utc_fields(time, fraction);
  char text[32];
  std::strftime(text, sizeof(text), "%Y%m%d-%H%M%S", &fields);
  return text;
}

std::string timedelta_text(UtcTime from, UtcTime to) {
  const int64_t total = std::chrono::duration_cast<microseconds>(to - from).count();
  const int64_t seconds = total / kMicrosecondsPerSecond;
  char text[64];
  std::snprintf(text, sizeof(text), "%lld days %02lld:%02lld:%02lld.%06lld",
                static_cast<long long>(seconds / kSecondsPerDay),
                static_cast<long long>(seconds % kSecondsPerDay / 3600), static_cast<long long>(seconds % 3600 / 60),
                static_cast<long long>(seconds % 60), static_cast<long long>(total % kMicrosecondsPerSecond));
  return text;
}

}  // namespace lockstep
