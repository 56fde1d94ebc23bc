# Language, warnings, sanitizers, compiler cache and linker: the same for every target.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Debug)
endif()
set(CMAKE_CXX_FLAGS_DEBUG "-O0 -g1")
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -g1 -DNDEBUG")

option(MESHPLAY_WERROR "Treat warnings as errors" ON)
set(MESHPLAY_SANITIZER "" CACHE STRING "address, undefined or thread")

add_library(meshplay_warnings INTERFACE)
target_compile_options(meshplay_warnings INTERFACE
  -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wnon-virtual-dtor)
if(MESHPLAY_WERROR)
  target_compile_options(meshplay_warnings INTERFACE -Werror)
endif()

if(MESHPLAY_SANITIZER STREQUAL "address")
  add_compile_options(-fsanitize=address -fno-omit-frame-pointer)
  add_link_options(-fsanitize=address)
elseif(MESHPLAY_SANITIZER STREQUAL "undefined")
  # Trapping: a finding ends the test, and no runtime has to be linked.
  add_compile_options(-fsanitize=undefined -fsanitize-undefined-trap-on-error)
  add_link_options(-fsanitize=undefined)
elseif(MESHPLAY_SANITIZER STREQUAL "thread")
  # g++ warns of every atomic_thread_fence in Boost and Catch; findings of the run are what counts.
  # Protobuf's headers give maps another layout when they see this macro, and the installed library is built without it.
  add_compile_options(-fsanitize=thread -Wno-tsan -U__SANITIZE_THREAD__)
  add_link_options(-fsanitize=thread)
elseif(NOT MESHPLAY_SANITIZER STREQUAL "")
  message(FATAL_ERROR "MESHPLAY_SANITIZER must be address, undefined or thread")
endif()

# Relative paths in the cache key let build folders of one tree, and other clones, share results.
find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER
    ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} CCACHE_NOHASHDIR=1
    CCACHE_SLOPPINESS=time_macros,include_file_mtime,include_file_ctime ${CCACHE})
endif()
find_program(MOLD mold)
if(MOLD)
  add_link_options(-fuse-ld=mold)
endif()

# Beast and Asio are compiled once, in libs/http (docs/architecture.md, "Build").
add_compile_definitions(BOOST_ASIO_SEPARATE_COMPILATION BOOST_BEAST_SEPARATE_COMPILATION BOOST_ASIO_NO_DEPRECATED)
