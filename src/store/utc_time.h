#pragma once

#include <chrono>
#include <string>

namespace lockstep {

using UtcTime = std::chrono::system_clock::time_point;

/// "2026-11-24 02:54:50.341734": the form of Optuna's tables, in UTC.
std::string utc_text(UtcTime time);
/// The inverse of `utc_text`; the epoch for what is not in that form.
UtcTime parse_utc(const std::string& text);
/// "20261124-025450": for names of files, in UTC.
std::string utc_stamp(UtcTime time);
/// How pandas writes a time span: "0 days 00:00:01.250000".
std::string timedelta_text(UtcTime from, UtcTime to);

}  // namespace lockstep
