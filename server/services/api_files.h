#pragma once

#include <google/protobuf/descriptor.h>

#include <vector>

namespace meshplay::services {

/// The files of package meshplay.v1 that declare services: the one list by which doors and documents find methods.
std::vector<const google::protobuf::FileDescriptor*> ApiFiles();

}  // namespace meshplay::services
