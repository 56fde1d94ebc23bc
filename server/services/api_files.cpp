#include "server/services/api_files.h"

#include "meshplay/v1/access.pb.h"
#include "meshplay/v1/conformance.pb.h"
#include "meshplay/v1/inventory.pb.h"
#include "meshplay/v1/operations.pb.h"
#include "meshplay/v1/policies.pb.h"
#include "meshplay/v1/smi.pb.h"

namespace meshplay::services {

std::vector<const google::protobuf::FileDescriptor*> ApiFiles() {
  // Naming one message of each file also links it: the generated pool knows only linked files.
  return {v1::Operation::descriptor()->file(),      v1::Cluster::descriptor()->file(),
          v1::Event::descriptor()->file(),          v1::SmiFinding::descriptor()->file(),
          v1::ConformanceRun::descriptor()->file(), v1::Policy::descriptor()->file()};
}

}  // namespace meshplay::services
