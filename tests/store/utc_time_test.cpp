#include "store/utc_time.h"

#include <gtest/gtest.h>

namespace lockstep {
namespace {

using std::chrono::microseconds;

/// `date -u -d '2026-11-24 02:54:50' +%s` says 1795488890.
const UtcTime kTime = UtcTime(std::chrono::seconds(1795488890)) + microseconds(341734);

TEST(UtcTime, IsWrittenAsOptunaDoes) { EXPECT_EQ(utc_text(kTime), "2026-11-24 02:54:50.341734"); }

TEST(UtcTime, ReadsBack) {
  EXPECT_EQ(parse_utc("2026-11-24 02:54:50.341734"), kTime);
  EXPECT_EQ(parse_utc("2026-11-24 02:54:50"), kTime - microseconds(341734));
}

TEST(UtcTime, OfNonsenseIsTheEpoch) { EXPECT_EQ(parse_utc("yesterday"), UtcTime{}); }

TEST(UtcTime, StampSuitsFileNames) { EXPECT_EQ(utc_stamp(kTime), "20261124-025450"); }

TEST(UtcTime, SpansAreWrittenAsPandasDoes) {
  EXPECT_EQ(timedelta_text(kTime, kTime + microseconds(226229)), "0 days 00:00:00.226229");
  const auto span = std::chrono::hours(49) + std::chrono::minutes(3) + std::chrono::seconds(7);
  EXPECT_EQ(timedelta_text(kTime, kTime + span), "2 days 01:03:07.000000");
}

}  // namespace
}  // namespace lockstep
