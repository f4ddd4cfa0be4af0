# Flags of our own targets (never exported).
#   -ffp-contract=off: a*b+c stays two roundings, as nvcc's -fmad=false has it, so host and device agree bit for bit.
add_library(lockstep_flags INTERFACE)
target_compile_options(lockstep_flags INTERFACE
  $<$<COMPILE_LANGUAGE:CXX>:-Wall -Wextra -Wno-unused-parameter -ffp-contract=off>)
if(LOCKSTEP_NATIVE)
  target_compile_options(lockstep_flags INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-march=native>)
endif()
