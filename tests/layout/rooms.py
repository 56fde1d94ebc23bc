"""The table of rooms (docs/architecture.md): what each may include. Third-party names are keys of THIRD_PARTY."""

# Library -> how its headers begin.
THIRD_PARTY = {
    "beast": ("boost/beast",),
    "asio": ("boost/asio",),
    "boost.url": ("boost/url",),
    "nlohmann": ("nlohmann/",),
    "yaml": ("yaml-cpp/",),
    "spdlog": ("spdlog/",),
    "fmt": ("fmt/",),
    "re2": ("re2/",),
    "openssl": ("openssl/",),
    "zlib": ("zlib.h",),
    "sqlite": ("sqlite3.h", "SQLiteCpp/"),
    "sodium": ("sodium",),
    "grpc": ("grpcpp/", "grpc/"),
    "protobuf": ("google/protobuf/",),
    "cli11": ("CLI/",),
    "prometheus": ("prometheus/",),
    "catch2": ("catch2/",),
}

# Allowed everywhere: JSON documents, text formatting, the log's own header comes by libs/base.
EVERYWHERE = {"nlohmann", "fmt"}

# Room -> (rooms it may include, libraries its headers may include, libraries only its .cpp files may include).
ROOMS = {
    "libs/base": ([], {"spdlog"}, {"yaml", "boost.url", "re2", "openssl", "zlib", "sodium"}),
    "libs/smi": (["libs/base"], set(), {"re2"}),
    "libs/http": (["libs/base"], set(), {"beast", "asio", "boost.url", "openssl"}),
    "libs/facts": (["libs/base", "libs/smi"], set(), set()),
    "server/store": (["libs/base"], set(), {"sqlite"}),
    "server/engine": (["libs/base", "server/store"], set(), set()),
    "server/inventory": (["libs/base", "server/store"], set(), set()),
    "server/policy": (["libs/base", "server/store", "server/engine", "libs/smi"], set(), set()),
    "server/catalog": (["libs/base"], set(), set()),
    "server/security": (["libs/base", "server/store"], set(), {"openssl", "sodium"}),
    "server/services": (
        ["libs/base", "server/store", "server/engine", "server/inventory", "server/policy", "server/catalog",
         "server/security", "libs/smi", "libs/facts", "proto"], {"protobuf"}, {"sodium", "prometheus"}),
    "server/rest": (["libs/base", "server/services", "proto"], {"protobuf"}, {"beast", "asio", "boost.url", "openssl", "prometheus"}),
    "server/rpc": (["libs/base", "server/services", "proto"], {"grpc", "protobuf"}, {"asio", "openssl"}),
    "server/hub": (
        ["libs/base", "server/engine", "server/inventory", "server/security", "server/store", "proto"],
        {"grpc", "protobuf"}, {"asio"}),
    "server/app": (["server/", "libs/", "proto"], {"prometheus"}, {"cli11", "yaml", "grpc", "asio", "openssl", "sodium"}),
    "adapters/sdk": (["libs/base", "proto"], {"grpc", "protobuf"}, {"sqlite", "openssl"}),
    "adapters/kube": (["libs/base", "libs/http"], set(), {"beast", "asio", "boost.url", "yaml"}),
    "adapters/helm": (["libs/base"], set(), {"zlib"}),
    "adapters/translate": (["libs/base", "libs/smi", "libs/facts"], set(), {"cli11"}),
    "adapters/envoy": (["libs/base", "libs/smi"], set(), {"re2"}),
    "adapters/gamma": (["libs/base", "libs/smi", "adapters/translate"], set(), set()),
    "adapters/serve": (["libs/base", "libs/smi", "libs/facts", "adapters/sdk", "adapters/translate", "proto"], {"protobuf"}, {"cli11"}),
    "adapters/metrics": (["libs/base", "libs/http", "adapters/sdk", "adapters/kube", "proto"], {"protobuf"}, set()),
    "adapters/common": (
        ["libs/base", "libs/smi", "libs/facts", "adapters/sdk", "adapters/kube", "adapters/helm", "proto"], {"protobuf"}, {"yaml"}),
    "adapters/controller": (
        ["libs/base", "libs/smi", "libs/facts", "adapters/sdk", "adapters/kube", "adapters/translate",
         "adapters/common", "proto"], {"protobuf"}, set()),
    "adapters/metrics_api": (
        ["libs/base", "libs/http", "adapters/sdk", "adapters/kube", "adapters/metrics", "adapters/common", "proto"],
        {"protobuf"}, {"openssl", "boost.url"}),
    "adapters/conformance/app": ([], set(), {"beast", "asio"}),
    "adapters/conformance": (
        ["libs/base", "libs/smi", "libs/http", "adapters/sdk", "adapters/kube", "adapters/common", "adapters/translate", "proto"],
        {"protobuf"}, set()),
    "cli": (["libs/base", "libs/http"], set(), {"cli11", "yaml", "boost.url"}),
    "proto": ([], {"grpc", "protobuf"}, set()),
    "ui-api": (["libs/", "server/", "proto"], {"protobuf"}, set()),
}

# An adapter: one room a mesh, all with the same rules; it may use what adapters/common gives on.
MESH_ADAPTER = (
    ["libs/base", "libs/smi", "libs/facts", "adapters/sdk", "adapters/kube", "adapters/helm", "adapters/translate",
     "adapters/envoy", "adapters/gamma", "adapters/serve", "adapters/metrics", "adapters/common", "adapters/controller", "adapters/metrics_api", "adapters/conformance", "proto"],
    {"protobuf"}, {"cli11", "yaml", "openssl", "re2", "grpc"})

# Rooms in which coroutines are allowed; the compiler breaks some coroutine code without a warning.
COROUTINE_ROOMS = ("server/rest", "adapters/kube", "libs/http")

# Names that the server must not know outside its catalogue's data.
MESHES = ("istio", "linkerd", "kuma", "consul", "cilium", "traefik", "osm", "nginx-service-mesh", "app-mesh", "nsm")


def room_of(path):
    """The room of a file by its path below the root, or None."""
    for room in sorted(ROOMS, key=len, reverse=True):
        if path.startswith(room + "/"):
            return room
    parts = path.split("/")
    if parts[0] == "adapters" and len(parts) > 2:
        return "/".join(parts[:2])
    if path == "server/main.cpp":
        return "server/app"
    return None


def rules_of(room):
    return ROOMS.get(room, MESH_ADAPTER)
