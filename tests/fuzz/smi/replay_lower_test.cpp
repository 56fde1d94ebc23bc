#include <catch2/catch.hpp>
#include <cstdint>
#include <string>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

TEST_CASE("the lowering fuzzer takes its corpus", "[smi][fuzz]") {
  for (const char* regex :
       {"",         "^",           "^^/a",         "^*",     "/a$",       "$",           "$/a",
        "/a|$",     "(/a|^/b)c",   "a{0}",         "/a{,2}", "(?s)/a.*",  "/\\Qa.b\\E",  "/\\Qa.b",
        "/a\\\\Qb", "[[:alpha:]]", "/\\x{10FFFF}", "/a\\.*", "/[^/]+?/b", "/([^/]+/)?x", "(|/a)?$"}) {
    for (const char* text : {"", "a", "/a", "a/b", "ab", "b", "x", "a.b", "..", "bc", "a/x"}) {
      const std::string input = std::string(regex) + "\n" + text;
      LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(input.data()), input.size());
    }
  }
  SUCCEED();
}
