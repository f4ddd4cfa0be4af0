# What Lockstep's build and its installed package share of finding LibTorch.

# lockstep_torch_version(<root> <variable>): "2.15" of the LibTorch in <root>, or "" where there is none.
function(lockstep_torch_version root variable)
  set(${variable} "" PARENT_SCOPE)
  if(EXISTS "${root}/include/ATen/ATen.h" AND EXISTS "${root}/include/torch/headeronly/version.h")
    file(STRINGS "${root}/include/torch/headeronly/version.h" lines REGEX "TORCH_VERSION_(MAJOR|MINOR) ")
    string(REGEX REPLACE ".*TORCH_VERSION_MAJOR ([0-9]+).*TORCH_VERSION_MINOR ([0-9]+).*" "\\1.\\2" version "${lines}")
    set(${variable} "${version}" PARENT_SCOPE)
  endif()
endfunction()

# lockstep_add_libtorch(<target> <root>): an interface target for the LibTorch in <root>. It links libtorch_cpu and libc10
# alone: what needs libtorch_cuda is loaded at run time, when a GPU is used, so that one binary serves both kinds of
# machine. (The wheel's own find_package(Torch) links the CUDA libraries and fails without the toolkit.)
function(lockstep_add_libtorch target root)
  add_library(${target} INTERFACE IMPORTED GLOBAL)
  target_include_directories(${target} SYSTEM INTERFACE "${root}/include" "${root}/include/torch/csrc/api/include")
  target_link_directories(${target} INTERFACE "${root}/lib")
  target_link_options(${target} INTERFACE "LINKER:-rpath,${root}/lib")
  # The wheel's libtorch_cpu needs libcudart and libcupti, which PyPI ships as packages beside it.
  file(GLOB cuda_runtime_dirs "${root}/../nvidia/*/lib")
  foreach(dir IN LISTS cuda_runtime_dirs)
    target_link_options(${target} INTERFACE "LINKER:-rpath,${dir}" "LINKER:-rpath-link,${dir}")
  endforeach()
  target_link_libraries(${target} INTERFACE -Wl,--no-as-needed torch_cpu c10 -Wl,--as-needed)
endfunction()
