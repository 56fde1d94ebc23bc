"""One node whose pods are processes: a network of their own for each pod, programs of this machine instead of images.

Usage: kubelet.py DATA_OF_RIG FOLDER NODE IMAGE=PROGRAM...
IMAGE is the last part of an image's name without its tag. FOLDER/pods/UID/CONTAINER.log is what a container says, and
FOLDER/nets/NAMESPACE/POD the network namespace of a pod.
Wants root, and a network namespace of the test's own with a bridge "pods" of address 10.77.0.1. What it does not do:
images, limits, capabilities, logs, restarts. A host network pod is a process of this namespace.
"""
import os
import signal
import sys
import threading
import time

from cluster import Api, now
from exec_door import serve_exec
from pod import BRIDGE, Pod


class Node:
    def __init__(self, rig, folder, name, programs):
        self.api, self.folder, self.name, self.programs = Api(rig), folder, name, programs
        self.path = os.environ["PATH"]
        self.hosts = f"{folder}/hosts"
        self.network = threading.Lock()
        self.pods, self.number = {}, 0

    def register(self):
        self.write_hosts()
        port = serve_exec(self)
        self.api.post("/api/v1/nodes", {"apiVersion": "v1", "kind": "Node", "metadata": {
            "name": self.name, "labels": {"kubernetes.io/hostname": self.name, "kubernetes.io/os": "linux",
                                          "kubernetes.io/arch": "amd64"}}})
        room = {"cpu": "64", "memory": "256Gi", "pods": "200"}
        self.api.patch(f"/api/v1/nodes/{self.name}/status", {"status": {
            "capacity": room, "allocatable": room,
            "addresses": [{"type": "InternalIP", "address": BRIDGE}],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": port}},
            # So the API server hands WebSockets on as they are.
            "declaredFeatures": ["ExtendWebSocketsToKubelet"],
            "nodeInfo": {"architecture": "amd64", "operatingSystem": "linux", "kubeletVersion": "v1.37.2",
                         "osImage": "processes of the test's machine", "kernelVersion": "", "kubeProxyVersion": "",
                         "containerRuntimeVersion": "processes://1", "bootID": "", "machineID": "", "systemUUID": ""}}})

    def heartbeat(self):
        self.api.patch(f"/api/v1/nodes/{self.name}/status", {"status": {"conditions": [
            {"type": "Ready", "status": "True", "reason": "KubeletReady", "message": "",
             "lastHeartbeatTime": now(), "lastTransitionTime": now()}]}})

    def write_hosts(self):
        """Names of Services; the file stays the same one, since pods have it mounted."""
        lines = ["127.0.0.1 localhost"]
        for service in self.api.get("/api/v1/services")["items"]:
            name, space = service["metadata"]["name"], service["metadata"]["namespace"]
            ip = BRIDGE if name.startswith("istiod") else service["spec"].get("clusterIP", "None")
            if ip != "None":
                lines.append(f"{ip} {name}.{space}.svc.cluster.local {name}.{space}.svc {name}.{space}")
        text = "\n".join(lines) + "\n"
        with open(self.hosts, "a+", encoding="utf-8") as file:
            file.seek(0)
            if file.read() != text:
                file.seek(0)
                file.truncate()
                file.write(text)

    def look(self):
        seen = self.api.get(f"/api/v1/pods?fieldSelector=spec.nodeName%3D{self.name}")["items"]
        self.write_hosts()
        here = {pod["metadata"]["uid"]: pod for pod in seen}
        for uid, pod in here.items():
            if uid not in self.pods and "deletionTimestamp" not in pod["metadata"]:
                self.number += 1
                self.pods[uid] = Pod(self, pod, self.number)
        for uid in list(self.pods):
            if uid not in here or "deletionTimestamp" in here[uid]["metadata"]:
                threading.Thread(target=self.pods.pop(uid).stop, daemon=True).start()
        for uid, pod in here.items():
            if uid not in self.pods and "deletionTimestamp" in pod["metadata"]:
                self.api.delete_now(pod)

    def find(self, namespace, name):
        return next((p for p in self.pods.values() if (p.namespace, p.name) == (namespace, name)), None)


def main():
    rig, folder, name, *images = sys.argv[1:]
    os.umask(0o022)
    node = Node(rig, folder, name, dict(image.split("=", 1) for image in images))
    ending = threading.Event()
    for sign in (signal.SIGTERM, signal.SIGINT):
        signal.signal(sign, lambda *_: ending.set())
    node.register()
    beat = 0.0
    try:
        while not ending.wait(0.2):
            try:
                if time.monotonic() > beat:
                    node.heartbeat()
                    beat = time.monotonic() + 10
                node.look()
            except OSError as failure:  # the API server is busy or away
                print(f"the API server: {failure!r}", flush=True)
    finally:
        for pod in list(node.pods.values()):
            pod.stop()


if __name__ == "__main__":
    main()
