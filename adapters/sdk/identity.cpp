#include "adapters/sdk/internal/identity.h"

#include <grpcpp/grpcpp.h>

#include <nlohmann/json.hpp>

#include "adapters/sdk/internal/channel.h"
#include "libs/base/clock.h"
#include "libs/base/files.h"
#include "libs/base/ids.h"
#include "libs/base/json.h"
#include "libs/base/json_member.h"
#include "libs/base/tls.h"
#include "meshplay/adapter/v1/adapter.grpc.pb.h"

namespace meshplay::sdk {

namespace {

Result<std::string> PemOf(const google::protobuf::RepeatedPtrField<std::string>& ders) {
  std::string pem;
  for (const std::string& der : ders) {
    MP_TRY(const std::string one, DerToPem(der));
    pem += one;
  }
  return pem;
}

/// Fills what Enroll and RenewIdentity both answer.
template <class Reply>
Status TakeCertificates(const Reply& reply, Identity& identity) {
  MP_TRY(identity.certificate_chain_pem, PemOf(reply.certificate_chain_der()));
  MP_TRY(const std::string bundle, PemOf(reply.trust_bundle_der()));
  if (!bundle.empty()) identity.trust_bundle_pem = bundle;
  MP_TRY(const CertificateFields fields, ReadCertificate(identity.certificate_chain_pem));
  const UnixMs now = SystemClock().NowUnixMs();
  identity.not_after_unix_ms = fields.not_after_unix_ms;
  const std::int64_t renew_after_ms = reply.renew_after().seconds() * 1'000;
  identity.renew_at_unix_ms = now + (renew_after_ms > 0 ? renew_after_ms : (fields.not_after_unix_ms - now) * 2 / 3);
  return {};
}

}  // namespace

Result<Identity> LoadIdentity(const std::string& state_directory) {
  auto text = ReadFile(state_directory + "/identity.json");
  if (!text) {
    if (text.error().code() == ErrorCode::kNotFound) {
      return NotFound("IDENTITY_MISSING", "this adapter has not enrolled yet")
          .WithRemediation("Give an enrolment file: POST /v1/enrollmentTokens, saved as enroll.json.");
    }
    return std::move(text).error();
  }
  MP_TRY(const nlohmann::json object, ParseJson(*text));
  Identity identity;
  identity.adapter_id = MemberText(object, "adapter_id");
  identity.hub_address = MemberText(object, "hub_address");
  identity.trust_bundle_pem = MemberText(object, "trust_bundle_pem");
  identity.certificate_chain_pem = MemberText(object, "certificate_chain_pem");
  identity.not_after_unix_ms = object.value("not_after_unix_ms", std::int64_t{0});
  identity.renew_at_unix_ms = object.value("renew_at_unix_ms", std::int64_t{0});
  identity.private_key_pem = Secret(MemberText(object, "private_key_pem"));
  identity.token_digest = MemberText(object, "token_digest");
  if (identity.private_key_pem.empty() || identity.adapter_id.empty() || identity.hub_address.empty() ||
      identity.certificate_chain_pem.empty()) {
    return InvalidArgument("IDENTITY_INVALID", "identity.json is not complete")
        .WithRemediation("Remove the state folder and enrol again with a reissued token.");
  }
  return identity;
}

Status SaveIdentity(const std::string& state_directory, const Identity& identity) {
  const nlohmann::json object = {{"adapter_id", identity.adapter_id},
                                 {"hub_address", identity.hub_address},
                                 {"trust_bundle_pem", identity.trust_bundle_pem},
                                 {"certificate_chain_pem", identity.certificate_chain_pem},
                                 {"private_key_pem", identity.private_key_pem.Reveal()},
                                 {"token_digest", identity.token_digest},
                                 {"not_after_unix_ms", identity.not_after_unix_ms},
                                 {"renew_at_unix_ms", identity.renew_at_unix_ms}};
  return WriteFileAtomically(state_directory + "/identity.json", object.dump(2) + "\n", 0600);
}

std::string TokenDigest(const std::string& enroll_file) {
  if (enroll_file.empty()) return {};
  const auto text = ReadFile(enroll_file);
  const auto file = text ? ParseJson(*text) : Result<nlohmann::json>(text.error());
  const std::string token = file && file->is_object() ? MemberText(*file, "token") : std::string();
  return token.empty() ? std::string() : Sha256Hex(token);
}

Result<Identity> EnrollWithFile(const AdapterOptions& options, std::chrono::milliseconds timeout,
                                const std::stop_token& stop) {
  MP_TRY(const std::string text, ReadFile(options.enroll_file));
  MP_TRY(const nlohmann::json file, ParseJson(text));
  if (!file.is_object()) return InvalidArgument("ENROLL_FILE_INVALID", "the enrolment file is no JSON object");
  Identity identity;
  identity.hub_address = MemberText(file, "hub_address");
  identity.trust_bundle_pem = MemberText(file, "trust_bundle_pem");
  const std::string token = MemberText(file, "token");
  if (token.empty() || identity.hub_address.empty() || identity.trust_bundle_pem.empty()) {
    return InvalidArgument("ENROLL_FILE_INVALID", "the enrolment file lacks token, hub_address or trust_bundle_pem")
        .WithRemediation("Save the whole answer of POST /v1/enrollmentTokens as enroll.json.");
  }
  MP_TRY(KeyAndCsr key, NewKeyAndCsr(options.adapter_type));
  pb::EnrollRequest request;
  request.set_token(token);
  request.set_csr_der(key.csr_der);
  request.set_adapter_type(options.adapter_type);
  request.mutable_software()->set_name(options.software_name);
  request.mutable_software()->set_version(options.software_version);
  request.set_rejoin_adapter_id(MemberText(file, "adapter_id"));
  const auto channel = OpenChannel(identity.hub_address, identity.trust_bundle_pem, nullptr);
  const auto stub = pb::AdapterEnrollment::NewStub(channel);
  grpc::ClientContext context;
  context.set_wait_for_ready(true);
  context.set_deadline(std::chrono::system_clock::now() + timeout);
  const std::stop_callback cancel(stop, [&context] { context.TryCancel(); });
  pb::EnrollResponse reply;
  const grpc::Status status = stub->Enroll(&context, request, &reply);
  if (!status.ok()) return FromGrpc(status, "enrol");
  identity.adapter_id = reply.adapter_id();
  identity.token_digest = Sha256Hex(token);
  identity.private_key_pem = std::move(key.private_key_pem);
  MP_CHECK(TakeCertificates(reply, identity));
  return identity;
}

Result<Identity> RenewIdentity(const Identity& current, std::chrono::milliseconds timeout) {
  MP_TRY(KeyAndCsr key, NewKeyAndCsr(current.adapter_id));
  pb::RenewIdentityRequest request;
  request.set_csr_der(key.csr_der);
  const auto stub =
      pb::AdapterEnrollment::NewStub(OpenChannel(current.hub_address, current.trust_bundle_pem, &current));
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + timeout);
  pb::RenewIdentityResponse reply;
  const grpc::Status status = stub->RenewIdentity(&context, request, &reply);
  if (!status.ok()) return FromGrpc(status, "renew the certificate");
  Identity identity = current;
  identity.private_key_pem = std::move(key.private_key_pem);
  MP_CHECK(TakeCertificates(reply, identity));
  return identity;
}

}  // namespace meshplay::sdk
