#include "tests/protocol/sdk/scripted_hub.h"

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "libs/base/clock.h"

namespace meshplay::testing {

using namespace std::chrono_literals;

ScriptedHub::ScriptedHub() {
  const UnixMs now = SystemClock().NowUnixMs();
  authority_ = *NewCertificateAuthority("test hub", 24h, now);
  CertificateRequest request;
  request.common_name = "localhost";
  request.dns_names = {"localhost"};
  request.ip_addresses = {"127.0.0.1"};
  request.server_auth = true;
  const KeyPair own = *IssueKeyPair(authority_, request, now);
  trust_bundle = authority_.certificate_chain_pem;
  grpc::SslServerCredentialsOptions tls(GRPC_SSL_REQUEST_CLIENT_CERTIFICATE_AND_VERIFY);
  tls.pem_root_certs = trust_bundle;
  tls.pem_key_cert_pairs.push_back({own.private_key_pem.Reveal(), own.certificate_chain_pem});
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:0", grpc::SslServerCredentials(tls), &port_);
  builder.RegisterService(static_cast<pb::AdapterControl::Service*>(this));
  builder.RegisterService(static_cast<pb::AdapterEnrollment::Service*>(this));
  builder.RegisterService(static_cast<pb::AdapterData::Service*>(this));
  server_ = builder.BuildAndStart();
  REQUIRE(server_);
}

ScriptedHub::~ScriptedHub() {
  server_->Shutdown(std::chrono::system_clock::now());
}

grpc::Status ScriptedHub::Session(grpc::ServerContext* context,
                                  grpc::ServerReaderWriter<pb::ServerFrame, pb::AdapterFrame>* rpc) {
  if (!context->auth_context()->IsPeerAuthenticated()) return {grpc::StatusCode::UNAUTHENTICATED, "no certificate"};
  const auto talk = std::make_shared<SessionTalk>(context, rpc);
  {
    const std::lock_guard lock(mutex_);
    sessions_.push_back(talk);
    changed_.notify_all();
  }
  talk->Serve();
  return grpc::Status::OK;
}

grpc::Status ScriptedHub::SyncInventory(grpc::ServerContext* context,
                                        grpc::ServerReaderWriter<pb::InventoryReply, pb::InventoryFrame>* rpc) {
  const auto talk = std::make_shared<InventoryTalk>(context, rpc);
  {
    const std::lock_guard lock(mutex_);
    inventories_.push_back(talk);
    changed_.notify_all();
  }
  talk->Serve();
  return grpc::Status::OK;
}

std::string ScriptedHub::Sign(const std::string& csr_der) {
  CertificateRequest request;
  request.common_name = "adapter-1";
  request.uri_names = {"spiffe://test/adapter/adapter-1"};
  request.client_auth = true;
  request.lifetime = certificate_life;
  const std::string signed_pem = *SignCsr(authority_, csr_der, request, SystemClock().NowUnixMs());
  const std::lock_guard lock(mutex_);
  last_certificate_ = signed_pem;
  return *PemToDer(signed_pem);
}

std::string ScriptedHub::LastCertificate() {
  const std::lock_guard lock(mutex_);
  return last_certificate_;
}

grpc::Status ScriptedHub::Enroll(grpc::ServerContext* context, const pb::EnrollRequest* request,
                                 pb::EnrollResponse* reply) {
  ++enrolments;
  if (context->auth_context()->IsPeerAuthenticated()) return {grpc::StatusCode::INTERNAL, "the old certificate came"};
  if (request->token().find("good") == std::string::npos) return {grpc::StatusCode::PERMISSION_DENIED, "TOKEN_USED"};
  reply->set_adapter_id("adapter-1");
  reply->add_certificate_chain_der(Sign(request->csr_der()));
  reply->add_trust_bundle_der(*PemToDer(authority_.certificate_chain_pem));
  reply->mutable_renew_after()->set_seconds(renew_after.count());
  return grpc::Status::OK;
}

grpc::Status ScriptedHub::RenewIdentity(grpc::ServerContext* context, const pb::RenewIdentityRequest* request,
                                        pb::RenewIdentityResponse* reply) {
  if (!context->auth_context()->IsPeerAuthenticated()) return {grpc::StatusCode::UNAUTHENTICATED, "no certificate"};
  ++renewals;
  reply->add_certificate_chain_der(Sign(request->csr_der()));
  reply->mutable_renew_after()->set_seconds(3'600);
  return grpc::Status::OK;
}

std::shared_ptr<SessionTalk> ScriptedHub::NextSession(pb::Hello& hello) {
  std::shared_ptr<SessionTalk> talk;
  {
    std::unique_lock lock(mutex_);
    REQUIRE(changed_.wait_for(lock, 60s, [&] { return !sessions_.empty(); }));
    talk = sessions_.front();
    sessions_.pop_front();
  }
  pb::AdapterFrame first;
  REQUIRE(talk->Wait([](const pb::AdapterFrame&) { return true; }, first));
  REQUIRE(first.has_hello());
  hello = first.hello();
  return talk;
}

std::shared_ptr<SessionTalk> ScriptedHub::Welcome(pb::Hello* hello, pb::Directive directive,
                                                  std::uint64_t resend_from) {
  pb::Hello said;
  auto talk = NextSession(said);
  pb::ServerFrame frame;
  pb::Welcome& welcome = *frame.mutable_welcome();
  welcome.set_session_id("session");
  const auto set = [](google::protobuf::Duration& to, std::chrono::milliseconds ms) {
    to.set_seconds(ms.count() / 1'000);
    to.set_nanos(static_cast<int>(ms.count() % 1'000) * 1'000'000);
  };
  welcome.mutable_lease()->set_lease_id("lease");
  set(*welcome.mutable_lease()->mutable_ttl(), ttl);
  set(*welcome.mutable_lease()->mutable_heartbeat_interval(), ttl / 6);
  set(*welcome.mutable_lease()->mutable_guard(), ttl / 6);
  for (const pb::TaskSnapshot& task : said.tasks()) {
    pb::TaskDirective& told = *welcome.add_directives();
    told.set_task_id(task.task_id());
    told.set_attempt(task.attempt());
    told.set_directive(directive);
    told.set_resend_from_seq(resend_from);
  }
  talk->Send(frame);
  if (hello != nullptr) *hello = said;
  return talk;
}

std::shared_ptr<InventoryTalk> ScriptedHub::NextInventory() {
  std::unique_lock lock(mutex_);
  REQUIRE(changed_.wait_for(lock, 60s, [&] { return !inventories_.empty(); }));
  auto talk = inventories_.front();
  inventories_.pop_front();
  return talk;
}

std::string ScriptedHub::EnrollFile(const std::string& token) const {
  return nlohmann::json{
      {"hub_address", "127.0.0.1:" + std::to_string(port_)}, {"trust_bundle_pem", trust_bundle}, {"token", token}}
      .dump();
}

pb::Capabilities ScriptedMesh::capabilities() {
  pb::Capabilities capabilities;
  capabilities.set_mesh_type("test");
  for (const char* type : {"test.apply", "test.keyed", "test.never"}) {
    pb::OperationDescriptor& operation = *capabilities.add_operations();
    operation.set_type(type);
    operation.set_idempotency(operation.type() == "test.keyed" ? pb::IDEMPOTENCY_KEYED : pb::IDEMPOTENCY_NATURAL);
    operation.set_cancellation(operation.type() == "test.never" ? pb::CANCELLATION_NEVER
                                                                : pb::CANCELLATION_BETWEEN_STEPS);
  }
  return capabilities;
}

std::vector<pb::TargetClaim> ScriptedMesh::Targets() {
  if (throw_in_targets) throw std::runtime_error("no cluster");
  std::vector<pb::TargetClaim> claims(1);
  claims[0].mutable_target()->set_cluster_uid(kCluster);
  return claims;
}

void ScriptedMesh::WatchInventory(const pb::TargetRef&, sdk::InventoryView& view, std::stop_token stop) {
  if (watch) return watch(view, stop);
  std::mutex mutex;
  std::condition_variable_any wake;
  std::unique_lock lock(mutex);
  wake.wait(lock, stop, [] { return false; });
}

RunningAdapter::RunningAdapter(sdk::MeshAdapter& mesh, const std::string& enroll_json)
    : folder_(std::move(*TemporaryDirectory::Create("sdk-test"))), state_(folder_.path() + "/state") {
  std::ofstream(folder_.path() + "/enroll.json") << enroll_json;
  Start(mesh);
}

void RunningAdapter::Start(sdk::MeshAdapter& mesh) {
  stop_ = {};
  thread_ = std::thread([this, &mesh, token = stop_.get_token()] {
    sdk::AdapterOptions options;
    options.state_directory = state_;
    options.enroll_file = folder_.path() + "/enroll.json";
    options.adapter_type = "test";
    code_ = sdk::RunAdapter(mesh, options, token);
  });
}

int RunningAdapter::Stop() {
  stop_.request_stop();
  return WaitForEnd();
}

int RunningAdapter::WaitForEnd() {
  if (thread_.joinable()) thread_.join();
  return code_;
}

std::size_t RunningAdapter::OutboxFiles() const {
  std::size_t count = 0;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(state_ + "/outbox", error)) {
    if (entry.path().extension() == ".task") ++count;
  }
  return count;
}

pb::ServerFrame Offer(const std::string& id, std::uint32_t attempt, std::uint64_t fence, const std::string& type) {
  pb::ServerFrame frame;
  pb::TaskOffer& offer = *frame.mutable_task_offer();
  offer.set_task_id(id);
  offer.set_attempt(attempt);
  offer.set_fence(fence);
  offer.set_kind(pb::TASK_KIND_APPLY);
  offer.set_operation_type(type);
  offer.set_idempotency_key("key-" + id);
  offer.mutable_target()->set_cluster_uid(kCluster);
  return frame;
}

pb::ServerFrame Ack(const pb::AdapterFrame& frame) {
  pb::ServerFrame answer;
  pb::TaskAck& ack = *answer.mutable_task_ack();
  const auto fill = [&ack](const auto& from) {
    ack.set_task_id(from.task_id());
    ack.set_attempt(from.attempt());
    ack.set_acked_seq(from.seq());
  };
  if (frame.has_task_update()) fill(frame.task_update());
  if (frame.has_task_result()) {
    fill(frame.task_result());
    ack.set_finished(true);
  }
  return answer;
}

bool Eventually(const std::function<bool()>& condition) {
  const auto deadline = std::chrono::steady_clock::now() + 60s;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(5ms);
  }
  return true;
}

}  // namespace meshplay::testing
