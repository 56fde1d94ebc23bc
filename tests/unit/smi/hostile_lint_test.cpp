// Documents made to hurt: answered within limits of processor time and memory, with an error that says what is wrong.
#include <sys/resource.h>

#include <catch2/catch.hpp>
#include <ctime>
#include <functional>

#include "libs/base/yaml.h"
#include "libs/smi/limits.h"
#include "libs/smi/parse.h"
#include "libs/smi/validate.h"

using nlohmann::json;
namespace smi = meshplay::smi;

namespace {

constexpr std::size_t kTenMegabytes = 10 * 1000 * 1000;
constexpr double kLimitSeconds = 10;            // Without optimization; a release build takes a fraction.
constexpr long kLimitKilobytes = 1024L * 1024;  // Of the whole test program, at its peak.

double SecondsOf(const std::function<void()>& work) {
  timespec start{};
  timespec end{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &start);
  work();
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &end);
  return static_cast<double>(end.tv_sec - start.tv_sec) + static_cast<double>(end.tv_nsec - start.tv_nsec) * 1e-9;
}

void CheckWithinLimits(const std::function<void()>& work) {
  CHECK(SecondsOf(work) < kLimitSeconds);
#if !defined(__SANITIZE_ADDRESS__)
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  CHECK(usage.ru_maxrss < kLimitKilobytes);
#endif
}

std::string Repeat(const std::string& piece, std::size_t bytes) {
  std::string out;
  out.reserve(bytes + piece.size());
  while (out.size() < bytes) out += piece;
  return out;
}

const std::string kGroup =
    "{apiVersion: specs.smi-spec.io/v1alpha4, kind: HTTPRouteGroup, metadata: {name: g}, spec: {matches: [";

// What `translate` allows, so that ten megabytes get as far as they can.
meshplay::YamlLimits WideLimits() {
  meshplay::YamlLimits limits;
  limits.max_bytes = 16 * 1024 * 1024;
  limits.max_values = 4'000'000;
  limits.max_documents = 100'000;
  return limits;
}

std::string ReasonOf(const std::string& text, const meshplay::YamlLimits& limits) {
  std::string reason;
  CheckWithinLimits([&] {
    const auto read = meshplay::ParseYaml(text, limits);
    reason = read.has_value() ? "" : read.error().reason();
  });
  return reason;
}

std::vector<smi::Finding> Lint(const std::string& text) {
  std::vector<smi::Finding> findings;
  CheckWithinLimits([&] {
    const auto read = meshplay::ParseYaml(text);
    REQUIRE(read.has_value());
    std::vector<json> documents;
    for (const auto& document : *read) documents.push_back(document.value);
    findings = smi::Validate(smi::ParseDocuments(documents, {"shop"}));
  });
  return findings;
}

}  // namespace

TEST_CASE("ten megabytes of anything are more than a document may have", "[smi][hostile]") {
  CHECK(ReasonOf(Repeat("- a\n", kTenMegabytes), {}) == "YAML_TOO_LARGE");
}

TEST_CASE("ten hostile megabytes are refused within the limits where files may be large", "[smi][hostile]") {
  CHECK(ReasonOf(std::string(kTenMegabytes, '['), WideLimits()) == "YAML_TOO_DEEP");
  CHECK(ReasonOf(Repeat("{a: ", kTenMegabytes), WideLimits()) == "YAML_TOO_DEEP");
  std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 12; ++i) {
    const std::string before = "*a" + std::to_string(i - 1);
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + before;
    for (int k = 1; k < 10; ++k) bomb += ", " + before;
    bomb += "]\n";
  }
  CHECK(ReasonOf(bomb + Repeat("# padding\n", kTenMegabytes), WideLimits()) == "YAML_TOO_LARGE");
  CHECK(ReasonOf("a: " + std::string(kTenMegabytes, 'x') + "\na: 1\n", WideLimits()) == "YAML_DUPLICATE_KEY");
}

TEST_CASE("more values than a document may have are refused", "[smi][hostile]") {
  const std::string matches = kGroup + Repeat("{name: m},", 1'000'000) + "]}}";
  CHECK(ReasonOf(matches, {}) == "YAML_TOO_LARGE");
}

TEST_CASE("tens of thousands of faults in one object are named a hundred times", "[smi][hostile]") {
  const auto findings = Lint(kGroup + Repeat("{name: m},", 500'000) + "]}}");

  REQUIRE(findings.size() == smi::kMaxFindingsOfObject + 1);
  CHECK(findings.front().diagnostic.code == "MATCH_NAME_INVALID");
  CHECK(findings.back().diagnostic.code == "FINDINGS_OMITTED");
  CHECK(smi::HasErrors(findings));
}

TEST_CASE("expensive expressions run out of budget before they take the time", "[smi][hostile]") {
  std::string text = kGroup;
  for (int i = 0; text.size() < 600'000; ++i) {
    text += "{name: m" + std::to_string(i) + ", pathRegex: \"/" + std::to_string(i) +
            "(((a{1,30}){1,30}b?){1,1}c){1,1}\"},";
  }
  const auto findings = Lint(text + "]}}");

  REQUIRE_FALSE(findings.empty());
  CHECK(findings.front().diagnostic.code == "REGEX_INVALID");
  CHECK(findings.front().diagnostic.message.find("together") != std::string::npos);
}

TEST_CASE("a huge expression and a huge name are refused by their own rules", "[smi][hostile]") {
  const std::string regex = kGroup + "{name: m, pathRegex: \"/" + std::string(900'000, 'a') + "\"}]}}";
  CHECK(Lint(regex).front().diagnostic.code == "REGEX_TOO_LONG");
  const std::string name =
      "{apiVersion: specs.smi-spec.io/v1alpha4, kind: TCPRoute, metadata: {name: " + std::string(900'000, 'a') +
      "}, spec: {}}";
  CHECK(Lint(name).front().diagnostic.code == "METADATA_INVALID");
}

TEST_CASE("a circle through every split of a long input is found without recursion", "[smi][hostile]") {
  std::string text = "apiVersion: v1\nkind: List\nitems:\n";
  constexpr int kSplits = 5'000;
  for (int i = 0; i < kSplits; ++i) {
    text += "- {apiVersion: split.smi-spec.io/v1alpha4, kind: TrafficSplit, metadata: {name: s" + std::to_string(i) +
            "}, spec: {service: r" + std::to_string(i) + ", backends: [{service: r" +
            std::to_string((i + 1) % kSplits) + ", weight: 1}]}}\n";
  }
  const auto findings = Lint(text);

  CHECK(findings.size() == 2 * kSplits);
  CHECK(findings.back().diagnostic.code == "SPLIT_NESTED");
}
