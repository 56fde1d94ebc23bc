// Any text as YAML and as JSON: read or refused within limits, and what was read is written and read again the same.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "libs/base/json.h"
#include "libs/base/yaml.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto documents = meshplay::ParseYaml(text);
  if (documents.has_value()) {
    for (const auto& document : *documents) {
      const auto again = meshplay::ParseYaml(meshplay::ToYaml(document.value));
      if (!again.has_value()) std::abort();
      // Nothing is written for an empty document.
      const bool same = again->empty() ? document.value.is_null() : again->front().value == document.value;
      if (!same) std::abort();
    }
  } else if (documents.error().code() != meshplay::ErrorCode::kInvalidArgument) {
    std::abort();
  }
  const bool checked = meshplay::CheckJson(text).has_value();
  const auto value = meshplay::ParseJson(text);
  if (checked != value.has_value()) std::abort();
  if (value.has_value()) {
    const auto again = meshplay::ParseJson(value->dump());
    if (!again.has_value() || *again != *value) std::abort();
  }
  return 0;
}
