// Any file given to `translate`, for each mesh: it ends with one of its documented codes and never with "the program
// failed", and what it writes reads back.
#include <fcntl.h>
#include <unistd.h>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <sstream>
#include <string>

#include "adapters/translate/translate.h"
#include "libs/base/yaml.h"
#include "tests/unit/translate/emitters.h"

namespace {

const std::vector<meshplay::translate::TranslateEmitter>& Emitters() {
  static const auto kEmitters = [] {
    std::vector<meshplay::translate::TranslateEmitter> out;
    const auto all = meshplay::testing::AllEmitters();
    for (const auto& tried : all) out.push_back(tried.emitter);
    return out;
  }();
  return kEmitters;
}

// A file that has no name and goes with the process.
const std::string& InputFile() {
  static const std::string kFile = [] {
    char name[] = "/tmp/meshplay-translate-fuzz-XXXXXX";
    const int file = mkstemp(name);
    if (file < 0) std::abort();
    unlink(name);
    return "/proc/self/fd/" + std::to_string(file);
  }();
  return kFile;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const int file = open(InputFile().c_str(), O_WRONLY | O_TRUNC | O_CLOEXEC);
  if (file < 0 || write(file, data, size) != static_cast<ssize_t>(size)) std::abort();
  close(file);
  const auto& emitters = Emitters();
  // The input chooses the mesh and its options, so that a finding stays one when it is replayed.
  std::size_t chosen = size;
  for (std::size_t i = 0; i < size; i += 7) chosen += data[i];
  std::ostringstream out;
  std::ostringstream err;
  static const auto kTried = meshplay::testing::AllEmitters();
  const auto& tried = kTried[chosen % kTried.size()];
  static const std::vector<meshplay::translate::OptionMap> kCommon = {
      {},
      {{"allowWidening", "true"}},
      {{"pathAnchor", "full"}, {"lenientDots", "true"}},
      {{"allowMissing", "true"}, {"selfReference", "reject"}}};
  std::vector<std::string> arguments = {"-f", InputFile(), "--as", tried.emitter.name};
  meshplay::translate::OptionMap options = kCommon[chosen / 64 % kCommon.size()];
  const auto& own = tried.options[chosen / 16 % tried.options.size()];
  options.insert(own.begin(), own.end());
  for (const auto& [option, value] : options) {
    arguments.push_back("--option");
    arguments.push_back(option + "=" + value);
  }
  const int code = meshplay::translate::RunTranslate(emitters, arguments, out, err);
  if (code == meshplay::translate::kExitInternal) std::abort();
  meshplay::YamlLimits limits;
  limits.max_bytes = 16 * 1024 * 1024;
  if (!meshplay::ParseYaml(out.str(), limits).has_value()) std::abort();
  return 0;
}
