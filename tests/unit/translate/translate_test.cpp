#include "adapters/translate/translate.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "adapters/gamma/emit.h"
#include "libs/base/files.h"
#include "libs/base/yaml.h"

using nlohmann::json;
namespace translate = meshplay::translate;

namespace {

constexpr const char* kServices = R"(
apiVersion: v1
kind: List
items:
- {apiVersion: v1, kind: Service, metadata: {name: api}, spec: {ports: [{name: http, port: 80}]}}
- {apiVersion: v1, kind: Service, metadata: {name: api-v1}, spec: {ports: [{name: http, port: 80}]}}
)";
constexpr const char* kSplit = R"(
apiVersion: split.smi-spec.io/v1alpha4
kind: TrafficSplit
metadata: {name: s}
spec: {service: api, backends: [{service: api-v1, weight: 1}]}
)";
constexpr const char* kUdp = R"(
---
apiVersion: specs.smi-spec.io/v1alpha4
kind: UDPRoute
metadata: {name: u}
spec: {matches: {ports: [53]}}
)";
constexpr const char* kInvalid = R"(
---
apiVersion: split.smi-spec.io/v1alpha4
kind: TrafficSplit
metadata: {name: bad}
spec: {service: other, backends: [{service: api-v1, weight: -1}]}
)";
constexpr const char* kPartial = R"(
---
apiVersion: split.smi-spec.io/v1alpha4
kind: TrafficSplit
metadata: {name: p}
spec: {service: both, backends: [{service: both, weight: 1}]}
---
apiVersion: v1
kind: Service
metadata: {name: both}
spec: {ports: [{name: http, port: 80}, {name: tcp, port: 81}]}
)";

struct Ran {
  int code = -1;
  std::string out;
  std::string err;
};

class Folder {
 public:
  Folder() : folder_(*meshplay::TemporaryDirectory::Create("translate")) {}
  std::string Write(const std::string& name, const std::string& text) const {
    const std::string path = folder_.path() + "/" + name;
    std::ofstream(path) << text;
    return path;
  }
  const std::string& path() const { return folder_.path(); }

 private:
  meshplay::TemporaryDirectory folder_;
};

Ran Run(const std::vector<std::string>& arguments) {
  std::ostringstream out;
  std::ostringstream err;
  Ran ran;
  ran.code = translate::RunTranslate({meshplay::gamma::Emitter("istio")}, arguments, out, err);
  ran.out = out.str();
  ran.err = err.str();
  return ran;
}

std::string ReasonOf(const Ran& ran) {
  return json::parse(ran.err)["error"]["reason"];
}

}  // namespace

TEST_CASE("translate prints objects on stdout and the list of reports on stderr", "[translate]") {
  const Folder folder;
  const Ran ran =
      Run({"-f", folder.Write("a.yaml", kServices), "-f", folder.Write("b.yaml", kSplit), "--namespace", "shop"});

  CHECK(ran.code == 0);
  CHECK(ran.out.starts_with("---\napiVersion: "));
  const auto objects = meshplay::ParseYaml(ran.out);
  REQUIRE(objects.has_value());
  REQUIRE(objects->size() == 1);
  CHECK(objects->at(0).value["metadata"]["name"] == "smi-s-80");
  CHECK(objects->at(0).value["metadata"]["namespace"] == "shop");
  const json report = json::parse(ran.err);
  REQUIRE(report.size() == 1);
  CHECK(report[0]["level"] == "FULL");
  CHECK(report[0]["source"]["kind"] == "TrafficSplit");
  CHECK(report[0]["generated"][0]["name"] == "smi-s-80");
}

TEST_CASE("the exit code is the worst of all objects: invalid, none, partial, full", "[translate]") {
  const Folder folder;
  const auto code = [&](const std::string& extra) {
    return Run({"-f", folder.Write("s.yaml", kServices), folder.Write("d.yaml", kSplit + extra)}).code;
  };
  CHECK(code("") == 0);
  CHECK(code(kPartial) == 3);
  CHECK(code(kUdp) == 4);
  CHECK(code(std::string(kPartial) + kUdp) == 4);
  CHECK(code(std::string(kPartial) + kUdp + kInvalid) == 2);
}

TEST_CASE("an invalid object is reported and the others are still translated", "[translate]") {
  const Folder folder;
  const Ran ran =
      Run({"-f", folder.Write("s.yaml", kServices), "-f", folder.Write("d.yaml", std::string(kSplit) + kInvalid)});

  CHECK(ran.code == 2);
  CHECK(ran.out.find("smi-s-80") != std::string::npos);
  const json report = json::parse(ran.err);
  REQUIRE(report.size() == 2);
  CHECK(report[1]["level"] == "NONE");
  CHECK(report[1]["diagnostics"][0]["code"] == "WEIGHT_INVALID");
}

TEST_CASE("selfReference=reject makes a self reference invalid input", "[translate]") {
  const Folder folder;
  const std::string file = folder.Write("p.yaml", kPartial);
  CHECK(Run({"-f", file}).code == 3);
  CHECK(Run({"-f", file, "--option", "selfReference=reject"}).code == 2);
}

TEST_CASE("a folder gives its manifests in order of their names, and the order does not change the output",
          "[translate]") {
  const Folder folder;
  folder.Write("b.yml", kServices);
  folder.Write("a.yaml", kSplit);
  folder.Write("notes.txt", "not: [a manifest");
  const Ran whole = Run({"-f", folder.path()});
  CHECK(whole.code == 0);
  CHECK(whole.out == Run({"-f", folder.path() + "/b.yml", "-f", folder.path() + "/a.yaml"}).out);
}

TEST_CASE("the report goes to a file when one is named, and as text when asked for", "[translate]") {
  const Folder folder;
  const std::string a = folder.Write("a.yaml", kServices);
  const std::string b = folder.Write("b.yaml", kSplit);
  const std::string report = folder.path() + "/report.json";
  const Ran to_file = Run({"-f", a, b, "--report-file", report});
  CHECK(to_file.code == 0);
  CHECK(to_file.err.empty());
  CHECK(json::parse(*meshplay::ReadFile(report))[0]["level"] == "FULL");

  const Ran text = Run({"-f", a, b, "--report", "text"});
  CHECK(text.err.starts_with("FULL TrafficSplit/default/s: "));
  const Ran nowhere = Run({"-f", a, b, "--report-file", folder.path() + "/no/such/report"});
  CHECK(nowhere.code == 1);
  CHECK(nowhere.out.empty());
}

TEST_CASE("only -v says more on stderr than the report", "[translate]") {
  const Folder folder;
  const std::string a = folder.Write("a.yaml", std::string(kServices) + "---" + kSplit);
  CHECK(json::accept(Run({"-f", a}).err));
  CHECK(Run({"-f", a, "-v"}).err.starts_with("read 1 SMI documents and 2 other objects\n"));
}

TEST_CASE("input that cannot be used is refused with a reason and exit code 2", "[translate]") {
  const Folder folder;
  const auto refused = [](const std::vector<std::string>& arguments, const std::string& reason) {
    const Ran ran = Run(arguments);
    INFO(ran.err);
    CHECK(ran.code == 2);
    CHECK(ran.out.empty());
    CHECK(ReasonOf(ran) == reason);
  };
  const std::string split = folder.Write("split.yaml", kSplit);
  refused({}, "TRANSLATE_ARGUMENTS_INVALID");
  refused({"-f", split, "--frob"}, "TRANSLATE_ARGUMENTS_INVALID");
  refused({"-f", split, "--report", "xml"}, "TRANSLATE_ARGUMENTS_INVALID");
  refused({"-f", split, "--as", "osm"}, "TRANSLATE_ARGUMENTS_INVALID");
  refused({"-f", folder.path() + "/nothing.yaml"}, "FILE_NOT_FOUND");
  refused({"-f", folder.Write("bad.yaml", "a: [")}, "YAML_INVALID");
  refused({"-f", folder.Write("twice.yaml", "a: 1\na: 2")}, "YAML_DUPLICATE_KEY");
  refused({"-f", folder.Write("scalar.yaml", "hello")}, "TRANSLATE_DOCUMENT_INVALID");
  refused({"-f", folder.Write("nokind.yaml", "{apiVersion: v1}")}, "TRANSLATE_DOCUMENT_INVALID");
  refused({"-f", folder.Write("services.yaml", kServices)}, "TRANSLATE_INPUT_EMPTY");
  refused({"-f", split, "--option", "mode"}, "SMI_OPTION_INVALID");
  refused({"-f", split, "--option", "pathAnchor=both"}, "SMI_OPTION_INVALID");
  refused({"-f", split, "--option", "no.such=1"}, "SMI_OPTION_UNKNOWN");
  refused({"-f", split, "--report-file", ""}, "TRANSLATE_ARGUMENTS_INVALID");
}

TEST_CASE("the place of a bad document is told", "[translate]") {
  const Folder folder;
  const Ran ran = Run({"-f", folder.Write("x.yaml", std::string(kSplit) + "---\n- 1\n")});
  const std::string message = json::parse(ran.err)["error"]["message"];
  CHECK(message.find("x.yaml") != std::string::npos);
  CHECK(message.find("line 7") != std::string::npos);
}

TEST_CASE("help is no error", "[translate]") {
  const Ran ran = Run({"--help"});
  CHECK(ran.code == 0);
  CHECK(ran.out.find("--report-file") != std::string::npos);
  CHECK(ran.out.find("pathAnchor=spec|full") != std::string::npos);
  CHECK(ran.out.find("Exit codes") != std::string::npos);
}

TEST_CASE("a report that cannot be written is told with its path, and no objects are", "[translate]") {
  const Folder folder;
  const std::string report = folder.path() + "/none/report.json";
  const Ran ran =
      Run({"-f", folder.Write("a.yaml", kServices), folder.Write("b.yaml", kSplit), "--report-file", report});
  CHECK(ran.code == 1);
  CHECK(ran.out.empty());
  CHECK(json::parse(ran.err)["error"]["message"].get<std::string>().find(report) != std::string::npos);
}

TEST_CASE("a report goes into the pipe or through the link that its name stands for, and does not take its place",
          "[translate]") {
  namespace fs = std::filesystem;
  const Folder folder;
  const std::string a = folder.Write("a.yaml", std::string(kServices) + "---" + kSplit);
  const std::string pipe = folder.path() + "/pipe";
  REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
  const int reader = ::open(pipe.c_str(), O_RDONLY | O_NONBLOCK);
  REQUIRE(reader >= 0);
  CHECK(Run({"-f", a, "--report-file", pipe}).code == 0);
  std::array<char, 4096> text{};
  const ssize_t got = ::read(reader, text.data(), text.size());
  ::close(reader);
  REQUIRE(got > 0);
  CHECK(json::parse(std::string(text.data(), static_cast<std::size_t>(got)))[0]["level"] == "FULL");
  CHECK(fs::is_fifo(pipe));

  const std::string real = folder.Write("real.json", "an older and longer report\n" + std::string(5000, ' '));
  const std::string link = folder.path() + "/link.json";
  fs::create_symlink("real.json", link);
  CHECK(Run({"-f", a, "--report-file", link}).code == 0);
  CHECK(fs::is_symlink(link));
  CHECK(json::parse(*meshplay::ReadFile(real))[0]["level"] == "FULL");

  CHECK(Run({"-f", a, "--report-file", folder.path()}).code == 1);
  CHECK(fs::is_directory(folder.path()));
}

TEST_CASE("lists of one kind are opened, though their items name no kind", "[translate]") {
  const Folder folder;
  const std::string splits = folder.Write("s.json", R"({"apiVersion": "split.smi-spec.io/v1alpha4",
    "kind": "TrafficSplitList", "items": [
    {"metadata": {"name": "s"}, "spec": {"service": "api", "backends": [{"service": "api-v1", "weight": 1}]}}]})");
  const Ran ran = Run({"-f", splits, folder.Write("a.yaml", kServices)});
  CHECK(ran.code == 0);
  CHECK(ran.out.find("smi-s-80") != std::string::npos);
}

TEST_CASE("the version of the mesh has a form and a range", "[translate]") {
  const Folder folder;
  const std::string file = folder.Write("a.yaml", std::string(kServices) + "---" + kSplit);
  const auto emitter = [] {
    translate::TranslateEmitter made = meshplay::gamma::Emitter("istio");
    made.oldest_version = "1.22";
    return made;
  };
  const auto run = [&](const std::string& version) {
    std::ostringstream out;
    std::ostringstream err;
    const int code = translate::RunTranslate({emitter()}, {"-f", file, "--mesh-version", version}, out, err);
    return code == 0 ? std::string() : json::parse(err.str())["error"]["reason"].get<std::string>();
  };
  for (const char* version :
       {"1.22", "1.28.3", "v1.30", "1.31.0-rc.1", "1.28.3+build-7", "stable-2.14.10", "edge-24.11.8"}) {
    INFO(version);
    CHECK(run(version).empty());
  }
  for (const char* version : {"1.21.9", "0.9", "", "banana", "1", "1.", "1.x", "1.28.", "1.28.3.4", "1.28 ", " 1.28",
                              "-1.2", "12345.1", "1.28-", "1.28_3", "latest", "1.28.3-\xff"}) {
    INFO(version);
    CHECK(run(version) == "MESH_VERSION_INVALID");
  }
  CHECK(run("1.28-" + std::string(60, 'a')) == "MESH_VERSION_INVALID");
}

TEST_CASE("an object that is given twice counts once, and its second place is wrong", "[translate]") {
  const Folder folder;
  const std::string split = folder.Write("split.yaml", kSplit);
  const Ran ran = Run({"-f", folder.Write("a.yaml", kServices), "-f", split, "-f", split});
  CHECK(ran.code == 2);
  const json report = json::parse(ran.err);
  REQUIRE(report.size() == 2);
  CHECK(report[0]["level"] == "FULL");
  CHECK(report[0]["diagnostics"].empty());
  CHECK(report[1]["level"] == "NONE");
  CHECK(report[1]["generated"].empty());
  CHECK(report[1]["diagnostics"][0]["code"] == "METADATA_INVALID");
}

TEST_CASE("manifests may share parts by anchors and merge keys", "[translate]") {
  const Folder folder;
  const Ran ran = Run({"-f", folder.Write("a.yaml", R"(
apiVersion: v1
kind: List
items:
- {apiVersion: v1, kind: Service, metadata: {name: api}, spec: &web {ports: [{name: http, port: 80}]}}
- {apiVersion: v1, kind: Service, metadata: {name: api-v1}, spec: {<<: *web, selector: {app: api}}}
- apiVersion: split.smi-spec.io/v1alpha4
  kind: TrafficSplit
  metadata: {name: s}
  spec: {service: api, backends: [{service: api-v1, weight: 1}]}
)")});
  CHECK(ran.code == 0);
  CHECK(json::parse(ran.err).at(0)["level"] == "FULL");
}
