"""One pod as processes: its network, its volumes, its containers, one after another as a kubelet starts them."""
import base64
import json
import os
import signal
import socket
import subprocess
import threading
import time
import urllib.error

from cluster import now

BRIDGE = "10.77.0.1"
START_SECONDS = 120
STOP_SECONDS = 3


def address(number):
    return f"10.77.{number // 250}.{number % 250 + 2}"


class Pod:
    """One pod's processes. Its own thread starts them; another one may stop them at any time."""

    def __init__(self, node, pod, number):
        self.node, self.pod = node, pod
        self.namespace, self.name = pod["metadata"]["namespace"], pod["metadata"]["name"]
        # A control plane needs the API server, which listens on the loopback network of the host.
        self.on_host = pod["spec"].get("hostNetwork", False) or self.namespace == "istio-system"
        self.ip = BRIDGE if self.on_host else address(number)
        self.link = f"pod{number}"
        self.folder = f"{node.folder}/pods/{pod['metadata']['uid']}"
        self.processes, self.environments = {}, {}
        self.stopped = threading.Event()
        self.net = None
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        try:
            self._start()
        except Exception as failure:  # the test reads this log
            if not self.stopped.is_set():
                print(f"{self.namespace}/{self.name}: {failure!r}", flush=True)

    def _start(self):
        os.makedirs(self.folder, mode=0o755)
        if not self.on_host:
            self._network()
        self._status("Pending", {}, ready=False)
        spec = self.pod["spec"]
        for container in spec.get("initContainers", []):
            process = self._launch(container)
            if container.get("restartPolicy") == "Always":
                self._await(container, "startupProbe")
            elif process.wait(START_SECONDS) != 0:
                raise RuntimeError(f"{container['name']} ended with {process.returncode}")
        for container in spec["containers"]:
            self._launch(container)
        self._status("Running", {"running": {"startedAt": now()}}, ready=False)
        for container in spec["containers"] + spec.get("initContainers", []):
            self._await(container, "readinessProbe")
        self._status("Running", {"running": {"startedAt": now()}}, ready=True)

    def _network(self):
        pause = subprocess.Popen(["unshare", "--net", "sleep", "infinity"], start_new_session=True)
        self.processes["pause"] = pause
        self.net = f"/proc/{pause.pid}/ns/net"
        own = os.readlink("/proc/self/ns/net")
        self._wait("a network namespace", lambda: os.readlink(self.net) != own)
        os.makedirs(f"{self.node.folder}/nets/{self.namespace}", exist_ok=True)
        os.symlink(self.net, f"{self.node.folder}/nets/{self.namespace}/{self.name}")
        inside = ["nsenter", f"--net={self.net}"]
        with self.node.network:
            for command in (
                ["ip", "link", "add", self.link, "type", "veth", "peer", "name", "eth0", "netns", str(pause.pid)],
                ["ip", "link", "set", self.link, "master", "pods", "up"],
                inside + ["ip", "link", "set", "lo", "up"],
                inside + ["ip", "addr", "add", f"{self.ip}/16", "dev", "eth0"],
                inside + ["ip", "link", "set", "eth0", "up"],
                inside + ["ip", "route", "add", "default", "via", BRIDGE]):
                subprocess.run(command, check=True)

    def _launch(self, container):
        root = f"{self.folder}/{container['name']}"
        os.makedirs(root, mode=0o755)
        self._volumes(container, root)
        context = {**self.pod["spec"].get("securityContext", {}), **container.get("securityContext", {})}
        user, group = context.get("runAsUser", 1337), context.get("runAsGroup", context.get("runAsUser", 1337))
        subprocess.run(["chown", "-R", f"{user}:{group}", root], check=True)
        environment = self._environment(container)
        program = self.node.programs[container["image"].rsplit("/", 1)[-1].split(":")[0]]
        if self.on_host:  # these look for the API server, and a pod's files are not at the root of the machine
            environment["KUBECONFIG"] = self._kubeconfig(root, user)
        self.environments[container["name"]] = (environment, root, user, group)
        with open(f"{root}.log", "ab") as log:
            process = subprocess.Popen(
                self.command(container["name"], [program] + [expand(a, environment) for a in container.get("args", [])]),
                cwd=root, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        self.processes[container["name"]] = process
        return process

    def command(self, container, argv):
        """How a program runs as part of a container: its network, names of Services, its user."""
        _, _, user, group = self.environments[container]
        inside = ["nsenter", f"--net={self.net}"] if self.net else []
        mount = 'mount --bind "$0" /etc/hosts && exec "$@"'
        return inside + ["unshare", "--mount", "sh", "-c", mount, self.node.hosts, "setpriv", f"--reuid={user}",
                         f"--regid={group}", "--clear-groups"] + argv

    def _environment(self, container):
        environment = {"PATH": self.node.path, "HOME": "/nonexistent"}
        for entry in container.get("env", []):
            source = entry.get("valueFrom", {})
            if "fieldRef" in source:
                value = self._field(source["fieldRef"]["fieldPath"])
            elif "resourceFieldRef" in source:
                value = {"limits.cpu": "2", "limits.memory": "1073741824"}[source["resourceFieldRef"]["resource"]]
            else:
                value = expand(entry.get("value", ""), environment)
            environment[entry["name"]] = value
        return environment

    def _field(self, path):
        fields = {"status.podIP": self.ip, "status.hostIP": BRIDGE}
        if path in fields:
            return fields[path]
        value = self.pod
        for part in path.split("."):
            value = value[part]
        return "".join(f'{k}={json.dumps(v)}\n' for k, v in value.items()) if isinstance(value, dict) else value

    def _volumes(self, container, root):
        """Below the container's working folder, where Istio's programs look."""
        volumes = {v["name"]: v for v in self.pod["spec"].get("volumes", [])}
        for mount in container.get("volumeMounts", []):
            folder = root + mount["mountPath"]
            os.makedirs(folder, exist_ok=True)
            for path, text in self._files(volumes[mount["name"]]).items():
                with open(f"{folder}/{path}", "wb") as file:
                    file.write(text)

    def _files(self, volume):
        files = {}
        for source in [volume] + volume.get("projected", {}).get("sources", []):
            if "configMap" in source:
                data = self._data("configmaps", source["configMap"]["name"], source["configMap"].get("optional"))
                files.update({k: v.encode() for k, v in data.items()})
            elif "secret" in source:
                name = source["secret"].get("secretName", source["secret"].get("name"))
                data = self._data("secrets", name, source["secret"].get("optional"))
                files.update({k: base64.b64decode(v) for k, v in data.items()})
            elif "serviceAccountToken" in source:
                wish = source["serviceAccountToken"]
                files[wish["path"]] = self._token([wish["audience"]] if "audience" in wish else None).encode()
            elif "downwardAPI" in source:
                for item in source["downwardAPI"]["items"]:
                    files[item["path"]] = self._field(item["fieldRef"]["fieldPath"]).encode()
        return files

    def _data(self, kind, name, optional):
        """What somebody has to write first is waited for."""
        found = []

        def there():
            try:
                found.append(self.node.api.get(f"/api/v1/namespaces/{self.namespace}/{kind}/{name}"))
            except urllib.error.HTTPError as failure:
                if failure.code != 404:
                    raise
                return bool(optional)
            return True

        self._wait(f"{kind}/{name}", there)
        return found[0].get("data", {}) if found else {}

    def _token(self, audiences):
        account = self.pod["spec"]["serviceAccountName"]
        spec = {"expirationSeconds": 43200}
        if audiences:
            spec["audiences"] = audiences
        request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
        path = f"/api/v1/namespaces/{self.namespace}/serviceaccounts/{account}/token"
        return self.node.api.post(path, request)["status"]["token"]

    def _kubeconfig(self, root, user):
        path = f"{root}/kubeconfig"
        self.node.api.write_kubeconfig(path, self._token(None))
        os.chown(path, user, user)
        return path

    def _await(self, container, kind):
        probe = container.get(kind, {}).get("httpGet")
        if probe is None:
            return
        ports = {p.get("name"): p["containerPort"] for p in container.get("ports", [])}
        port = ports.get(probe["port"], probe["port"])
        self._wait(f"{container['name']} to be ready", lambda: answers(self.ip, port, probe["path"]))

    def _wait(self, what, condition):
        deadline = time.monotonic() + START_SECONDS
        while not condition():
            if self.stopped.is_set() or time.monotonic() > deadline:
                raise RuntimeError("waited in vain for " + what)
            time.sleep(0.1)

    def _status(self, phase, state, ready):
        spec = self.pod["spec"]

        def status(container, init):
            once = init and container.get("restartPolicy") != "Always"
            done = {"terminated": {"exitCode": 0, "reason": "Completed", "finishedAt": now(), "startedAt": now()}}
            return {"name": container["name"], "image": container["image"], "imageID": "", "restartCount": 0,
                    "ready": ready, "started": bool(state),
                    "state": done if once and state else state or {"waiting": {"reason": "ContainerCreating"}}}

        kinds = {"Initialized": bool(state), "ContainersReady": ready, "Ready": ready, "PodScheduled": True}
        self.node.api.patch(f"/api/v1/namespaces/{self.namespace}/pods/{self.name}/status", {"status": {
            "phase": phase, "podIP": self.ip, "podIPs": [{"ip": self.ip}], "hostIP": BRIDGE, "startTime": now(),
            "conditions": [{"type": k, "status": str(v), "lastTransitionTime": now()} for k, v in kinds.items()],
            "containerStatuses": [status(c, False) for c in spec["containers"]],
            "initContainerStatuses": [status(c, True) for c in spec.get("initContainers", [])]}})

    def stop(self):
        self.stopped.set()
        processes = list(self.processes.values())
        for sign in (signal.SIGTERM, signal.SIGKILL):
            for process in processes:
                try:
                    os.killpg(process.pid, sign)  # a proxy's agent may have gone before the proxy
                except ProcessLookupError:
                    pass
            deadline = time.monotonic() + STOP_SECONDS
            while any(p.poll() is None for p in processes) and time.monotonic() < deadline:
                time.sleep(0.05)


def expand(text, environment):
    for name, value in environment.items():
        text = text.replace(f"$({name})", value)
    return text


def answers(ip, port, path):
    try:
        with socket.create_connection((ip, int(port)), timeout=3) as connection:
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: {ip}\r\nConnection: close\r\n\r\n".encode())
            return connection.recv(64).split(b" ")[1:2] == [b"200"]
    except (OSError, IndexError):
        return False
