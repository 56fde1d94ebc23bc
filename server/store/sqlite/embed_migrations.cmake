# cmake -D OUTPUT=<file.cpp> -D FOLDER=<migrations> -D NAMES=<a.sql,b.sql> -P embed_migrations.cmake
# Writes the migrations as constants. Names are NNNN_name.sql, numbered from 1 without holes.
string(REPLACE "," ";" NAMES "${NAMES}")
set(rows "")
set(expected 1)
foreach(file IN LISTS NAMES)
  if(NOT file MATCHES "^([0-9][0-9][0-9][0-9])_([a-z0-9_]+)\\.sql$")
    message(FATAL_ERROR "migrations/${file}: the name must be NNNN_name.sql")
  endif()
  set(digits "${CMAKE_MATCH_1}")
  set(name "${CMAKE_MATCH_2}")
  string(REGEX REPLACE "^0+" "" number "${digits}")
  if(NOT number EQUAL expected)
    message(FATAL_ERROR "migrations/${file}: expected number ${expected}")
  endif()
  math(EXPR expected "${expected} + 1")
  file(READ "${FOLDER}/${file}" sql)
  string(APPEND rows "    {${number}, \"${name}\", R\"MPSQL(${sql})MPSQL\"},\n")
endforeach()
file(WRITE "${OUTPUT}.new" "#include \"server/store/sqlite/migrations.h\"

namespace meshplay::store::sqlite {

std::span<const Migration> EmbeddedMigrations() {
  static constexpr Migration kMigrations[] = {
${rows}  };
  return kMigrations;
}

}  // namespace meshplay::store::sqlite
")
file(RENAME "${OUTPUT}.new" "${OUTPUT}")
