#!/usr/bin/env python3
"""The part of ./meshplay demo that talks to the server; see scripts/commands/demo.sh."""
import argparse
import json
import os
import subprocess
import sys
import time

from demo_api import Api, ApiError, OperationFailed
from demo_view import StepView, note, say, table

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
NAMESPACE = "meshplay-sample"
EXAMPLES = ["docs/examples/smi/traffic-split.yaml", "docs/examples/smi/traffic-target.yaml"]


class Demo:
    def __init__(self, options):
        self.options = options
        self.api = Api(options.rest_url, os.environ["MESHPLAY_TOKEN"])
        with open(options.steps, encoding="utf-8") as file:
            self.steps = [json.loads(line) for line in file]
        self.cluster = None
        self.digest = ""

    def step(self, name, title, action):
        """Runs one step of the demo and notes how long it took."""
        say(title)
        started = time.monotonic()
        result = "FAILED"
        try:
            action()
            result = "SUCCEEDED"
        finally:
            self.steps.append({"name": name, "seconds": round(time.monotonic() - started, 2), "result": result})
            self.write()

    def write(self):
        document = {
            "rest_url": self.options.rest_url, "grpc_address": self.options.grpc_address,
            "hub_address": self.options.hub_address, "token": self.api.token, "kubeconfig": self.options.kubeconfig,
            "chart_source": self.options.charts, "steps": self.steps}
        temporary = self.options.output + ".new"
        with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            json.dump(document, file, indent=2)
            file.write("\n")
        os.replace(temporary, self.options.output)

    def kubectl(self, *arguments):
        command = [self.options.kubectl, "--kubeconfig", self.options.kubeconfig, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout

    def operation(self, kind, parameters, plan=False, **more):
        body = {"type": kind, "target": {"cluster": self.cluster["id"], "mesh_type": "istio"}, "parameters": parameters,
                "reason": "demo", **more}
        return self.api.run(body, StepView(), plan=plan)

    # The steps, in order.

    def find_cluster(self):
        uid = self.kubectl("get", "namespace", "kube-system", "-o", "jsonpath={.metadata.uid}")
        offered = lambda cluster: any(
            t["type"] == "istio.install" for t in self.api.everything("/v1/operationTypes", "operation_types", cluster=cluster["id"]))
        look = lambda: next((c for c in self.api.everything("/v1/clusters", "clusters") if c.get("uid") == uid), None)
        self.cluster = self.api.wait_for("the adapter to claim the cluster", 60, look)
        self.api.wait_for("the operations of the adapter", 60, lambda: offered(self.cluster))
        note(f"cluster {self.cluster['id']}, Kubernetes {self.cluster.get('kubernetes_version', 'unknown')}")

    def install_parameters(self):
        return {"version": self.options.version}

    def plan(self):
        operation = self.operation("istio.install", self.install_parameters(), plan=True)
        answer = self.api.get(f"/v1/operations/{operation['id']}/plan")
        self.digest = answer.get("digest", "")
        plan = answer.get("plan") or {}
        counts = {}
        for change in plan.get("changes", []):
            action = str(change.get("action", ""))
            counts[action] = counts.get(action, 0) + 1
        note("objects in the plan: " + (", ".join(f"{n} {a}" for a, n in sorted(counts.items())) or "none"))
        for diagnostic in plan.get("diagnostics", []):
            note(f"{diagnostic.get('severity')} {diagnostic.get('code', '')}: {diagnostic.get('summary', '')}")

    def install(self):
        more = {"plan_digest": self.digest} if self.digest else {}
        self.operation("istio.install", self.install_parameters(), **more)

    def sample_app(self):
        self.operation("istio.sampleapp.install", {"namespace": NAMESPACE})

    def smi(self):
        documents = []
        for name in EXAMPLES:
            with open(os.path.join(ROOT, name), encoding="utf-8") as file:
                documents.append(file.read())
            note(name)
        operation = self.operation("smi.apply", {"documents": "\n---\n".join(documents)})
        say("SMI report: what each object became")
        rows = []
        for report in operation.get("smi_reports") or []:
            source = report.get("source", {})
            rows.append([source.get("kind"), source.get("name"), report.get("level"),
                         ", ".join(f"{o.get('kind')}/{o.get('name')}" for o in report.get("generated", []))])
        table(rows, ["KIND", "NAME", "SUPPORT", "BECAME"])
        for report in operation.get("smi_reports") or []:
            note(f"{report.get('source', {}).get('name')}: {report.get('explanation', '')}")
            for diagnostic in report.get("diagnostics", []):
                note(f"  {diagnostic.get('severity')} {diagnostic.get('code', '')}: {diagnostic.get('summary', '')}")

    def meshes(self):
        return [m for m in self.api.everything("/v1/meshes", "meshes") if m.get("cluster") == self.cluster["id"]]

    def inventory(self):
        self.api.wait_for("a healthy mesh in the inventory", 60,
                          lambda: any(m.get("health") == "HEALTHY" for m in self.meshes()))
        # The sample application's pods get there by watches; a short wait shows them all.
        deadline = time.monotonic() + 15
        while time.monotonic() < deadline and not any(m.get("pods_with_proxy") for m in self.meshes()):
            time.sleep(0.3)
        table([[m.get("id"), m.get("mesh_type"), m.get("version"), m.get("revision"), m.get("health"),
                f"{m.get('pods_with_proxy', 0)} of {m.get('pods', 0)}", ", ".join(m.get("member_namespaces", []))]
               for m in self.meshes()],
              ["MESH", "TYPE", "VERSION", "REVISION", "HEALTH", "PODS WITH PROXY", "NAMESPACES"])
        counts = {}
        for item in self.api.everything("/v1/objects", "objects", cluster=self.cluster["id"], page_size=1000):
            kind = item.get("object", {}).get("kind", "")
            counts[kind] = counts.get(kind, 0) + 1
        note("objects: " + ", ".join(f"{n} {kind}" for kind, n in sorted(counts.items())))

    def read_back(self):
        out = self.kubectl("get", "virtualservices.networking.istio.io,authorizationpolicies.security.istio.io", "-A")
        for line in out.splitlines():
            note(line)
        found = json.loads(self.kubectl("get", "virtualservices.networking.istio.io,authorizationpolicies.security.istio.io",
                                        "-n", NAMESPACE, "-o", "json"))
        kinds = {item["kind"] for item in found["items"]}
        if kinds != {"VirtualService", "AuthorizationPolicy"}:
            raise ApiError(f"expected a VirtualService and an AuthorizationPolicy in {NAMESPACE}, found {sorted(kinds)}")

    def goodbye(self):
        url, token = self.options.rest_url, self.options.token_file
        say("Done")
        print(f"""
REST     {url}
gRPC     {self.options.grpc_address}
token    {self.api.token}   (also in {token})
cluster  export KUBECONFIG={self.options.kubeconfig}

Try:
  curl -sH "Authorization: Bearer $(cat {token})" {url}/v1/meshes
  curl -sH "Authorization: Bearer $(cat {token})" '{url}/v1/objects?kind=Deployment'
  curl -NH "Authorization: Bearer $(cat {token})" -H 'Accept: text/event-stream' {url}/v1/events

Stop everything: ./meshplay down""")

    def run(self):
        self.step("find-cluster", "Waiting for the cluster to be claimed", self.find_cluster)
        self.step("plan", f"Planning Istio {self.options.version}", self.plan)
        self.step("install", f"Installing Istio {self.options.version}", self.install)
        self.step("sample-app", f"Installing the sample application into namespace {NAMESPACE}", self.sample_app)
        self.step("smi", "Applying an SMI TrafficSplit and TrafficTarget", self.smi)
        self.step("inventory", "The inventory", self.inventory)
        self.step("read-back", "The Istio objects they became, read from the API server", self.read_back)
        self.goodbye()


def main():
    parser = argparse.ArgumentParser()
    for name in ("rest-url", "grpc-address", "hub-address", "kubeconfig", "kubectl", "steps", "output", "token-file", "version", "charts"):
        parser.add_argument(f"--{name}", required=True)
    demo = Demo(parser.parse_args())
    try:
        demo.run()
    except (ApiError, OperationFailed) as error:
        for number, line in enumerate(error.lines()):
            print(("error: " if number == 0 else "       ") + line, file=sys.stderr)
        print("       ./meshplay logs shows what the server and the adapter said.", file=sys.stderr)
        return 1
    except subprocess.SubprocessError as error:
        print(f"error: kubectl: {getattr(error, 'stderr', '') or error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
