#include "server/services/convert_adapter.h"

#include <nlohmann/json.hpp>

#include "libs/base/json_member.h"
#include "server/services/convert_common.h"
#include "server/services/internal/core.h"

namespace meshplay::services {
namespace {

/// "FULL" of "SUPPORT_LEVEL_FULL"; NONE for anything that is not known.
std::string LevelOf(const nlohmann::json& support) {
  const std::string level = MemberText(support, "level");
  if (level == "SUPPORT_LEVEL_FULL" || level == "FULL") return "FULL";
  if (level == "SUPPORT_LEVEL_PARTIAL" || level == "PARTIAL") return "PARTIAL";
  return "NONE";
}

template <class Each>
void ForEach(const nlohmann::json& manifest, const char* list, Each each) {
  if (!manifest.is_object()) return;
  const auto found = manifest.find(list);
  if (found == manifest.end() || !found->is_array()) return;
  for (const nlohmann::json& item : *found) each(item);
}

void AddManifest(const nlohmann::json& manifest, v1::Adapter& out) {
  ForEach(manifest, "operations",
          [&](const nlohmann::json& item) { out.add_operation_types(MemberText(item, "type")); });
  ForEach(manifest, "smi", [&](const nlohmann::json& item) {
    v1::SmiSupport& support = *out.add_smi();
    support.set_api_version(MemberText(item, "api_version"));
    support.set_kind(MemberText(item, "kind"));
    support.set_level(LevelOf(item));
    support.set_evidence(MemberText(item, "evidence"));
    ForEach(item, "features", [&](const nlohmann::json& feature) {
      support.add_notes(MemberText(feature, "feature") + ": " + LevelOf(feature) +
                        (MemberText(feature, "note").empty() ? "" : ", " + MemberText(feature, "note")));
    });
  });
  ForEach(manifest, "mesh_versions", [&](const nlohmann::json& item) {
    v1::MeshVersion& version = *out.add_mesh_versions();
    version.set_version(MemberText(item, "version"));
    version.set_installable(PartOf(item, "installable") == "true");
    version.set_kubernetes_range(MemberText(item, "kubernetes_range"));
    const UnixMs end = TimeOf(item, "end_of_life");
    if (end != 0) *version.mutable_end_of_life() = ToTimestamp(end);
  });
  ForEach(manifest, "required_permissions", [&](const nlohmann::json& item) {
    v1::RequiredPermission& permission = *out.add_required_permissions();
    for (std::string& text : TextsOf(item, "api_groups")) permission.add_api_groups(std::move(text));
    for (std::string& text : TextsOf(item, "resources")) permission.add_resources(std::move(text));
    for (std::string& text : TextsOf(item, "verbs")) permission.add_verbs(std::move(text));
    permission.set_namespace_(MemberText(item, "namespace"));
    permission.set_why(MemberText(item, "why"));
  });
}

}  // namespace

v1::Adapter ToAdapter(const store::AdapterRecord& record, const std::vector<std::string>& cluster_ids,
                      std::uint32_t running_tasks) {
  v1::Adapter out;
  out.set_id(record.id);
  out.set_uid(record.id);
  *out.mutable_create_time() = ToTimestamp(record.created_unix_ms);
  *out.mutable_update_time() = ToTimestamp(record.updated_unix_ms);
  out.set_etag(EtagOf(record.version));
  out.set_mesh_type(record.mesh_type);
  out.set_display_name(record.display_name);
  out.set_state(record.state);
  out.set_connected(record.connected);
  out.set_session_id(record.session_id);
  out.set_instance_id(record.instance_id);
  if (record.last_seen_unix_ms != 0) *out.mutable_last_seen() = ToTimestamp(record.last_seen_unix_ms);
  out.set_software_name(record.software_name);
  out.set_software_version(record.software_version);
  if (record.certificate_not_after_unix_ms != 0) {
    *out.mutable_certificate_not_after() = ToTimestamp(record.certificate_not_after_unix_ms);
  }
  out.set_running_tasks(running_tasks);
  for (const std::string& cluster : cluster_ids) out.add_clusters(cluster);
  *out.mutable_conditions() = ToConditions(record.conditions_json);
  out.set_manifest_digest(record.manifest_digest);
  AddManifest(ParseColumn(record.manifest_json), out);
  return out;
}

v1::EnrollmentToken ToEnrollmentToken(const store::EnrollmentTokenRecord& record) {
  v1::EnrollmentToken out;
  out.set_id(record.id);
  out.set_mesh_type(record.mesh_type);
  out.set_display_name(record.display_name);
  *out.mutable_create_time() = ToTimestamp(record.created_unix_ms);
  *out.mutable_expire_time() = ToTimestamp(record.expires_unix_ms);
  out.set_used(record.used_unix_ms != 0);
  out.set_adapter_id(record.adapter_id.empty() ? record.rejoin_adapter_id : record.adapter_id);
  return out;
}

}  // namespace meshplay::services
