#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace meshplay {

/// The member of an object, or a null that lives as long as the program: for a document of which nothing is known yet.
/// Threads: any. Ownership: the result points into `object`, which must outlive it.
const nlohmann::json& Member(const nlohmann::json& object, std::string_view key);
const nlohmann::ordered_json& Member(const nlohmann::ordered_json& object, std::string_view key);

/// The text of a member; "" when it is absent or no string.
std::string MemberText(const nlohmann::json& object, std::string_view key);
std::string MemberText(const nlohmann::ordered_json& object, std::string_view key);

}  // namespace meshplay
