#include <catch2/catch.hpp>
#include <cstdint>
#include <string>

#include "libs/base/files.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

void Run(const std::string& text) {
  LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(text.data()), text.size());
}

}  // namespace

TEST_CASE("the document fuzzer takes its corpus, cut and damaged", "[smi][fuzz]") {
  int documents = 0;
  for (const char* name : {"parse.yaml", "validate.yaml", "istio.yaml", "convert.yaml"}) {
    const auto text = meshplay::ReadFile(std::string(MESHPLAY_SOURCE_DIR) + "/tests/testdata/smi/" + name);
    REQUIRE(text.has_value());
    // The case files hold lists; their documents start after "- " and end where the indentation does.
    for (std::size_t at = 0; (at = text->find("\n  - {api", at)) != std::string::npos; ++at) {
      std::string document = text->substr(at + 5, text->find('\n', at + 1) - at - 5);
      ++documents;
      Run(document);
      Run(document.substr(0, document.size() / 2));
      document[document.size() / 3] = '\x7f';
      Run(document);
    }
  }
  CHECK(documents > 100);
}
