#include <google/protobuf/message.h>

#include <filesystem>
#include <fstream>
#include <set>

#include "meshplay/api/annotations.pb.h"
#include "tests/unit/services/fixture.h"

using meshplay::testing::Must;
using meshplay::testing::ReasonOf;
using meshplay::testing::ServicesFixture;
namespace security = meshplay::security;

namespace {

std::unique_ptr<google::protobuf::Message> EmptyRequest(const google::protobuf::MethodDescriptor& method) {
  const auto* prototype = google::protobuf::MessageFactory::generated_factory()->GetPrototype(method.input_type());
  return std::unique_ptr<google::protobuf::Message>(prototype->New());
}

}  // namespace

TEST_CASE("the permissions of the proto and of the roles are the same words", "[services][access]") {
  const auto* type = meshplay::api::Permission_descriptor();
  for (int i = 0; i < type->value_count(); ++i) {
    const auto permission = static_cast<security::Permission>(type->value(i)->number());
    CHECK("PERMISSION_" + std::string(security::PermissionName(permission)) == type->value(i)->name());
  }
}

TEST_CASE("every method refuses every role it should, and nobody", "[services][access]") {
  ServicesFixture fx;
  REQUIRE(fx.api.methods().size() > 45);
  for (const auto* method : fx.api.methods()) {
    const auto permission =
        static_cast<security::Permission>(method->options().GetExtension(meshplay::api::permission));
    const auto request = EmptyRequest(*method);
    for (const std::string& role : security::KnownRoles()) {
      INFO(method->full_name() << " as " << role);
      const auto answer = fx.api.Call(*method, ServicesFixture::As(role), *request);
      const bool denied = !answer.has_value() && answer.error().reason() == "PERMISSION_DENIED";
      CHECK(denied != security::Allows({role}, permission));
    }
    INFO(method->full_name() << " as nobody");
    meshplay::services::CallContext nobody;
    nobody.caller = security::Anonymous();
    const auto answer = fx.api.Call(*method, nobody, *request);
    const bool missing = !answer.has_value() && answer.error().reason() == "TOKEN_MISSING";
    CHECK(missing != (permission == security::Permission::kPublic));
    const auto unknown = fx.api.Call(*method, ServicesFixture::As("root"), *request);
    CHECK((permission == security::Permission::kPublic || ReasonOf(unknown) == "PERMISSION_DENIED"));
  }
}

TEST_CASE("a refusal for lack of permission is audited, one for lack of a token is not", "[services][access]") {
  ServicesFixture fx;
  meshplay::v1::ListTokensRequest request;
  CHECK(ReasonOf(fx.Call<meshplay::v1::ListTokensResponse>("Access.ListTokens", request,
                                                           ServicesFixture::As("viewer"))) == "PERMISSION_DENIED");
  REQUIRE(fx.Audit().size() == 1);
  CHECK(fx.Audit()[0].decision == "denied");
  CHECK(fx.Audit()[0].action == "Access.ListTokens");
  CHECK(fx.Audit()[0].principal == "token/tester");
  meshplay::services::CallContext nobody;
  nobody.caller = security::Anonymous();
  CHECK(ReasonOf(fx.Call<meshplay::v1::ListTokensResponse>("Access.ListTokens", request, nobody)) == "TOKEN_MISSING");
  CHECK(fx.Audit().size() == 1);
}

TEST_CASE("a real token carries its roles through the api", "[services][access]") {
  ServicesFixture fx;
  const auto first = Must(fx.tokens.EnsureFirstToken());
  meshplay::services::CallContext context;
  context.caller = Must(fx.api.Authenticate(first->Reveal()));
  const auto me = Must(fx.Call<meshplay::v1::WhoAmIResponse>("Access.WhoAmI", meshplay::v1::WhoAmIRequest(), context));
  CHECK(me.principal() == "token/first");
  CHECK(me.roles_size() == 2);
  CHECK(Must(fx.api.Authenticate("")).principal == "anonymous");
  CHECK(ReasonOf(fx.api.Authenticate("mp_garbage")) == "TOKEN_INVALID");
}

TEST_CASE("while stopping, changes are refused and reads go on", "[services][access]") {
  ServicesFixture fx;
  fx.Connect();
  CHECK(fx.api.NotReadyReasons().empty());
  fx.api.BeginStop();
  CHECK(fx.api.NotReadyReasons() == std::vector<std::string>{"stopping"});
  CHECK(ReasonOf(fx.Create(ServicesFixture::Install())) == "STOPPING");
  CHECK(ReasonOf(fx.Call<meshplay::v1::ListClustersResponse>("Clusters.ListClusters",
                                                             meshplay::v1::ListClustersRequest())) == "OK");
}

TEST_CASE("every reason that a method documents is in the list of reasons", "[services][access]") {
  std::set<std::string> known;
  for (const auto& file : std::filesystem::directory_iterator(std::string(MESHPLAY_SOURCE_DIR) + "/docs/reasons")) {
    std::ifstream lines(file.path());
    for (std::string line; std::getline(lines, line);) known.insert(line.substr(0, line.find(' ')));
  }
  ServicesFixture fx;
  for (const auto* method : fx.api.methods()) {
    for (const std::string& reason : method->options().GetExtension(meshplay::api::doc).errors()) {
      INFO(method->full_name() << " " << reason);
      CHECK(known.count(reason) == 1);
    }
  }
}

TEST_CASE("every method documents itself", "[services][access]") {
  ServicesFixture fx;
  for (const auto* method : fx.api.methods()) {
    INFO(method->full_name());
    CHECK_FALSE(method->options().GetExtension(meshplay::api::doc).summary().empty());
    CHECK(method->options().GetExtension(meshplay::api::route).path().starts_with("/"));
  }
}
