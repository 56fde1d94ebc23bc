#include "server/services/internal/paging.h"

#include <google/protobuf/descriptor.h>

#include <charconv>
#include <nlohmann/json.hpp>

#include "libs/base/json.h"
#include "server/services/internal/fingerprint.h"

namespace meshplay::services {
namespace {

constexpr const char* kPurpose = "page_token";
constexpr UnixMs kLifetimeMs = 3LL * 86'400'000;

Error TokenInvalid() {
  return InvalidArgument("PAGE_TOKEN_INVALID", "the page token is not valid for this list, filter and caller")
      .WithViolation("/page_token", "must be next_page_token of the same list, unchanged");
}

/// The request without its place in the list.
std::string ListFingerprint(const google::protobuf::Message& request) {
  return RequestFingerprint(request, {"page_token", "page_size"});
}

std::string TextField(const google::protobuf::Message& request, const char* name) {
  const auto* field = request.GetDescriptor()->FindFieldByName(name);
  return field == nullptr ? std::string() : request.GetReflection()->GetString(request, field);
}

}  // namespace

Result<Page> ReadPage(const Core& core, const CallContext& context, const google::protobuf::Message& request) {
  Page page;
  const auto* size_field = request.GetDescriptor()->FindFieldByName("page_size");
  const std::int32_t size = request.GetReflection()->GetInt32(request, size_field);
  if (size < 0 || size > static_cast<std::int32_t>(kMaximumPageSize)) {
    return InvalidArgument("PAGE_SIZE_INVALID", "the page size is out of range")
        .WithViolation("/page_size", "must be 1 to 1000, or absent for 50");
  }
  if (size > 0) page.size = static_cast<std::uint32_t>(size);
  const std::string token = TextField(request, "page_token");
  if (token.empty()) return page;
  const Result<std::string> text = core.deps.sealer.Unseal(kPurpose, token);
  if (!text.has_value()) return TokenInvalid();
  MP_TRY(const nlohmann::json body, ParseJson(*text));
  if (body.value("list", "") != request.GetDescriptor()->full_name() ||
      body.value("principal", "") != context.caller.principal || body.value("tenant", "") != context.caller.tenant ||
      body.value("filter", "") != ListFingerprint(request)) {
    return TokenInvalid();
  }
  if (body.value("expires", UnixMs{0}) <= core.deps.clock.NowUnixMs()) {
    return InvalidArgument("PAGE_TOKEN_EXPIRED", "the page token is older than three days")
        .WithViolation("/page_token", "has expired: start the list again");
  }
  page.cursor = body.value("cursor", "");
  return page;
}

std::string NextPageToken(const Core& core, const CallContext& context, const google::protobuf::Message& request,
                          const std::string& cursor) {
  if (cursor.empty()) return {};
  const nlohmann::json body = {{"list", request.GetDescriptor()->full_name()},
                               {"principal", context.caller.principal},
                               {"tenant", context.caller.tenant},
                               {"filter", ListFingerprint(request)},
                               {"cursor", cursor},
                               {"expires", core.deps.clock.NowUnixMs() + kLifetimeMs}};
  return core.deps.sealer.Seal(kPurpose, CanonicalJson(body));
}

Result<std::uint64_t> NumberOf(const std::string& cursor) {
  if (cursor.empty()) return std::uint64_t{0};
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(cursor.data(), cursor.data() + cursor.size(), value);
  if (error != std::errc() || end != cursor.data() + cursor.size()) return TokenInvalid();
  return value;
}

}  // namespace meshplay::services
