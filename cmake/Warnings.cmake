# Flags of our own targets (never exported).
#   -Wno-restrict: g++ 12 sees overlaps in std::string additions where there are none (GCC bug 105651).
#   -fPIC: for executables too (CMake would say -fPIE), or they could not share the precompiled header.
#   -ffp-contract=off: a*b+c stays two roundings, as nvcc's -fmad=false has it, so host and device agree bit for bit.
add_library(lockstep_flags INTERFACE)
target_compile_options(lockstep_flags INTERFACE
  $<$<COMPILE_LANGUAGE:CXX>:-Wall -Wextra -Wno-unused-parameter>
  $<$<COMPILE_LANG_AND_ID:CXX,GNU>:-Wno-restrict>
  $<$<COMPILE_LANGUAGE:CXX>:-ffp-contract=off -fPIC>)
if(LOCKSTEP_NATIVE)
  target_compile_options(lockstep_flags INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-march=native>)
endif()
