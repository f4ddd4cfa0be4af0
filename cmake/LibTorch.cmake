# Finds LibTorch and defines lockstep_libtorch, which links libtorch_cpu and libc10 alone: what needs libtorch_cuda is
# loaded at run time, when a GPU is used, so that one binary serves both kinds of machine. (The wheel's own
# find_package(Torch) links the CUDA libraries and fails without the toolkit.)
#
# Looked for in: LOCKSTEP_TORCH_DIR (CMake variable or environment: the `torch` folder of a wheel, or the
# `libtorch` folder of a download), Torch_DIR (.../share/cmake/Torch), then .deps/torch, where scripts/deps puts it.
set(LOCKSTEP_TESTED_TORCH "2.15")

set(LOCKSTEP_TORCH_DIR "$ENV{LOCKSTEP_TORCH_DIR}" CACHE PATH "LibTorch: the `torch` folder of a wheel or `libtorch` of a download")
if(LOCKSTEP_TORCH_DIR)
  set(root "${LOCKSTEP_TORCH_DIR}")
elseif(Torch_DIR)
  get_filename_component(root "${Torch_DIR}/../../.." ABSOLUTE)
else()
  set(root "${LOCKSTEP_DEPS_DIR}/torch/torch")
endif()
if(NOT EXISTS "${root}/include/ATen/ATen.h")
  message(FATAL_ERROR "No LibTorch in '${root}'. Run scripts/deps, or set LOCKSTEP_TORCH_DIR to the `torch` folder of a "
                      "PyPI wheel (python -c 'import torch; print(torch.__path__[0])').")
endif()
set(LOCKSTEP_TORCH_ROOT "${root}")

file(STRINGS "${root}/include/torch/headeronly/version.h" version_lines REGEX "TORCH_VERSION_(MAJOR|MINOR) ")
string(REGEX REPLACE ".*TORCH_VERSION_MAJOR ([0-9]+).*TORCH_VERSION_MINOR ([0-9]+).*" "\\1.\\2" LOCKSTEP_TORCH_VERSION
       "${version_lines}")
if(NOT LOCKSTEP_TORCH_VERSION STREQUAL LOCKSTEP_TESTED_TORCH)
  message(WARNING "LibTorch ${LOCKSTEP_TORCH_VERSION} found; Lockstep is tested with ${LOCKSTEP_TESTED_TORCH}. It uses functorch "
                  "headers that are internals of LibTorch and may have changed.")
endif()

# The wheel's libtorch_cpu needs libcudart and libcupti, which PyPI ships as packages beside it.
file(GLOB cuda_runtime_dirs "${root}/../nvidia/*/lib")
add_library(lockstep_libtorch INTERFACE)
target_include_directories(lockstep_libtorch SYSTEM INTERFACE "${root}/include" "${root}/include/torch/csrc/api/include")
target_link_directories(lockstep_libtorch INTERFACE "${root}/lib")
target_link_options(lockstep_libtorch INTERFACE "LINKER:-rpath,${root}/lib")
foreach(dir IN LISTS cuda_runtime_dirs)
  target_link_options(lockstep_libtorch INTERFACE "LINKER:-rpath,${dir}" "LINKER:-rpath-link,${dir}")
endforeach()
target_link_libraries(lockstep_libtorch INTERFACE -Wl,--no-as-needed torch_cpu c10 -Wl,--as-needed)
message(STATUS "LibTorch ${LOCKSTEP_TORCH_VERSION}: ${root}")
