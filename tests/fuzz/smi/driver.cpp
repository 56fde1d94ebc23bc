// Drives a fuzzer where libFuzzer is not at hand: mutates a corpus for some time, from a seed that it prints. It knows
// no coverage, so it is a smoke, not a hunt. An input that crashes, takes more than kSlowSeconds or needs more than
// kMaxMemory is written to a file and named; the program takes that file to replay it.
#include <sys/resource.h>

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <random>
#include <string>
#include <vector>

#include "libs/base/files.h"
#include "libs/base/yaml.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

using nlohmann::json;

constexpr unsigned kSlowSeconds = 20;
constexpr rlim_t kMaxMemory = 4ULL << 30;
constexpr std::size_t kMaxInput = 64 * 1024;

std::string g_input;    // NOLINT: the signal handler has no other way to it.
char g_file[256] = "";  // NOLINT

extern "C" void Report(int signal_number) {
  const int file = open(g_file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (file >= 0) {
    const ssize_t written = write(file, g_input.data(), g_input.size());
    if (written >= 0) close(file);
  }
  const char* why = signal_number == SIGALRM ? "too slow" : "crashed";
  dprintf(STDERR_FILENO, "FINDING: %s (signal %d) on the input in %s\n", why, signal_number, g_file);
  _exit(1);
}

void Run() {
  alarm(kSlowSeconds);
  LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(g_input.data()), g_input.size());
  alarm(0);
}

// The documents and cluster objects of one case of a data file, as one YAML stream.
std::string TextOfCase(const json& c) {
  std::string out;
  for (const char* key : {"documents", "cluster", "objects"}) {
    if (!c.contains(key) || !c[key].is_array()) continue;
    for (const json& document : c[key]) out += "---\n" + meshplay::ToYaml(document);
  }
  return out;
}

std::vector<std::string> LoadCorpus(const std::string& folder) {
  std::vector<std::string> corpus;
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  for (const auto& file : files) {
    auto text = meshplay::ReadFile(file.string());
    if (!text) continue;
    const auto cases = file.extension() == ".yaml" ? meshplay::ParseYaml(*text) : meshplay::ParseYaml("");
    const bool is_data = cases.has_value() && cases->size() == 1 && cases->front().value.is_array();
    if (is_data) {
      for (const json& c : cases->front().value) {
        std::string documents = c.is_object() ? TextOfCase(c) : "";
        if (!documents.empty()) corpus.push_back(std::move(documents));
      }
    } else {
      corpus.push_back(std::move(*text));
    }
  }
  return corpus;
}

class ByteMutator {
 public:
  explicit ByteMutator(unsigned seed) : random_(seed) {}

  std::size_t Below(std::size_t limit) { return std::uniform_int_distribution<std::size_t>(0, limit - 1)(random_); }

  void Mutate(std::string& text, const std::string& other) {
    static const std::vector<std::string> kTokens = {"&a ",
                                                     "*a",
                                                     "!!str ",
                                                     "{",
                                                     "}",
                                                     "[",
                                                     "]",
                                                     "- ",
                                                     ": ",
                                                     "\n",
                                                     "\n---\n",
                                                     "null",
                                                     "-1",
                                                     "0.5",
                                                     "65536",
                                                     "1e400",
                                                     "99999999999999999999",
                                                     "\"",
                                                     "'",
                                                     "(?:",
                                                     ")*",
                                                     ".*",
                                                     "[^/]+",
                                                     "$",
                                                     "^",
                                                     "|",
                                                     "\\",
                                                     "{1000}",
                                                     "\xff",
                                                     "\xc3\x28",
                                                     "*",
                                                     "/",
                                                     "kind: ",
                                                     "v1alpha1",
                                                     "v1alpha4",
                                                     "IdentityBinding",
                                                     "UDPRoute",
                                                     "namespace: pay",
                                                     "weight: 1000001",
                                                     "500m",
                                                     "<<: *a",
                                                     "? ",
                                                     std::string(1, '\0')};
    const std::size_t at = text.empty() ? 0 : Below(text.size());
    switch (Below(8)) {
      case 0:
        if (!text.empty()) text[at] = static_cast<char>(Below(256));
        break;
      case 1:
        if (!text.empty()) text.erase(at, 1 + Below(16));
        break;
      case 2: {
        const std::string piece = text.substr(at, 1 + Below(64));
        text.insert(text.empty() ? 0 : Below(text.size()), piece);
        break;
      }
      case 3:  // A line of another input in place of one of this.
        text.replace(at, std::min(text.find('\n', at), text.size()) - at, Line(other));
        break;
      case 4:
        text.insert(at, Line(other) + "\n");
        break;
      case 5:
        text = text.substr(0, at) + other.substr(other.empty() ? 0 : Below(other.size()));
        break;
      default:
        text.insert(at, kTokens[Below(kTokens.size())]);
    }
    if (text.size() > kMaxInput) text.resize(kMaxInput);
  }

 private:
  std::string Line(const std::string& text) {
    if (text.empty()) return "";
    const std::size_t at = text.rfind('\n', Below(text.size()));
    const std::size_t start = at == std::string::npos ? 0 : at + 1;
    return text.substr(start, std::min(text.find('\n', start), text.size()) - start);
  }

  std::mt19937 random_;
};

int Replay(const std::string& file) {
  const auto text = meshplay::ReadFile(file);
  if (!text) {
    std::fprintf(stderr, "%s\n", text.error().ToString().c_str());
    return 2;
  }
  g_input = *text;
  Run();
  std::printf("%s: no finding\n", file.c_str());
  return 0;
}

}  // namespace

// fuzzer SECONDS CORPUS-FOLDER [SEED], or: fuzzer FILE
int main(int argc, char** argv) {
  const std::string program = std::filesystem::path(argv[0]).filename().string();
  std::snprintf(g_file, sizeof g_file, "%s.finding", program.c_str());
  for (const int number : {SIGSEGV, SIGABRT, SIGFPE, SIGBUS, SIGILL, SIGALRM}) signal(number, Report);
  if (argc == 2) return Replay(argv[1]);
  if (argc < 3) {
    std::fprintf(stderr, "usage: %s SECONDS CORPUS-FOLDER [SEED] | %s FILE\n", argv[0], argv[0]);
    return 2;
  }
#if !defined(__SANITIZE_ADDRESS__)
  const rlimit memory{kMaxMemory, kMaxMemory};
  setrlimit(RLIMIT_AS, &memory);
#endif
  const unsigned seed = argc > 3 ? static_cast<unsigned>(std::strtoul(argv[3], nullptr, 10)) : std::random_device()();
  std::printf("%s: seed %u\n", program.c_str(), seed);
  std::fflush(stdout);
  const std::vector<std::string> corpus = LoadCorpus(argv[2]);
  if (corpus.empty()) {
    std::fprintf(stderr, "no corpus in %s\n", argv[2]);
    return 2;
  }
  ByteMutator mutator(seed);
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(std::strtol(argv[1], nullptr, 10));
  std::size_t runs = 0;
  for (; std::chrono::steady_clock::now() < end; ++runs) {
    g_input = runs < corpus.size() ? corpus[runs] : corpus[mutator.Below(corpus.size())];
    if (runs >= corpus.size()) {
      for (std::size_t i = 1 + mutator.Below(8); i > 0; --i) {
        mutator.Mutate(g_input, corpus[mutator.Below(corpus.size())]);
      }
    }
    Run();
  }
  std::printf("%s: %zu inputs, no finding\n", program.c_str(), runs);
  return 0;
}
