#pragma once

#include <string_view>

namespace meshplay::app {

/// ui-api/openapi.json as it was when this binary was built.
std::string_view OpenApiDocument();

}  // namespace meshplay::app
