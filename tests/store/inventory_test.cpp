#include "tests/store/backend.h"

using namespace meshplay;
using namespace meshplay::store;
using namespace meshplay::testing;
using Texts = std::vector<std::string>;

namespace {

AdapterRecord SampleAdapter(const std::string& id) {
  AdapterRecord a;
  a.id = id;
  a.tenant = "default";
  a.mesh_type = "istio";
  a.display_name =
      "Istio on \xc3\xa9"
      "ast";
  a.state = "ENROLLED";
  a.connected = true;
  a.session_id = "s-1";
  a.instance_id = "i-1";
  a.max_concurrent_tasks = 4;
  a.minor = 2;
  a.software_name = "meshplay-adapter-istio";
  a.software_version = "0.1.0";
  a.certificate_serial_hex = "ab";
  a.certificate_not_after_unix_ms = 9'000;
  a.manifest_digest = "sha256:m";
  a.manifest_json = "{}";
  a.conditions_json = "[]";
  a.last_seen_unix_ms = 8;
  a.version = 7;
  a.created_unix_ms = 1;
  a.updated_unix_ms = 2;
  return a;
}

ClusterRecord SampleCluster(const std::string& id) {
  return {id, "default", "uid-" + id, "East", "{}", "prod", "v1.32.0", "10.0.0.1:6443", "[]", 3, 1, 2};
}

MeshRecord SampleMesh(const std::string& id, const std::string& cluster) {
  return {id,        "default",
          cluster,   "uid-" + cluster,
          "istio",   "default",
          "1.24.0",  "canary",
          "sidecar", "istio-system",
          "HEALTHY", true,
          false,     "[\"a\"]",
          "[]",      5,
          6,         7,
          8};
}

ObjectRecord SampleObject(const std::string& id, const std::string& name) {
  ObjectRecord o;
  o.id = id;
  o.tenant = "default";
  o.adapter_id = "a-1";
  o.cluster_id = "east";
  o.cluster_uid = "uid-east";
  o.mesh_type = "istio";
  o.mesh_id = "m-1";
  o.api_version = "v1";
  o.kind = "Service";
  o.namespace_name = "shop";
  o.name = name;
  o.uid = "u-" + id;
  o.resource_version = "12";
  o.digest = "sha256:o";
  o.body_json = R"({"spec":{}})";
  o.facts_kind = "workload";
  o.facts_json = "{}";
  o.health = "HEALTHY";
  o.conditions_json = "[]";
  o.epoch = 1;
  o.updated_unix_ms = 3;
  return o;
}

Texts Objects(Backend& backend, const ObjectQuery& query) {
  return Ids(backend.Read([&](Reader& r) { return r.ListObjects(query); }));
}

}  // namespace

TEST_CASE("adapters, clusters and meshes are stored unchanged, replaced by key and listed by id") {
  Backend backend(AnyBackend());
  AdapterRecord second = SampleAdapter("a-2");
  second.mesh_type = "linkerd";
  backend.Write([&](Transaction& tx) {
    Take(tx.PutAdapter(second));
    Take(tx.PutAdapter(SampleAdapter("a-1")));
    Take(tx.PutCluster(SampleCluster("east")));
    Take(tx.PutCluster(SampleCluster("west")));
    Take(tx.PutMesh(SampleMesh("m-1", "east")));
    Take(tx.PutMesh(SampleMesh("m-2", "west")));
  });
  CHECK(backend.Read([](Reader& r) { return r.FindAdapter("default", "a-1"); }) == SampleAdapter("a-1"));
  CHECK_FALSE(backend.Read([](Reader& r) { return r.FindAdapter("other", "a-1"); }));
  CHECK(Ids(backend.Read([](Reader& r) { return r.ListAdapters("default", "", "", 10); })) == Texts{"a-1", "a-2"});
  CHECK(Ids(backend.Read([](Reader& r) { return r.ListAdapters("", "linkerd", "", 10); })) == Texts{"a-2"});
  CHECK(Ids(backend.Read([](Reader& r) { return r.ListAdapters("default", "", "a-1", 10); })) == Texts{"a-2"});
  CHECK(backend.Read([](Reader& r) { return r.FindCluster("default", "east"); }) == SampleCluster("east"));
  CHECK(backend.Read([](Reader& r) { return r.FindClusterByUid("default", "uid-west"); }) == SampleCluster("west"));
  CHECK_FALSE(backend.Read([](Reader& r) { return r.FindClusterByUid("default", "uid-none"); }));
  CHECK(Ids(backend.Read([](Reader& r) { return r.ListClusters("default", "", 1); })) == Texts{"east"});
  CHECK(Ids(backend.Read([](Reader& r) { return r.ListClusters("default", "east", 10); })) == Texts{"west"});
  CHECK(backend.Read([](Reader& r) { return r.FindMesh("default", "m-1"); }) == SampleMesh("m-1", "east"));
  CHECK(Ids(backend.Read([](Reader& r) { return r.ListMeshes("default", "west", "istio", "", 10); })) == Texts{"m-2"});

  AdapterRecord changed = SampleAdapter("a-1");
  changed.state = "REVOKED";
  changed.version = 8;
  backend.Write([&](Transaction& tx) { Take(tx.PutAdapter(changed)); });
  CHECK(backend.Read([](Reader& r) { return r.FindAdapter("", "a-1"); }) == changed);
}

TEST_CASE("a deleted cluster takes its objects, meshes, targets, locks and holds along, and no others") {
  Backend backend(AnyBackend());
  backend.Write([](Transaction& tx) {
    for (const char* id : {"east", "west"}) {
      const std::string cluster = id;
      Take(tx.PutCluster(SampleCluster(cluster)));
      Take(tx.PutMesh(SampleMesh("m-" + cluster, cluster)));
      ObjectRecord object = SampleObject("o-" + cluster, "web");
      object.cluster_id = cluster;
      Take(tx.PutObject(object));
      TargetRecord target = SampleTarget("t-" + cluster);
      target.cluster_id = cluster;
      target.cluster_uid = "uid-" + cluster;
      Take(tx.PutTarget(target));
      Take(tx.Lock("t-" + cluster, "op-1"));
      Take(tx.PutHold({"target/t-" + cluster, "R", "", 1}));
    }
    Take(tx.AddMeshHistory({0, "m-east", "appeared", "1.24.0", "", "HEALTHY", "", 1}));
    Take(tx.DeleteCluster("default", "east"));
    Take(tx.DeleteCluster("default", "never-there"));
  });
  CHECK(Ids(backend.Read([](Reader& r) { return r.ListClusters("", "", 10); })) == Texts{"west"});
  CHECK(Ids(backend.Read([](Reader& r) { return r.ListMeshes("", "", "", "", 10); })) == Texts{"m-west"});
  CHECK(Objects(backend, {}) == Texts{"o-west"});
  CHECK(Ids(backend.Read([](Reader& r) { return r.ListTargets("", "", "", 10); })) == Texts{"t-west"});
  CHECK(backend.Read([](Reader& r) { return r.FindTarget("", "t-west"); })->locked_by == "op-1");
  CHECK(backend.Read([](Reader& r) { return r.ListHolds(); }).size() == 1);
  CHECK(backend.Read([](Reader& r) { return r.ListMeshHistory("m-east", 0, 10); }).size() == 1);
}

TEST_CASE("claims are listed oldest first by whatever is asked") {
  Backend backend(AnyBackend());
  const ClaimRecord young{"default", "a-1", "uid-east", "istio", "east", true, false, "[]", 20};
  const ClaimRecord old{"default", "a-2", "uid-east", "istio", "in-cluster", true, true, "[]", 10};
  const ClaimRecord other{"default", "a-1", "uid-west", "istio", "west", false, false, "", 5};
  backend.Write([&](Transaction& tx) {
    for (const ClaimRecord& claim : {young, old, other}) Take(tx.PutClaim(claim));
  });
  using Claims = std::vector<ClaimRecord>;
  const auto list = [&](const char* adapter, const char* cluster, const char* mesh) {
    return backend.Read([&](Reader& r) { return r.ListClaims("default", adapter, cluster, mesh); });
  };
  CHECK(list("", "", "") == Claims{other, old, young});
  CHECK(list("", "uid-east", "istio") == Claims{old, young});
  CHECK(list("a-1", "", "") == Claims{other, young});
  CHECK(list("a-1", "", "linkerd").empty());
  backend.Write([](Transaction& tx) { Take(tx.DeleteClaim("a-1", "uid-west")); });
  CHECK(list("a-1", "", "") == Claims{young});
}

TEST_CASE("the history of a mesh outlives it, newest first") {
  Backend backend(AnyBackend());
  backend.Write([](Transaction& tx) {
    Take(tx.PutMesh(SampleMesh("m-1", "east")));
    for (const char* kind : {"appeared", "changed", "gone"}) {
      Take(tx.AddMeshHistory({99, "m-1", kind, "1.24.0", "", "HEALTHY", "note", 1}));
    }
    Take(tx.DeleteMesh("m-1"));
  });
  const auto list = [&](std::uint64_t before, std::uint32_t limit) {
    Texts kinds;
    for (const auto& row : backend.Read([&](Reader& r) { return r.ListMeshHistory("m-1", before, limit); })) {
      kinds.push_back(row.kind);
    }
    return kinds;
  };
  CHECK_FALSE(backend.Read([](Reader& r) { return r.FindMesh("", "m-1"); }));
  CHECK(list(0, 10) == Texts{"gone", "changed", "appeared"});
  CHECK(list(0, 1) == Texts{"gone"});
  CHECK(list(3, 10) == Texts{"changed", "appeared"});
}

TEST_CASE("objects are found by each filter, listed without bodies, swept by epoch and marked stale") {
  Backend backend(AnyBackend());
  backend.Write([](Transaction& tx) {
    Take(tx.PutObject(SampleObject("o-1", "web")));
    ObjectRecord second = SampleObject("o-2", "web-db");
    second.kind = "Deployment";
    second.api_version = "apps/v1";
    second.facts_kind = "";
    second.epoch = 2;
    second.stale = true;
    Take(tx.PutObject(second));
    ObjectRecord third = SampleObject("o-3", "100%_x");
    third.adapter_id = "a-2";
    third.namespace_name = "other";
    third.mesh_id = "";
    Take(tx.PutObject(third));
  });
  CHECK(backend.Read([](Reader& r) { return r.FindObject("default", "o-1"); }) == SampleObject("o-1", "web"));
  ObjectRecord without_body = SampleObject("o-1", "web");
  without_body.body_json.clear();
  CHECK(backend.Read([](Reader& r) { return r.ListObjects({.limit = 1}); }) == std::vector{without_body});
  CHECK(Objects(backend, {.tenant = "default"}) == Texts{"o-1", "o-2", "o-3"});
  CHECK(Objects(backend, {.after_id = "o-1"}) == Texts{"o-2", "o-3"});
  CHECK(Objects(backend, {.cluster_id = "west"}).empty());
  CHECK(Objects(backend, {.mesh_id = "m-1"}) == Texts{"o-1", "o-2"});
  CHECK(Objects(backend, {.kind = "Deployment"}) == Texts{"o-2"});
  CHECK(Objects(backend, {.namespace_name = "other"}) == Texts{"o-3"});
  CHECK(Objects(backend, {.name_contains = "web"}) == Texts{"o-1", "o-2"});
  CHECK(Objects(backend, {.name_contains = "%_"}) == Texts{"o-3"});
  CHECK(Objects(backend, {.facts_kind = "workload"}) == Texts{"o-1", "o-3"});

  Texts swept;
  backend.Write([&](Transaction& tx) {
    CHECK(Take(tx.SweepObjects("a-1", "uid-east", {}, 7, "")).empty());
    CHECK(Take(tx.SweepObjects("a-1", "uid-east", {{"v1", "Service"}}, 1, "")).empty());
    ObjectRecord marked = SampleObject("o-4", "owned");
    marked.body_json = R"({"keep":1})";
    Take(tx.PutObject(marked));
    const auto gone =
        Take(tx.SweepObjects("a-1", "uid-east", {{"v1", "Service"}, {"apps/v1", "Deployment"}}, 2, "\"keep"));
    swept = Ids(gone);
    CHECK(gone[0].body_json.empty());
    CHECK(gone[0].name == "web");
    CHECK(gone[1].body_json == R"({"keep":1})");
    Take(tx.MarkObjectsStale("a-2", "uid-east", true));
  });
  CHECK(swept == Texts{"o-1", "o-4"});
  CHECK(Objects(backend, {}) == Texts{"o-2", "o-3"});
  CHECK(backend.Read([](Reader& r) { return r.FindObject("", "o-3"); })->stale);
  backend.Write([](Transaction& tx) { Take(tx.MarkObjectsStale("", "", false)); });
  CHECK_FALSE(backend.Read([](Reader& r) { return r.FindObject("", "o-2"); })->stale);
  backend.Write([](Transaction& tx) { Take(tx.DeleteObject("o-2")); });
  CHECK(Objects(backend, {}) == Texts{"o-3"});
}

TEST_CASE("bookmarks, tokens, secrets and small facts") {
  Backend backend(AnyBackend());
  const BookmarkRecord bookmark{"a-1", "uid-east", "v1/Service", "rv-12", 3, true};
  EnrollmentTokenRecord enrollment{"e-1", "default", "istio", "Istio", "hash", "", "a-1", "csr", "{}", 1, 2, 3};
  ApiTokenRecord token{"k-1", "default", "laptop", {"admin", "viewer \"q\""}, "hash", 1, 2, 3};
  const SecretRecord first{"default", "registry", "v-1", std::string("\0\xfe sealed", 9), {"user", "password"}, 1};
  const SecretRecord second{"default", "registry", "v-2", "newer", {"user"}, 2};
  const SecretRecord third{"default", "zone", "v-0", "z", {}, 3};
  backend.Write([&](Transaction& tx) {
    Take(tx.PutBookmark(bookmark));
    Take(tx.PutEnrollmentToken(enrollment));
    Take(tx.PutApiToken(token));
    for (const SecretRecord& secret : {second, first, third}) Take(tx.PutSecret(secret));
    Take(tx.PutMeta("k", "v"));
    Take(tx.PutMeta("k", "w"));
  });
  CHECK(backend.Read([](Reader& r) { return r.FindBookmark("a-1", "uid-east", "v1/Service"); }) == bookmark);
  CHECK(backend.Read([](Reader& r) { return r.FindEnrollmentToken("e-1"); }) == enrollment);
  CHECK(backend.Read([](Reader& r) { return r.ListEnrollmentTokens("default", "", 10); }) == std::vector{enrollment});
  CHECK(backend.Read([](Reader& r) { return r.FindApiToken("k-1"); }) == token);
  CHECK(backend.Read([](Reader& r) { return r.ListApiTokens("default", "k-1", 10); }).empty());
  CHECK(backend.Read([](Reader& r) { return r.FindSecret("default", "registry"); }) == second);
  CHECK_FALSE(backend.Read([](Reader& r) { return r.FindSecret("other", "registry"); }));
  const auto secrets = backend.Read([](Reader& r) { return r.ListSecrets("default", "", 10); });
  REQUIRE(secrets.size() == 2);
  CHECK(secrets[0].version == "v-2");
  CHECK(secrets[0].keys == Texts{"user"});
  CHECK(secrets[0].sealed.empty());
  CHECK(secrets[1].name == "zone");
  CHECK(backend.Read([](Reader& r) { return r.ListSecrets("default", "", 1); }).size() == 1);
  CHECK(backend.Read([](Reader& r) { return r.ListSecrets("default", "registry", 10); }).size() == 1);
  CHECK(backend.Read([](Reader& r) { return r.FindMeta("k"); }) == "w");

  backend.Write([](Transaction& tx) {
    Take(tx.DeleteBookmarks("a-1"));
    Take(tx.DeleteEnrollmentToken("e-1"));
    Take(tx.DeleteApiToken("k-1"));
    Take(tx.DeleteSecret("default", "registry"));
  });
  CHECK_FALSE(backend.Read([](Reader& r) { return r.FindBookmark("a-1", "uid-east", "v1/Service"); }));
  CHECK_FALSE(backend.Read([](Reader& r) { return r.FindEnrollmentToken("e-1"); }));
  CHECK_FALSE(backend.Read([](Reader& r) { return r.FindApiToken("k-1"); }));
  CHECK_FALSE(backend.Read([](Reader& r) { return r.FindSecret("default", "registry"); }));
  CHECK(backend.Read([](Reader& r) { return r.FindSecret("default", "zone"); }) == third);
}
