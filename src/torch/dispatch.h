#pragma once

namespace lockstep {

/// Our kernels in LibTorch's dispatcher. Each function registers its own, once, for the life of the process; calling it again
/// does nothing. Registered by the first TrialScope, not by static initialisers: a linker may drop those from a static library.
void register_factories();
void register_random_ops();
void register_matmul();
void register_nll_loss();

}  // namespace lockstep
