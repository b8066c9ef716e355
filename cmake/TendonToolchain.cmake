# Compiler settings shared by every target.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()

find_program(TENDON_CCACHE ccache)
if(TENDON_CCACHE)
  # What ccache asks for where headers are precompiled.
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros ${TENDON_CCACHE})
endif()

add_library(tendon_settings INTERFACE)
target_include_directories(tendon_settings INTERFACE ${PROJECT_SOURCE_DIR}/include ${PROJECT_SOURCE_DIR}/src)
target_compile_options(tendon_settings INTERFACE -Wall -Wextra -Wshadow -Wnon-virtual-dtor -Wconversion -Wno-sign-conversion -Wno-missing-field-initializers)
if(TENDON_DEV)
  target_compile_options(tendon_settings INTERFACE -Werror)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # Optimising, it takes "x" + string for a copy onto itself: gcc.gnu.org/PR105651.
  target_compile_options(tendon_settings INTERFACE -Wno-restrict)
endif()
if(TENDON_UNITY AND NOT TENDON_SANITIZE)
  # Continuous integration debugs nothing, and failed expectations name their line themselves.
  add_compile_options(-g0)
endif()
if(CMAKE_SYSTEM_PROCESSOR MATCHES "aarch64|arm64")
  # Our kernels keep vectors in arrays, which those of SVE cannot be in; NEON is every 64-bit ARM's.
  add_compile_definitions(HWY_COMPILE_ONLY_STATIC)
endif()
if(TENDON_SANITIZE)
  add_compile_options(-fsanitize=${TENDON_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${TENDON_SANITIZE})
  add_compile_definitions(TENDON_SANITIZED)
endif()
