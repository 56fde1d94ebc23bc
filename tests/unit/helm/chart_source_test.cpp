#include <catch2/catch.hpp>

#include "adapters/helm/helm.h"
#include "adapters/helm/internal/charts.h"
#include "libs/base/files.h"
#include "libs/base/ids.h"

using meshplay::MakeDirectory;
using meshplay::Sha256Hex;
using meshplay::TemporaryDirectory;
using meshplay::WriteFileAtomically;
using meshplay::helm::ChartSource;
using meshplay::helm::CheckBundle;
using meshplay::helm::FindChartFolder;
using meshplay::helm::ParseChartSource;

TEST_CASE("a chart source is one of four kinds", "[helm]") {
  CHECK(ParseChartSource("repo:https://charts.example.com")->kind == ChartSource::Kind::kRepository);
  CHECK(ParseChartSource("oci:registry.example.com/charts")->location == "oci://registry.example.com/charts");
  CHECK(ParseChartSource("dir:/srv/charts")->location == "/srv/charts");
  CHECK(ParseChartSource("bundle:/srv/charts.tgz")->kind == ChartSource::Kind::kBundle);
  for (const char* bad : {"", "repo", "repo:ftp://x", "dir:", "file:/x", "/srv/charts"}) {
    CAPTURE(bad);
    CHECK(ParseChartSource(bad).error().reason() == "CHART_SOURCE_INVALID");
  }
}

TEST_CASE("a chart folder is found by its exact version", "[helm]") {
  const auto root = TemporaryDirectory::Create("meshplay-test-");
  REQUIRE(root);
  for (const std::string version : {"1.29.6", "1.30.3"}) {
    const std::string folder = root->path() + "/istiod-" + version;
    REQUIRE(MakeDirectory(folder));
    REQUIRE(WriteFileAtomically(folder + "/Chart.yaml", "name: istiod\nversion: " + version + "\n"));
  }
  CHECK(*FindChartFolder(root->path(), "istiod", "1.29.6") == root->path() + "/istiod-1.29.6");
  CHECK(FindChartFolder(root->path(), "istiod", "1.31.0").error().reason() == "CHART_NOT_FOUND");
  CHECK(FindChartFolder(root->path(), "ztunnel", "1.30.3").error().reason() == "CHART_NOT_FOUND");
}

TEST_CASE("a bundle whose content differs from its checksum list is refused", "[helm]") {
  const auto root = TemporaryDirectory::Create("meshplay-test-");
  REQUIRE(root);
  const std::string sums = root->path() + "/SHA256SUMS";
  REQUIRE(WriteFileAtomically(root->path() + "/a.yaml", "a: 1\n"));
  REQUIRE(WriteFileAtomically(sums, Sha256Hex("a: 1\n") + "  a.yaml\n"));
  CHECK(CheckBundle(root->path()).has_value());

  SECTION("because a file changed") {
    REQUIRE(WriteFileAtomically(root->path() + "/a.yaml", "a: 2\n"));
  }
  SECTION("because a file is not listed") {
    REQUIRE(WriteFileAtomically(root->path() + "/b.yaml", "b: 1\n"));
  }
  SECTION("because the list leaves the folder") {
    REQUIRE(WriteFileAtomically(sums, Sha256Hex("a: 1\n") + "  ../a.yaml\n"));
  }
  CHECK(CheckBundle(root->path()).error().reason() == "CHART_BROKEN");
}
