#pragma once

namespace lockstep {

/// Tells the C library to keep freed memory instead of giving it back to the kernel. Every step allocates and frees the same
/// activations; by default glibc unmaps the large ones at once, and getting them again, page by page and zeroed, took 10-20 % of
/// a step's processor time. Holds for the whole process, which is one that trains; does nothing without glibc.
void keep_freed_memory();

}  // namespace lockstep
