# Finds LibTorch and defines lockstep_libtorch (LibTorchTarget.cmake).
#
# Looked for in: LOCKSTEP_TORCH_DIR (CMake variable or environment: the `torch` folder of a wheel, or the
# `libtorch` folder of a download), Torch_DIR (.../share/cmake/Torch), then .deps/torch, where scripts/deps puts it.
include(LibTorchTarget)
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

lockstep_torch_version("${root}" LOCKSTEP_TORCH_VERSION)
if(NOT LOCKSTEP_TORCH_VERSION STREQUAL LOCKSTEP_TESTED_TORCH)
  message(WARNING "LibTorch ${LOCKSTEP_TORCH_VERSION} found; Lockstep is tested with ${LOCKSTEP_TESTED_TORCH}. It uses functorch "
                  "headers that are internals of LibTorch and may have changed.")
endif()

lockstep_add_libtorch(lockstep_libtorch "${root}")
message(STATUS "LibTorch ${LOCKSTEP_TORCH_VERSION}: ${root}")
