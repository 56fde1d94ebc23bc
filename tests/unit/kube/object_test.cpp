#include "adapters/kube/object.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

using namespace meshplay::kube;
using nlohmann::json;

TEST_CASE("apiVersion and kind become a Gvk and back", "[kube]") {
  CHECK(MakeGvk("apps/v1", "Deployment") == Gvk{"apps", "v1", "Deployment"});
  CHECK(MakeGvk("v1", "Pod") == Gvk{"", "v1", "Pod"});
  CHECK(MakeGvk("apps/v1", "Deployment").ApiVersion() == "apps/v1");
  CHECK(MakeGvk("v1", "Pod").ApiVersion() == "v1");
}

TEST_CASE("an object names itself", "[kube]") {
  const json object = json::parse(R"({"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"istiod",
    "namespace":"istio-system","uid":"u","resourceVersion":"7","labels":{"app":"istiod"},
    "annotations":{"a/b":"c"},"deletionTimestamp":"2026-01-01T00:00:00Z"}})");
  CHECK(RefOf(object).ToString() == "Deployment istio-system/istiod");
  CHECK(UidOf(object) == "u");
  CHECK(ResourceVersionOf(object) == "7");
  CHECK(LabelOf(object, "app") == "istiod");
  CHECK(AnnotationOf(object, "a/b") == "c");
  CHECK(IsBeingDeleted(object));
}

TEST_CASE("readers of objects survive every wrong shape", "[kube]") {
  const json object = json::parse(GENERATE(as<std::string>{}, "null", "7", "[]", "\"x\"", "{}",
                                           R"({"metadata":7,"kind":[],"spec":null})",
                                           R"({"metadata":{"name":1,"labels":"x","annotations":[1]}})"));
  CHECK(NameOf(object).empty());
  CHECK(NamespaceOf(object).empty());
  CHECK(LabelOf(object, "app").empty());
  CHECK(AnnotationOf(object, "app").empty());
  CHECK(GvkOf(object).kind.empty());
  CHECK_FALSE(IsBeingDeleted(object));
  CHECK(TextAt(object, "/spec/x").empty());
  CHECK(NumberAt(object, "/spec/x", 5) == 5);
  CHECK(ValueAt(object, "/spec/0/x").is_null());
}

TEST_CASE("pointers reach into lists and escaped names", "[kube]") {
  const json object = json::parse(R"({"a/b":{"~":[{"n":3},{"n":-4}]},"big":18446744073709551615})");
  CHECK(NumberAt(object, "/a~1b/~0/0/n") == 3);
  CHECK(NumberAt(object, "/a~1b/~0/1/n") == -4);
  CHECK(NumberAt(object, "/a~1b/~0/2/n", 9) == 9);
  CHECK(NumberAt(object, "/a~1b/~0/01/n", 9) == 9);
  CHECK(NumberAt(object, "/a~1b/~0/-/n", 9) == 9);
  CHECK(NumberAt(object, "/big", 9) == 9);
  CHECK(ValueAt(object, "no slash").is_null());
}
