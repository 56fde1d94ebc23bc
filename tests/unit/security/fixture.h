#pragma once

#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <vector>

#include "libs/base/clock.h"
#include "libs/base/files.h"
#include "libs/base/tls.h"
#include "server/security/authority.h"
#include "server/security/enrollment.h"
#include "server/security/tokens.h"
#include "server/store/memory_store.h"

namespace meshplay::testing {

template <class T>
T Must(Result<T> result) {
  INFO((result.has_value() ? std::string() : result.error().ToString()));
  REQUIRE(result.has_value());
  return std::move(*result);
}

inline void Must(const Status& status) {
  INFO((status.has_value() ? std::string() : status.error().ToString()));
  REQUIRE(status.has_value());
}

template <class T>
std::string ReasonOf(const Result<T>& result) {
  return result.has_value() ? "OK" : result.error().reason();
}

/// The real security room over the in-memory store, with a clock that moves by hand.
struct SecurityFixture {
  TemporaryDirectory folder = Must(TemporaryDirectory::Create("security"));
  ManualClock clock{1'800'000'000'000};
  std::unique_ptr<store::Store> store = store::NewMemoryStore();
  security::CertificateAuthority authority = Must(security::CertificateAuthority::Open(folder.path(), clock));
  security::TokenAuthority tokens{*store, clock};
  security::Enrollment enrollment{*store, authority, clock};
  security::Caller admin = Admin();

  static security::Caller Admin() {
    security::Caller caller = security::Anonymous();
    caller.principal = "token/root";
    caller.token_id = "t0";
    caller.roles = {"admin"};
    return caller;
  }

  std::vector<store::AuditRecord> Audit() {
    std::vector<store::AuditRecord> rows;
    Must(store->Read([&rows](store::Reader& reader) -> Status {
      store::AuditQuery query;
      query.tenant = "default";
      query.limit = 1000;
      MP_TRY(rows, reader.ListAudit(query));
      return {};
    }));
    return rows;
  }
};

}  // namespace meshplay::testing
