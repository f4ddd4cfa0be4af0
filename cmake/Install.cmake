# What `cmake --install` puts into a prefix, and the package that find_package(lockstep) finds there (lockstepConfig.cmake.in).
# Nothing in the exported files is a path of the build, but for the LibTorch to take where a user names none.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/lockstep)

# lockstep_install_library(<target> EXPORT <set> NAME <name>): as lockstep::<name>. What its interface has of this build alone
# (folders of the source, flags, header-only libraries) stays out of the exported one.
function(lockstep_install_library target)
  cmake_parse_arguments(ARG "" "EXPORT;NAME" "" ${ARGN})
  get_target_property(folders ${target} INTERFACE_INCLUDE_DIRECTORIES)
  if(NOT folders)
    set(folders "")
  endif()
  list(TRANSFORM folders REPLACE "^(${CMAKE_SOURCE_DIR}.*)$" "$<BUILD_INTERFACE:\\1>")
  get_target_property(libraries ${target} INTERFACE_LINK_LIBRARIES)
  set(exported "")
  foreach(library IN LISTS libraries)
    if(library MATCHES "lockstep_flags|nlohmann_json::|lockstep_libtorch")
      set(library "$<BUILD_INTERFACE:${library}>")
    endif()
    list(APPEND exported "${library}")
  endforeach()
  if("lockstep_libtorch" IN_LIST libraries)
    list(APPEND exported "$<INSTALL_INTERFACE:lockstep::libtorch>")
  endif()
  set_target_properties(${target} PROPERTIES
    INTERFACE_INCLUDE_DIRECTORIES "${folders}" INTERFACE_LINK_LIBRARIES "${exported}" EXPORT_NAME ${ARG_NAME})
  target_compile_features(${target} INTERFACE cxx_std_20)
  install(TARGETS ${target} EXPORT ${ARG_EXPORT} ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
          INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
endfunction()

lockstep_install_library(lockstep_core EXPORT lockstepCoreTargets NAME core)
lockstep_install_library(lockstep_cuda_host EXPORT lockstepCoreTargets NAME cuda)
lockstep_install_library(lockstep_store EXPORT lockstepStoreTargets NAME store)
lockstep_install_library(lockstep_torch EXPORT lockstepTorchTargets NAME torch)
lockstep_install_library(lockstep_bayesian EXPORT lockstepTorchTargets NAME bayesian)
lockstep_install_library(lockstep_models EXPORT lockstepTorchTargets NAME models)
# The CUDA backend is loaded by name: programs have to look for it where it is installed.
target_link_options(lockstep_cuda_host INTERFACE
  "$<INSTALL_INTERFACE:LINKER:-rpath,$<INSTALL_PREFIX>/${CMAKE_INSTALL_LIBDIR}>")

foreach(export lockstepCoreTargets lockstepStoreTargets lockstepTorchTargets)
  install(EXPORT ${export} NAMESPACE lockstep:: DESTINATION ${package_dir})
endforeach()
configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/lockstepConfig.cmake.in ${CMAKE_BINARY_DIR}/lockstepConfig.cmake
  INSTALL_DESTINATION ${package_dir} NO_SET_AND_CHECK_MACRO NO_CHECK_REQUIRED_COMPONENTS_MACRO)
write_basic_package_version_file(${CMAKE_BINARY_DIR}/lockstepConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/lockstepConfig.cmake ${CMAKE_BINARY_DIR}/lockstepConfigVersion.cmake
  ${CMAKE_CURRENT_LIST_DIR}/LibTorchTarget.cmake DESTINATION ${package_dir})

install(DIRECTORY ${CMAKE_SOURCE_DIR}/include/lockstep DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")
if(EXISTS ${CMAKE_SOURCE_DIR}/models/include/lockstep)
  install(DIRECTORY ${CMAKE_SOURCE_DIR}/models/include/lockstep DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
          FILES_MATCHING PATTERN "*.h")
endif()
# The same in the build as in a prefix, so nothing is linked anew.
set_target_properties(lockstep PROPERTIES BUILD_WITH_INSTALL_RPATH ON INSTALL_RPATH "$ORIGIN/../${CMAKE_INSTALL_LIBDIR}")
install(TARGETS lockstep RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
foreach(plugin lockstep_cuda_plugin lockstep_cuda_graph)
  if(TARGET ${plugin})
    install(TARGETS ${plugin} LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
  endif()
endforeach()
install(FILES ${CMAKE_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
