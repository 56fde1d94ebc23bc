#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

/// The labels by which Meshplay knows its own objects. Pure; threads: any.
namespace meshplay::common {

inline constexpr char kManagedByLabel[] = "app.kubernetes.io/managed-by";
inline constexpr char kManagedByValue[] = "meshplay";
inline constexpr char kOwnerLabel[] = "meshplay.dev/owner";
inline constexpr char kMeshLabel[] = "meshplay.dev/mesh";

/// Writes the three labels into an object.
void SetOwnership(nlohmann::json& object, const std::string& owner, const std::string& mesh_type);

/// The owner of an object that Meshplay manages; empty when it does not.
std::string OwnerOf(const nlohmann::json& object);

/// True when the object was made by Meshplay for this mesh type.
bool IsOurs(const nlohmann::json& object, const std::string& mesh_type);

/// The label selector of an owner's objects for a mesh type.
std::string OwnerSelector(const std::string& owner, const std::string& mesh_type);

/// A label value from any text: as it is when that is legal, else cut and made unique by a hash.
std::string LabelValue(std::string_view text);

/// A namespace of ours.
nlohmann::json NamespaceObject(const std::string& name, const std::string& owner, const std::string& mesh_type);

}  // namespace meshplay::common
