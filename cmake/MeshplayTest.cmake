# mp_test(<name> LEVEL unit|store|protocol|integration|e2e|faults SOURCES ... ROOMS ... LIBS ... [TIMEOUT <seconds>] [SERIAL])
#
# One Catch2 executable, one ctest case of the same name with the labels <level>, "folder:<folder below tests>" and
# "executable". Sources are relative to the calling folder. `tests/...` includes resolve through an include root that holds only the tests folder.
# Exit code 4 means skipped (tests/support/skip.h).
function(mp_test name)
  cmake_parse_arguments(T "SERIAL" "LEVEL;TIMEOUT" "SOURCES;ROOMS;LIBS" ${ARGN})
  add_executable(${name} ${T_SOURCES})
  mp_test_main()
  foreach(room IN LISTS T_ROOMS)
    target_link_libraries(${name} PRIVATE meshplay_${room})
  endforeach()
  target_link_libraries(${name} PRIVATE ${T_LIBS} meshplay_test_main Catch2::Catch2 meshplay_warnings)
  target_compile_definitions(${name} PRIVATE MESHPLAY_SOURCE_DIR="${CMAKE_SOURCE_DIR}"
    MESHPLAY_BINARY_DIR="${CMAKE_BINARY_DIR}")
  add_test(NAME ${name} COMMAND ${name} --use-colour no)
  mp_test_properties(${name} "${T_LEVEL};executable" "${T_TIMEOUT}" "${T_SERIAL}")
endfunction()

# mp_script_test(<name> LEVEL <level> COMMAND <command line> [TIMEOUT <seconds>] [SERIAL])
#
# A test that is a script: exit code 0 passed, 4 skipped, anything else failed.
function(mp_script_test name)
  cmake_parse_arguments(T "SERIAL" "LEVEL;TIMEOUT" "COMMAND" ${ARGN})
  add_test(NAME ${name} COMMAND ${T_COMMAND} WORKING_DIRECTORY "${CMAKE_SOURCE_DIR}")
  mp_test_properties(${name} "${T_LEVEL}" "${T_TIMEOUT}" "${T_SERIAL}")
endfunction()

function(mp_test_properties name labels timeout serial)
  cmake_path(RELATIVE_PATH CMAKE_CURRENT_SOURCE_DIR BASE_DIRECTORY "${CMAKE_SOURCE_DIR}/tests" OUTPUT_VARIABLE folder)
  if(NOT timeout)
    set(timeout 600)
  endif()
  set_tests_properties(${name} PROPERTIES LABELS "${labels};folder:${folder}" TIMEOUT ${timeout} SKIP_RETURN_CODE 4)
  if(serial)
    set_tests_properties(${name} PROPERTIES RUN_SERIAL ON)
  endif()
endfunction()

# The main function of the test executables, compiled once.
function(mp_test_main)
  if(TARGET meshplay_test_main)
    return()
  endif()
  set(root "${CMAKE_BINARY_DIR}/rooms/tests")
  file(MAKE_DIRECTORY "${root}")
  if(NOT EXISTS "${root}/tests")
    file(CREATE_LINK "${CMAKE_SOURCE_DIR}/tests" "${root}/tests" SYMBOLIC)
  endif()
  add_library(meshplay_test_main STATIC "${CMAKE_SOURCE_DIR}/tests/support/test_main.cpp")
  target_include_directories(meshplay_test_main PUBLIC "${root}")
  target_link_libraries(meshplay_test_main PRIVATE Catch2::Catch2 meshplay_warnings)
endfunction()
