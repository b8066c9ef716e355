# Headers parsed once for many files, in development builds only: a file that forgets an include fails in the release build.
set(precompiled_room <algorithm> <array> <cmath> <cstring> <filesystem> <functional> <limits> <map> <memory> <mutex> <numeric>
    <optional> <set> <span> <string> <string_view> <unordered_map> <variant> <vector> ${PROJECT_SOURCE_DIR}/src/base/format.h)
set(precompiled_graph ${precompiled_room} ${PROJECT_SOURCE_DIR}/src/ir/graph.h)
# Without CLI11, whose global validators cost every file that sees them several seconds.
set(precompiled_cli ${precompiled_room} <nlohmann/json.hpp> ${PROJECT_SOURCE_DIR}/include/tendon/tendon.h)
set(precompiled_test ${precompiled_room} <fstream> <random> <gmock/gmock.h> <gtest/gtest.h>)
set(precompiled_graph_test ${precompiled_test} ${PROJECT_SOURCE_DIR}/src/ir/graph.h)

if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  # Else ccache sees a new header after each build of it.
  add_compile_options("$<$<COMPILE_LANGUAGE:CXX>:SHELL:-Xclang -fno-pch-timestamp>")
endif()

# tendon_precompile(TARGET room|graph|cli|test|graph_test): targets with the same options share the header of the first one. To be called
# when the target's options are complete.
function(tendon_precompile TARGET KIND)
  if(NOT TENDON_DEV)
    return()
  endif()
  get_target_property(options ${TARGET} COMPILE_OPTIONS)
  string(MD5 key "${KIND} ${options}")
  get_property(first GLOBAL PROPERTY TENDON_PRECOMPILED_${key})
  if(first)
    target_precompile_headers(${TARGET} REUSE_FROM ${first})
  else()
    target_precompile_headers(${TARGET} PRIVATE ${precompiled_${KIND}})
    set_property(GLOBAL PROPERTY TENDON_PRECOMPILED_${key} ${TARGET})
  endif()
endfunction()
