# mp_room(<name> DIR <dir> SOURCES ... HEADERS ...
#         USES <rooms our headers need> USES_PRIVATE <rooms only our .cpp need>
#         LIBS <third party our headers need> LIBS_PRIVATE <third party only our .cpp need>)
#
# Declares the static library meshplay_<name>. Its include root holds a link to its own folder and nothing else, so
# including a room that is not named in USES or USES_PRIVATE does not compile.
function(mp_room name)
  cmake_parse_arguments(R "" "DIR" "SOURCES;HEADERS;USES;USES_PRIVATE;LIBS;LIBS_PRIVATE" ${ARGN})
  list(TRANSFORM R_SOURCES PREPEND "${CMAKE_SOURCE_DIR}/${R_DIR}/")
  list(TRANSFORM R_HEADERS PREPEND "${CMAKE_SOURCE_DIR}/${R_DIR}/")
  add_library(meshplay_${name} STATIC ${R_SOURCES} ${R_HEADERS})
  set(root "${CMAKE_BINARY_DIR}/rooms/${name}")
  cmake_path(GET R_DIR PARENT_PATH parent)
  file(MAKE_DIRECTORY "${root}/${parent}")
  if(NOT EXISTS "${root}/${R_DIR}")
    file(CREATE_LINK "${CMAKE_SOURCE_DIR}/${R_DIR}" "${root}/${R_DIR}" SYMBOLIC)
  endif()
  target_include_directories(meshplay_${name} PUBLIC "${root}")
  foreach(room IN LISTS R_USES)
    target_link_libraries(meshplay_${name} PUBLIC meshplay_${room})
  endforeach()
  foreach(room IN LISTS R_USES_PRIVATE)
    target_link_libraries(meshplay_${name} PRIVATE meshplay_${room})
  endforeach()
  target_link_libraries(meshplay_${name} PUBLIC ${R_LIBS} PRIVATE ${R_LIBS_PRIVATE} meshplay_warnings)
endfunction()
