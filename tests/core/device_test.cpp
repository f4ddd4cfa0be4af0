#include <gtest/gtest.h>

#include <lockstep/device.h>
#include <lockstep/error.h>

#include "core/message.h"

namespace lockstep {
namespace {

TEST(ParseDevice, ReadsWhatToStringWrites) {
  for (const char* name : {"cpu", "cuda:0", "cuda:12"}) {
    ASSERT_TRUE(parse_device(name).has_value()) << name;
    EXPECT_EQ(parse_device(name)->to_string(), name);
  }
  EXPECT_EQ(parse_device("cuda"), (Device{DeviceKind::kCuda, 0}));
  EXPECT_EQ(parse_device("auto"), std::nullopt);
}

TEST(ParseDevice, RefusesOtherTextWithTheCure) {
  for (const char* name : {"", "gpu", "CPU", "cuda:", "cuda:x", "cuda:-1", "cuda:1x", "cuda:99999999999", "cpu:0"}) {
    const std::string message = message_of<DeviceError>([&] { parse_device(name); });
    EXPECT_EQ(message, "unknown device '" + std::string(name) +
                           "'; write auto, cpu, cuda or cuda:N with N counting from 0");
  }
}

TEST(InputError, JoinsPlaceKeyProblemAndCure) {
  EXPECT_STREQ(InputError({"a.yml", 3, 1}, "limits.timeout", "is bad", "fix it").what(),
               "a.yml:3: limits.timeout: is bad; fix it");
  EXPECT_STREQ(InputError({"a.yml"}, "", "is empty", "").what(), "a.yml: is empty");
  EXPECT_STREQ(InputError({"", 3, 1}, "", "is bad", "").what(), "line 3: is bad");
  EXPECT_STREQ(InputError({}, "q", "is bad", "").at({"a.yml", 7, 1}, "lr").what(), "a.yml:7: lr.q: is bad");
  EXPECT_EQ(InputError("x").exit_code(), ExitCode::kInput);
}

}  // namespace
}  // namespace lockstep
