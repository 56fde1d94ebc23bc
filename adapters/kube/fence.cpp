#include "adapters/kube/fence.h"

#include <charconv>
#include <chrono>
#include <ctime>

namespace meshplay::kube {
namespace {

using nlohmann::json;

constexpr int kMaxRounds = 10;

ObjectRef LeaseOf(const std::string& mesh_type) {
  return {{"coordination.k8s.io", "v1", "Lease"}, kFenceNamespace, kFenceLeasePrefix + mesh_type};
}

// No annotation at all is a Lease that somebody made without a fence: number 0.
Result<std::uint64_t> NumberOf(const json& lease) {
  const json& annotations = ValueAt(lease, "/metadata/annotations");
  if (!annotations.is_object() || !annotations.contains(kFenceAnnotation)) return std::uint64_t{0};
  const std::string text = AnnotationOf(lease, kFenceAnnotation);
  std::uint64_t number = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || ec != std::errc() || end != text.data() + text.size()) {
    return FailedPrecondition("FENCE_UNREADABLE", "the fence Lease holds no number")
        .WithRemediation(std::string("Remove the annotation ") + kFenceAnnotation + " once no adapter is at work.");
  }
  return number;
}

std::string MicroTimeNow() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const auto micros = std::chrono::duration_cast<std::chrono::microseconds>(now).count();
  const std::time_t seconds = static_cast<std::time_t>(micros / 1'000'000);
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  char text[40];
  const std::size_t length = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S.", &parts);
  std::string fraction = std::to_string(micros % 1'000'000);
  return std::string(text, length) + std::string(6 - fraction.size(), '0') + fraction + "Z";
}

json NewLease(const ObjectRef& ref) {
  return {{"apiVersion", ref.gvk.ApiVersion()},
          {"kind", ref.gvk.kind},
          {"metadata",
           {{"name", ref.name},
            {"namespace", ref.name_space},
            {"labels", {{"app.kubernetes.io/managed-by", "meshplay"}}}}}};
}

void Write(json& lease, const FenceClaim& claim) {
  lease["metadata"]["annotations"][kFenceAnnotation] = std::to_string(claim.fence);
  lease["spec"]["holderIdentity"] = claim.holder;
  lease["spec"]["renewTime"] = MicroTimeNow();
}

bool LostRace(const Error& error) {
  return error.reason() == "OBJECT_CONFLICT" || error.reason() == "OBJECT_EXISTS" ||
         error.reason() == "OBJECT_NOT_FOUND";
}

}  // namespace

Result<std::uint64_t> RaiseFence(Client& client, const FenceClaim& claim, const Call& call) {
  const ObjectRef ref = LeaseOf(claim.mesh_type);
  Result<std::uint64_t> before = std::uint64_t{0};
  for (int round = 0; round < kMaxRounds; ++round) {
    MP_TRY(std::optional<json> lease, client.Find(ref, call));
    std::uint64_t stored = 0;
    if (lease) {
      MP_TRY(stored, NumberOf(*lease));
    }
    if (stored > claim.fence) {
      return Aborted("FENCED", "a later attempt has already begun on this cluster")
          .WithMetadata("seen", std::to_string(stored));
    }
    // A lost answer may hide that an earlier round was stored; the number before it is the one to tell.
    if (round == 0 || stored != claim.fence) before = stored;
    if (lease && stored == claim.fence) return before;
    json wanted = lease ? std::move(*lease) : NewLease(ref);
    Write(wanted, claim);
    const WriteOptions options{.field_manager = "meshplay-fence"};
    const auto written =
        ResourceVersionOf(wanted).empty() ? client.Create(wanted, options, call) : client.Update(wanted, options, call);
    if (written) return before;
    if (!LostRace(written.error())) return written.error();
  }
  return Aborted("OBJECT_CONFLICT", "the fence Lease is being written by somebody else all the time");
}

Result<std::uint64_t> ReadFence(Client& client, const std::string& mesh_type, const Call& call) {
  MP_TRY(const std::optional<json> lease, client.Find(LeaseOf(mesh_type), call));
  if (!lease) return std::uint64_t{0};
  return NumberOf(*lease);
}

}  // namespace meshplay::kube
