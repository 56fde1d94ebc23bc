#include "libs/smi/loss.h"

namespace meshplay::smi {

bool IsLoss(std::string_view code) {
  return code == "REFERENCE_UNRESOLVED" || code == "MATCH_UNRESOLVED" || code == "SERVICE_MISSING" || code == "PENDING";
}

}  // namespace meshplay::smi
