#pragma once

#include <cstdint>
#include <string>

#include "server/store/records.h"

namespace meshplay::store::internal {

struct StepRow {
  std::string operation_id;
  std::uint32_t attempt = 0;
  StepRecord step;
};

/// Rows of one operation in the order of arrival.
struct OutcomeRow {
  std::string operation_id;
  std::uint32_t attempt = 0;
  ObjectOutcomeRecord outcome;
};
struct DiagnosticRow {
  std::string operation_id;
  std::uint32_t attempt = 0;
  DiagnosticRecord diagnostic;
};

}  // namespace meshplay::store::internal
