#pragma once

#include <exception>
#include <string>
#include <typeinfo>

#include <gtest/gtest.h>

namespace lockstep {

/// The message of the `Failure` that `act` throws, or a text that says what happened instead.
template <class Failure, class Act>
std::string message_of(const Act& act) {
  try {
    act();
  } catch (const Failure& failure) {
    return failure.what();
  } catch (const std::exception& other) {
    return std::string("(threw another type: ") + typeid(other).name() + ": " + other.what() + ")";
  }
  return "(did not throw)";
}

/// Expects that `message` starts with `start`; both are shown when it does not.
inline void expect_start(const std::string& message, const std::string& start) {
  EXPECT_EQ(message.substr(0, start.size()), start) << "in: " << message;
}

}  // namespace lockstep
