#pragma once

#include <memory>

#include <c10/core/impl/LocalDispatchKeySet.h>
#include <c10/util/ThreadLocalDebugInfo.h>

namespace lockstep {

/// While one lives on a thread, LibTorch's ops that make the host wait for a device throw a c10::Error that names the
/// op and the cure: a read of a value (`item`, a condition on a tensor), shapes that hang on values (`nonzero`,
/// `masked_select`, `unique`, an index by a mask), `equal`, and copies between devices. On a CPU too, where nothing
/// waits: so a test without a GPU shows what would stop one. In a TrialScope, in the backward pass (on autograd's
/// threads as well) and below RowKernels alike; not in a WorkerPool's threads, which need guards of their own.
///
/// Ops that read a value only on a CPU, to check it (`one_hot`), are not told apart; and what a GPU's kernel waits for
/// inside, as Thrust's algorithms do, is not seen.
class HostWaitGuard {
 public:
  HostWaitGuard();
  HostWaitGuard(const HostWaitGuard&) = delete;
  HostWaitGuard& operator=(const HostWaitGuard&) = delete;

 private:
  c10::impl::IncludeDispatchKeyGuard include_;
};

/// The same, but nothing throws that would not without it: it only notes whether such an op ran.
class HostWaitNote {
 public:
  HostWaitNote();
  HostWaitNote(const HostWaitNote&) = delete;
  HostWaitNote& operator=(const HostWaitNote&) = delete;

  bool has_waited() const;

  struct Note;

 private:
  std::shared_ptr<Note> note_;
  c10::DebugInfoGuard info_;
  c10::impl::IncludeDispatchKeyGuard include_;
};

}  // namespace lockstep
