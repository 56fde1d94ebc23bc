#!/usr/bin/env python3
"""Every mesh side by side: a real server, an adapter process of each mesh, meshplayctl smi. Argument: the binaries."""
import json
import os
import socket
import subprocess
import sys
import unittest
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "support"))
from running_server import RunningServer, wait_for  # noqa: E402

BIN = sys.argv.pop(1) if len(sys.argv) > 1 else "build/debug/bin"
LEGACY = ("traefik-mesh", "osm", "nginx-service-mesh")
MESHES = ("istio", "linkerd", "kuma", "consul", "cilium") + LEGACY

DOCUMENTS = """
apiVersion: split.smi-spec.io/v1alpha4
kind: TrafficSplit
metadata: {name: web, namespace: shop}
spec:
  service: web
  backends: [{service: web-v1, weight: 90}, {service: web-v2, weight: 10}]
---
apiVersion: v1
kind: Namespace
metadata: {name: shop}
""" + "".join(f"""---
apiVersion: v1
kind: Service
metadata: {{name: {name}, namespace: shop}}
spec: {{selector: {{app: {name}}}, ports: [{{name: http, port: 80, targetPort: 8080}}]}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}, namespace: shop}}
spec:
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata: {{labels: {{app: {name}}}}}
    spec:
      serviceAccountName: {name}
      containers: [{{name: app, image: app, ports: [{{containerPort: 8080}}]}}]
""" for name in ("web", "web-v1", "web-v2"))

# A cluster that nobody answers at: explaining needs none.
KUBECONFIG = """
apiVersion: v1
kind: Config
current-context: nowhere
clusters: [{name: nowhere, cluster: {server: "https://127.0.0.1:1"}}]
contexts: [{name: nowhere, context: {cluster: nowhere, user: nobody}}]
users: [{name: nobody, user: {token: x}}]
"""


class Explain(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = RunningServer(BIN)
        cls.adapters = []
        cls.documents = cls.server.folder + "/documents.yaml"
        with open(cls.documents, "w", encoding="utf-8") as file:
            file.write(DOCUMENTS)
        try:
            for mesh in MESHES:
                cls.start(mesh)
            wait_for("the adapters", lambda: cls.connected() == len(MESHES), 60)
        except BaseException:
            cls.tearDownClass()
            raise

    @classmethod
    def tearDownClass(cls):
        for adapter in cls.adapters:
            adapter.terminate()
        codes = [adapter.wait(timeout=120) for adapter in cls.adapters]
        cls.server.stop()
        assert not any(codes), f"adapters ended with {codes}"

    @classmethod
    def call(cls, method, path, body=None):
        request = urllib.request.Request(
            cls.server.url + path, method=method, data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": "Bearer " + cls.server.token, "Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=300) as answer:
            return json.load(answer)

    @classmethod
    def start(cls, mesh):
        state = cls.server.folder + "/" + mesh
        enroll = state + ".json"
        with open(enroll, "w", encoding="utf-8") as file:
            json.dump(cls.call("POST", "/v1/enrollmentTokens", {"mesh_type": mesh}), file)
        program = "legacy" if mesh in LEGACY else mesh
        command = [f"{BIN}/meshplay-adapter-{program}", "run", "--state-dir", state, "--enroll-file", enroll]
        if mesh in LEGACY:
            command += ["--mesh", mesh]
        if mesh == "istio":
            with open(state + ".kubeconfig", "w", encoding="utf-8") as file:
                file.write(KUBECONFIG)
            command += ["--kubeconfig", state + ".kubeconfig"]
        log = open(state + ".log", "w", encoding="utf-8")
        cls.adapters.append(subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT))
        log.close()

    @classmethod
    def connected(cls):
        return sum(1 for adapter in cls.call("GET", "/v1/adapters")["adapters"] if adapter["connected"])

    def ctl(self, *arguments, **more):
        return self.server.ctl("smi", *arguments, **more)

    def test_every_mesh_answers_for_itself(self):
        told = json.loads(self.ctl("explain", "-f", self.documents, "--objects", "-o", "json").stdout)
        self.assertEqual([mesh["mesh_type"] for mesh in told["meshes"]], sorted(MESHES))
        answers = {mesh["mesh_type"]: mesh for mesh in told["meshes"]}
        for mesh, answer in answers.items():
            self.assertEqual(answer["status"], "ANSWERED", mesh + ": " + json.dumps(answer))
            self.assertEqual(len(answer["reports"]), 1, mesh)
        self.assertIn("kind: VirtualService", answers["istio"]["objects"])
        self.assertIn("kind: ServiceSplitter", answers["consul"]["objects"])
        self.assertIn("kind: MeshHTTPRoute", answers["kuma"]["objects"])
        self.assertIn("apiVersion: split.smi-spec.io/v1alpha2", answers["osm"]["objects"])

    def test_a_mesh_is_the_same_as_its_own_command(self):
        for mesh in ("linkerd", "cilium", "istio"):
            own = subprocess.run([f"{BIN}/meshplay-adapter-{mesh}", "translate", "-f", self.documents],
                                 capture_output=True, text=True, timeout=300, check=False)
            told = self.call("POST", "/v1/smi:explain",
                             {"documents": DOCUMENTS, "mesh_types": [mesh], "with_objects": True})["meshes"][0]
            self.assertEqual(told["objects"].strip(), own.stdout.strip().removeprefix("---\n").strip(), mesh)
            self.assertEqual(told["reports"], json.loads(own.stderr), mesh)

    def test_documents_come_from_standard_input_too_be_it_a_socket(self):
        command = [f"{BIN}/meshplay-adapter-istio", "translate", "-f"]
        named = subprocess.run(command + [self.documents], capture_output=True, text=True, timeout=300, check=False)
        with open(self.documents, encoding="utf-8") as file:
            text = file.read()
        ours, theirs = socket.socketpair()
        with ours, theirs:
            ours.sendall(text.encode())
            ours.shutdown(socket.SHUT_WR)
            piped = subprocess.run(command + ["-"], stdin=theirs, capture_output=True, text=True, timeout=300,
                                   check=False)
        self.assertEqual((piped.returncode, piped.stdout), (named.returncode, named.stdout), piped.stderr)

    def test_the_generic_form_is_asked_for_by_name(self):
        told = json.loads(self.ctl("explain", "-f", self.documents, "--as", "gamma", "--mesh-type", "kuma", "--mesh-type",
                                   "linkerd", "--objects", "-o", "json").stdout)
        for mesh in told["meshes"]:
            self.assertIn("kind: HTTPRoute", mesh["objects"])

    def test_a_table_shows_the_levels_and_a_mesh_without_an_adapter(self):
        shown = self.ctl("explain", "-f", self.documents, "--mesh-type", "kuma", "--mesh-type", "app-mesh").stdout
        self.assertRegex(shown, r"kuma +TrafficSplit shop/web +FULL")
        self.assertRegex(shown, r"app-mesh +NOT_AVAILABLE")
        self.ctl("explain", "-f", self.documents, "--mesh-type", "app-mesh", code=9)

    def test_an_unknown_option_fails_on_each_mesh_and_says_so(self):
        told = self.call("POST", "/v1/smi:explain", {"documents": DOCUMENTS, "options": {"noSuch": "x"}})
        for mesh in told["meshes"]:
            self.assertEqual(mesh["status"], "FAILED", mesh)
            self.assertEqual(mesh["error"]["reason"], "SMI_OPTION_UNKNOWN", mesh)
        self.assertIn("FAILED", self.ctl("explain", "-f", self.documents, "--option", "mode=zz", code=2).stdout)

    def test_an_option_of_one_mesh_is_asked_of_that_mesh_alone(self):
        told = self.call("POST", "/v1/smi:explain",
                         {"documents": DOCUMENTS, "options": {"istio.dataplane": "ambient", "linkerd.profile": "true"}})
        answers = {mesh["mesh_type"]: mesh for mesh in told["meshes"]}
        for mesh in told["meshes"]:
            self.assertEqual(mesh["status"], "ANSWERED", mesh)
        self.assertEqual(answers["istio"]["level"], "NONE")
        self.assertEqual(answers["linkerd"]["reports"][0]["generated"][0]["kind"], "ServiceProfile")
        told = self.call("POST", "/v1/smi:explain",
                         {"documents": DOCUMENTS, "mesh_types": ["kuma"], "options": {"istio.dataplane": "ambient"}})
        self.assertEqual(told["meshes"][0]["status"], "FAILED")

    def test_convert_refuses_what_would_change_the_meaning(self):
        path = self.server.folder + "/matches.yaml"
        with open(path, "w", encoding="utf-8") as file:
            file.write(DOCUMENTS.split("---")[0] + "  matches: [{kind: HTTPRouteGroup, name: canary}]\n")
        self.assertIn("v1alpha3", self.ctl("convert", "-f", path, "--split", "v1alpha3").stdout)
        self.assertIn("NOT_REPRESENTABLE", self.ctl("convert", "-f", path, "--split", "v1alpha2", code=4).stderr)
        self.ctl("convert", "-f", path, "--split", "v3", code=2)

    def test_a_folder_with_manifests_is_checked_against_them(self):
        folder = self.server.folder + "/gitops"
        os.mkdir(folder)
        parts = DOCUMENTS.split("---")
        with open(folder + "/1-split.yaml", "w", encoding="utf-8") as file:
            file.write(parts[0])
        with open(folder + "/2-cluster.yaml", "w", encoding="utf-8") as file:
            file.write("---".join(parts[1:-2]))  # Without web-v2.
        shown = self.ctl("lint", "-f", folder).stdout
        self.assertRegex(shown, r"TrafficSplit shop/web +WARNING +SERVICE_MISSING +/spec/backends/1/service")
        self.assertIn("documents: 6, with SMI: 1, taken as the cluster: 5", shown)
        told = json.loads(self.ctl("lint", "-f", folder, "-o", "json").stdout)
        self.assertEqual((told["smi_documents"], told["facts_documents"], told["valid"]), (1, 5, True))
        done = self.ctl("convert", "-f", folder, "--split", "v1alpha2")
        self.assertNotIn("kind: Service", done.stdout)
        self.assertIn("INFO PASSED_OVER", done.stderr)

    def test_input_without_smi_says_so(self):
        path = self.server.folder + "/cluster.yaml"
        with open(path, "w", encoding="utf-8") as file:
            file.write(DOCUMENTS.split("---", 1)[1])
        self.assertIn("NO_SMI_OBJECT", self.ctl("lint", "-f", path, code=2).stdout)
        self.assertIn("NO_SMI_OBJECT", self.ctl("convert", "-f", path, code=2).stderr)
        self.assertIn("NO_SMI_OBJECT", self.ctl("explain", "-f", path, code=2).stderr)

    def test_help_names_the_exit_codes(self):
        for verb in ("lint", "convert", "explain"):
            self.assertIn("Exit codes", self.ctl(verb, "--help").stdout)

    def test_lint_names_document_code_and_place(self):
        path = self.server.folder + "/wrong.yaml"
        with open(path, "w", encoding="utf-8") as file:
            file.write(DOCUMENTS.split("---")[0].replace("90", "-1"))
        shown = self.ctl("lint", "-f", path, code=2).stdout
        self.assertIn("WEIGHT_INVALID", shown)
        self.assertIn("/spec/backends/0", shown)


if __name__ == "__main__":
    unittest.main(verbosity=2)
