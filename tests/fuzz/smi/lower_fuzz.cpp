// The first line is a regular expression, the rest a text: the lowered forms accept exactly what RE2 accepts.
#include <re2/re2.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "libs/smi/lower.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string input(reinterpret_cast<const char*>(data), std::min<std::size_t>(size, 4096));
  const std::size_t line_end = std::min(input.find('\n'), input.size());
  const std::string regex = input.substr(0, line_end);
  std::string text = line_end < input.size() ? input.substr(line_end + 1) : "";
  // "." does not cross lines, and RE2 counts characters: texts of requests are plain.
  text.erase(std::remove_if(text.begin(), text.end(), [](char c) { return c < ' ' || c > '~'; }), text.end());
  if (!meshplay::smi::CheckRegex(regex).has_value()) return 0;
  RE2::Options quiet;
  quiet.set_log_errors(false);

  const std::string path = "/" + text;
  const RE2 whole(regex, quiet);
  if (!whole.ok()) return 0;
  // Nothing is written around the expression: it might take part of that in.
  const bool from_start = whole.Match(path, 0, path.size(), RE2::ANCHOR_START, nullptr, 0);
  if (meshplay::smi::Matches(meshplay::smi::LowerPath(regex), path) != from_start) std::abort();
  const auto full = meshplay::smi::LowerPath(regex, {meshplay::smi::PathAnchor::kFull, false});
  const bool any = regex.find_first_not_of('^') == std::string::npos;  // No path given: any path.
  if (!any && meshplay::smi::Matches(full, path) != RE2::FullMatch(path, whole)) std::abort();
  if (meshplay::smi::Matches(meshplay::smi::LowerHeader(regex), text) != RE2::FullMatch(text, whole)) std::abort();
  if (from_start && !path.starts_with(meshplay::smi::LiteralPrefix(regex))) std::abort();
  return 0;
}
