#pragma once

namespace lockstep {

/// Our kernels in LibTorch's dispatcher, for the life of the process. Each function registers its own and is called once, by the
/// first TrialScope, and not by a static initialiser: a linker may drop those from a static library.
void register_factories();
void register_host_wait_guard();
void register_random_ops();
void register_row_kernels();
void register_attention();
void register_batch_norm();
void register_bmm();
void register_convolution();
void register_cross_entropy();
void register_decompositions();
void register_embedding_bag();
void register_embedding_renorm();
void register_layer_norm();
void register_matmul();
void register_nll_loss();
void register_packed_sequences();
void register_recurrent();
void register_refusals();
void register_samples();
void register_set_data();
void register_trial_by_trial();

}  // namespace lockstep
