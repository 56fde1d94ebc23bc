#include "server/security/enrollment.h"

#include <nlohmann/json.hpp>
#include <optional>

#include "libs/base/ids.h"
#include "libs/base/json.h"
#include "server/security/internal/token_text.h"

namespace meshplay::security {
namespace {

constexpr std::chrono::seconds kMinimumLifetime{60};
constexpr std::chrono::seconds kMaximumLifetime{3'600};
constexpr UnixMs kRepeatWindowMs = 10 * 60'000;
constexpr std::size_t kMaximumText = 256;
constexpr const char* kChainKey = "certificate_chain_pem";
constexpr std::size_t kMaximumCsr = 16 * 1024;

Error Denied(std::string reason, std::string message) {
  return Error(ErrorCode::kPermissionDenied, std::move(reason), std::move(message));
}

Error TokenInvalid() {
  return Error(ErrorCode::kUnauthenticated, "TOKEN_INVALID", "the enrolment token is not valid")
      .WithRemediation("Ask for a new enrolment token: POST /v1/enrollmentTokens.");
}

Error AdapterUnknown(ErrorCode code) {
  return Error(code, "ADAPTER_UNKNOWN", "there is no such adapter");
}

Error Revoked(ErrorCode code) {
  return Error(code, "ADAPTER_REVOKED", "the adapter was revoked")
      .WithRemediation("Enrol a new adapter: a revoked one does not come back.");
}

store::AuditRecord Audit(std::string tenant, std::string principal, std::string action, std::string object,
                         std::string decision, const nlohmann::json& detail, UnixMs now) {
  store::AuditRecord audit;
  audit.tenant = std::move(tenant);
  audit.principal = std::move(principal);
  audit.action = std::move(action);
  audit.object = std::move(object);
  audit.decision = std::move(decision);
  audit.detail_json = CanonicalJson(detail);
  audit.time_unix_ms = now;
  return audit;
}

/// What a token that was used already answers: the first answer again, or a refusal.
struct Earlier {
  std::string adapter_id;
  std::string chain_pem;
};

Result<std::optional<Earlier>> FindEarlier(const store::EnrollmentTokenRecord& token, const std::string& csr_digest,
                                           UnixMs now) {
  if (token.used_unix_ms == 0) return std::optional<Earlier>();
  const bool same = token.csr_key_digest_hex == csr_digest && now - token.used_unix_ms <= kRepeatWindowMs;
  if (!same) {
    return Denied("TOKEN_USED", "the enrolment token was used already")
        .WithRemediation(
            "Ask for a new enrolment token. If you did not use this one, somebody else did: see the audit "
            "log.");
  }
  MP_TRY(const nlohmann::json response, ParseJson(token.response_json));
  return std::optional<Earlier>(Earlier{token.adapter_id, response.value(kChainKey, "")});
}

Status CheckToken(const EnrollmentRequest& request, const store::EnrollmentTokenRecord& token, UnixMs now) {
  if (token.expires_unix_ms <= now) {
    return Error(ErrorCode::kUnauthenticated, "TOKEN_EXPIRED", "the enrolment token has expired")
        .WithRemediation("Ask for a new enrolment token: POST /v1/enrollmentTokens.");
  }
  if (request.adapter_type != token.mesh_type) {
    return Denied("TOKEN_TYPE_MISMATCH", "the enrolment token is for another adapter type")
        .WithMetadata("expected", token.mesh_type);
  }
  if (!request.rejoin_adapter_id.empty() && request.rejoin_adapter_id != token.rejoin_adapter_id) {
    return Denied("TOKEN_TYPE_MISMATCH", "the enrolment token does not bring back this adapter")
        .WithRemediation("Ask for a token of this adapter: POST /v1/adapters/{id}:reissue.");
  }
  return {};
}

}  // namespace

Enrollment::Enrollment(store::Store& store, const CertificateAuthority& authority, const Clock& clock)
    : store_(store), authority_(authority), clock_(clock) {}

Result<NewEnrollment> Enrollment::CreateToken(const Caller& by, const std::string& mesh_type,
                                              std::chrono::seconds lifetime, const std::string& display_name,
                                              const std::string& rejoin_adapter_id, const std::string& request_id) {
  if (lifetime < kMinimumLifetime || lifetime > kMaximumLifetime) {
    return InvalidArgument("TOKEN_LIFETIME_INVALID", "the token's lifetime is out of range")
        .WithViolation("/lifetime_seconds", "must be 60 to 3600");
  }
  if (rejoin_adapter_id.empty() && !IsResourceName(mesh_type)) {
    return InvalidArgument("MESH_TYPE_INVALID", "the mesh type is not valid")
        .WithViolation("/mesh_type", "must be a name such as istio");
  }
  const TokenText text = NewTokenText();
  const UnixMs now = clock_.NowUnixMs();
  NewEnrollment made;
  made.token = FormatToken(kEnrollmentTokenPrefix, text);
  made.record.id = text.id;
  made.record.tenant = by.tenant;
  made.record.mesh_type = mesh_type;
  made.record.display_name = display_name;
  made.record.secret_hash_hex = TokenHash(text);
  made.record.rejoin_adapter_id = rejoin_adapter_id;
  made.record.created_unix_ms = now;
  made.record.expires_unix_ms = now + std::chrono::milliseconds(lifetime).count();
  const Status written = store_.Write([&](store::Transaction& tx) -> Status {
    if (!rejoin_adapter_id.empty()) {
      MP_TRY(const std::optional<store::AdapterRecord> adapter, tx.FindAdapter(by.tenant, rejoin_adapter_id));
      if (!adapter) return AdapterUnknown(ErrorCode::kNotFound);
      if (adapter->state == "REVOKED") return Revoked(ErrorCode::kFailedPrecondition);
      made.record.mesh_type = adapter->mesh_type;
      made.record.display_name = adapter->display_name;
    }
    MP_CHECK(tx.PutEnrollmentToken(made.record));
    store::AuditRecord audit =
        Audit(by.tenant, by.principal,
              rejoin_adapter_id.empty() ? "Adapters.CreateEnrollmentToken" : "Adapters.ReissueAdapter",
              "enrollmentToken/" + text.id, "allowed",
              {{"mesh_type", made.record.mesh_type}, {"rejoin_adapter_id", rejoin_adapter_id}}, now);
    audit.request_id = request_id;
    return tx.AddAudit(audit);
  });
  MP_CHECK(written);
  return made;
}

Status Enrollment::DeleteToken(const Caller& by, const std::string& id, const std::string& request_id) {
  return store_.Write([&](store::Transaction& tx) -> Status {
    MP_TRY(const std::optional<store::EnrollmentTokenRecord> found, tx.FindEnrollmentToken(id));
    if (!found || found->tenant != by.tenant) {
      return NotFound("ENROLLMENT_TOKEN_UNKNOWN", "there is no such enrolment token");
    }
    MP_CHECK(tx.DeleteEnrollmentToken(id));
    store::AuditRecord audit =
        Audit(by.tenant, by.principal, "Adapters.DeleteEnrollmentToken", "enrollmentToken/" + id, "allowed",
              {{"mesh_type", found->mesh_type}, {"used", found->used_unix_ms != 0}}, clock_.NowUnixMs());
    audit.request_id = request_id;
    return tx.AddAudit(audit);
  });
}

Result<EnrolledIdentity> Enrollment::Enroll(const EnrollmentRequest& request) {
  const std::optional<TokenText> text = ParseToken(kEnrollmentTokenPrefix, request.token);
  if (!text) return TokenInvalid();
  for (const std::string* value : {&request.software_name, &request.software_version, &request.adapter_type}) {
    if (value->size() > kMaximumText) return InvalidArgument("FIELD_TOO_LONG", "a text is longer than 256 bytes");
  }
  if (request.csr_der.size() > kMaximumCsr) return InvalidArgument("CSR_INVALID", "the request is too large");
  MP_TRY(const std::string csr_digest, CsrPublicKeyDigest(request.csr_der));

  std::optional<store::EnrollmentTokenRecord> token;
  const Status read = store_.Read([&](store::Reader& reader) -> Status {
    MP_TRY(token, reader.FindEnrollmentToken(text->id));
    return {};
  });
  MP_CHECK(read);
  const std::string stored = token ? token->secret_hash_hex : std::string(64, '0');
  if (!EqualConstantTime(stored, TokenHash(*text)) || !token) return TokenInvalid();

  Result<EnrolledIdentity> admitted = Admit(request, *token, csr_digest);
  const bool refused = !admitted && (admitted.error().code() == ErrorCode::kPermissionDenied ||
                                     admitted.error().code() == ErrorCode::kUnauthenticated);
  if (refused) {
    const store::AuditRecord audit =
        Audit(token->tenant, "enrollmentToken/" + token->id, "adapter.enroll", "enrollmentToken/" + token->id, "denied",
              {{"reason", admitted.error().reason()}, {"adapter_type", request.adapter_type}}, clock_.NowUnixMs());
    MP_CHECK(store_.Write([&audit](store::Transaction& tx) { return tx.AddAudit(audit); }));
  }
  return admitted;
}

Result<EnrolledIdentity> Enrollment::Admit(const EnrollmentRequest& request, store::EnrollmentTokenRecord token,
                                           const std::string& csr_digest) {
  const UnixMs now = clock_.NowUnixMs();
  MP_TRY(std::optional<Earlier> earlier, FindEarlier(token, csr_digest, now));
  CertificateAuthority::AdapterCertificate certificate;
  const bool rejoins = !token.rejoin_adapter_id.empty();
  const std::string adapter_id = rejoins ? token.rejoin_adapter_id : NewUuidV7();
  if (!earlier) {
    MP_CHECK(CheckToken(request, token, now));
    // Signed before the unit: the writer thread has better things to do. A lost race throws the certificate away.
    MP_TRY(certificate, authority_.SignAdapter(request.csr_der, adapter_id));
  }
  EnrolledIdentity identity = Identity(adapter_id, certificate.chain_pem);
  const Status written = store_.Write([&](store::Transaction& tx) -> Status {
    MP_TRY(std::optional<store::EnrollmentTokenRecord> current, tx.FindEnrollmentToken(token.id));
    if (!current) return TokenInvalid();
    MP_TRY(earlier, FindEarlier(*current, csr_digest, now));
    MP_TRY(std::optional<store::AdapterRecord> adapter,
           tx.FindAdapter(token.tenant, earlier ? earlier->adapter_id : adapter_id));
    if (adapter && adapter->state == "REVOKED") return Revoked(ErrorCode::kPermissionDenied);
    if (earlier) {
      identity = Identity(earlier->adapter_id, earlier->chain_pem);
      return {};
    }
    if (rejoins && !adapter) return AdapterUnknown(ErrorCode::kPermissionDenied);
    store::AdapterRecord row = adapter.value_or(store::AdapterRecord{});
    row.id = adapter_id;
    row.tenant = token.tenant;
    row.mesh_type = token.mesh_type;
    if (!adapter) {
      row.display_name = token.display_name;
      row.state = "ENROLLED";
      row.created_unix_ms = now;
    }
    row.software_name = request.software_name;
    row.software_version = request.software_version;
    row.certificate_serial_hex = certificate.serial_hex;
    row.certificate_not_after_unix_ms = certificate.not_after_unix_ms;
    row.version += 1;
    row.updated_unix_ms = now;
    MP_CHECK(tx.PutAdapter(row));
    current->used_unix_ms = now;
    current->adapter_id = adapter_id;
    current->csr_key_digest_hex = csr_digest;
    current->response_json = CanonicalJson({{kChainKey, certificate.chain_pem}});
    MP_CHECK(tx.PutEnrollmentToken(*current));
    const nlohmann::json detail = {{"adapter_id", adapter_id},
                                   {"mesh_type", token.mesh_type},
                                   {"rejoined", rejoins},
                                   {"display_name", row.display_name}};
    MP_CHECK(tx.AddAudit(Audit(token.tenant, "enrollmentToken/" + token.id, "adapter.enroll", "adapter/" + adapter_id,
                               "allowed", detail, now)));
    store::EventRecord event;
    event.tenant = token.tenant;
    event.subject = "adapter/" + adapter_id;
    event.kind = "adapter.enrolled";
    event.body_json = CanonicalJson(detail);
    event.time_unix_ms = now;
    MP_TRY([[maybe_unused]] const std::uint64_t seq, tx.AddEvent(event));
    return {};
  });
  MP_CHECK(written);
  return identity;
}

EnrolledIdentity Enrollment::Identity(const std::string& adapter_id, const std::string& chain_pem) const {
  EnrolledIdentity identity;
  identity.adapter_id = adapter_id;
  identity.certificate_chain_pem = chain_pem;
  identity.trust_bundle_pem = authority_.trust_bundle_pem();
  identity.lifetime = authority_.adapter_lifetime();
  identity.renew_after = identity.lifetime * 2 / 3;
  return identity;
}

Result<EnrolledIdentity> Enrollment::Renew(const std::string& adapter_id, const std::string& csr_der) {
  if (csr_der.size() > kMaximumCsr) return InvalidArgument("CSR_INVALID", "the request is too large");
  MP_TRY(const CertificateAuthority::AdapterCertificate certificate, authority_.SignAdapter(csr_der, adapter_id));
  const UnixMs now = clock_.NowUnixMs();
  const std::string tenant(kDefaultTenant);
  std::optional<Error> refusal;
  const Status written = store_.Write([&](store::Transaction& tx) -> Status {
    refusal.reset();
    MP_TRY(std::optional<store::AdapterRecord> adapter, tx.FindAdapter(tenant, adapter_id));
    if (!adapter) refusal = AdapterUnknown(ErrorCode::kPermissionDenied);
    if (adapter && adapter->state == "REVOKED") refusal = Revoked(ErrorCode::kPermissionDenied);
    const std::string object = "adapter/" + adapter_id;
    if (refusal) {
      // The refusal is a fact to keep: the unit succeeds with the audit row alone.
      return tx.AddAudit(
          Audit(tenant, object, "adapter.renew", object, "denied", {{"reason", refusal->reason()}}, now));
    }
    adapter->certificate_serial_hex = certificate.serial_hex;
    adapter->certificate_not_after_unix_ms = certificate.not_after_unix_ms;
    adapter->version += 1;
    adapter->updated_unix_ms = now;
    MP_CHECK(tx.PutAdapter(*adapter));
    return tx.AddAudit(Audit(tenant, object, "adapter.renew", object, "allowed",
                             {{"certificate_serial", certificate.serial_hex}}, now));
  });
  MP_CHECK(written);
  if (refusal) return *refusal;
  return Identity(adapter_id, certificate.chain_pem);
}

}  // namespace meshplay::security
