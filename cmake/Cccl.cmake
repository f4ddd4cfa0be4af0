# Finds nvcc, if it is wanted, and the headers of Thrust and CUB: in the CUDA toolkit, or from PyPI in .deps/cccl.
set(LOCKSTEP_HAVE_NVCC OFF)
if(NOT LOCKSTEP_CUDA STREQUAL "OFF")
  include(CheckLanguage)
  check_language(CUDA)
  if(CMAKE_CUDA_COMPILER)
    find_program(nvidia_smi nvidia-smi)
    if(LOCKSTEP_CUDA_ARCHITECTURES)
      set(CMAKE_CUDA_ARCHITECTURES ${LOCKSTEP_CUDA_ARCHITECTURES})
    elseif(nvidia_smi)
      set(CMAKE_CUDA_ARCHITECTURES 75-virtual 80-real 90-real 100-real 120-real)
    else()
      set(CMAKE_CUDA_ARCHITECTURES 75-virtual)
    endif()
    set(CMAKE_CUDA_RUNTIME_LIBRARY Shared)
    enable_language(CUDA)
    find_package(CUDAToolkit REQUIRED)
    # CMake 3.25 knows no CMAKE_CUDA_STANDARD 20. -fmad=false: a*b+c stays two roundings, as on the host.
    string(APPEND CMAKE_CUDA_FLAGS " -std=c++20 -fmad=false --compress-mode=none -Xcudafe --display_error_number")
    set(LOCKSTEP_HAVE_NVCC ON)
  elseif(LOCKSTEP_CUDA STREQUAL "ON")
    message(FATAL_ERROR "LOCKSTEP_CUDA=ON, but no nvcc was found. Put it on PATH or set CMAKE_CUDA_COMPILER.")
  endif()
endif()

find_path(LOCKSTEP_CCCL_INCLUDE thrust/version.h
  HINTS ${CUDAToolkit_INCLUDE_DIRS}
  PATHS /usr/local/cuda/include "${LOCKSTEP_DEPS_DIR}/cccl/nvidia/cu13/include"
  PATH_SUFFIXES cccl NO_DEFAULT_PATH)
if(NOT LOCKSTEP_CCCL_INCLUDE)
  message(FATAL_ERROR "No Thrust headers. Run scripts/deps, which fetches PyPI's nvidia-cuda-cccl where there is no CUDA toolkit.")
endif()
message(STATUS "CUDA: nvcc ${LOCKSTEP_HAVE_NVCC}, Thrust in ${LOCKSTEP_CCCL_INCLUDE}")
