#pragma once

#include <string>
#include <string_view>

#include "libs/base/result.h"

namespace meshplay::services {

/// The rows of docs/reasons as they were when this binary was built: "REASON | CODE | meaning | what to do" by line.
std::string_view ReasonsText();

/// What the caller should do: the error's own words, else those of the reasons table; empty when neither says.
/// Threads: any.
std::string RemediationOf(const Error& error);
std::string RemediationOf(const std::string& reason);

}  // namespace meshplay::services
