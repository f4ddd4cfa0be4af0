#pragma once

#include <mutex>
#include <set>
#include <string>

#include <c10/util/Exception.h>

namespace lockstep {

/// Ops without a batching rule, by name. functorch runs one trial by trial, and warns each time with a stack trace;
/// here it is noted once. Any thread may use it.
class SlowOps {
 public:
  std::set<std::string> names() const;

  /// While alive, such warnings of this thread are noted, and others go where they went.
  class Watch {
   public:
    explicit Watch(SlowOps& ops) : handler_(ops), guard_(&handler_) {}

   private:
    class Handler : public c10::WarningHandler {
     public:
      explicit Handler(SlowOps& ops) : ops_(ops), others_(c10::WarningUtils::get_warning_handler()) {}
      void process(const c10::Warning& warning) override;

     private:
      SlowOps& ops_;
      c10::WarningHandler* others_;
    };
    Handler handler_;
    c10::WarningUtils::WarningHandlerGuard guard_;
  };

 private:
  mutable std::mutex mutex_;
  std::set<std::string> names_;
};

}  // namespace lockstep
