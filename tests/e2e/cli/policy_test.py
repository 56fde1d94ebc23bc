#!/usr/bin/env python3
"""meshplayctl policy and environment against a real server without adapters. Argument: the folder with both binaries."""
import json
import os
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "support"))
from running_server import RunningServer  # noqa: E402

BIN = sys.argv.pop(1) if len(sys.argv) > 1 else "build/debug/bin"

SPLIT = """apiVersion: split.smi-spec.io/v1alpha4
kind: TrafficSplit
metadata: {name: web, namespace: shop}
spec: {service: web, backends: [{service: web-v1, weight: %d}, {service: web-v2, weight: 10}]}
"""


class Policies(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.running = RunningServer(BIN)

    @classmethod
    def tearDownClass(cls):
        cls.running.stop()

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="cli-policies")
        self.addCleanup(self.folder.cleanup)

    def ctl(self, *arguments, **more):
        return self.running.ctl(*arguments, home=self.folder.name, **more)

    def read(self, *arguments, **more):
        return json.loads(self.ctl("-o", "json", *arguments, **more).stdout)

    def test_an_environment_lives_from_create_to_delete(self):
        made = self.read("environment", "create", "stage", "--cluster-label", "stage=test", "--display-name", "Stage")
        self.assertEqual(made["cluster_labels"], {"stage": "test"})
        self.assertIn("stage", self.ctl("environment", "list").stdout)
        changed = self.read("environment", "update", "stage", "--cluster-label", "stage=prod")
        self.assertEqual((changed["cluster_labels"], changed["display_name"]), ({"stage": "prod"}, "Stage"))
        self.assertEqual(self.read("environment", "get", "stage")["cluster_labels"], {"stage": "prod"})
        self.ctl("environment", "delete", "stage")
        self.ctl("environment", "get", "stage", code=8)

    def test_an_environment_takes_its_fields_from_a_file(self):
        spec = json.dumps({"cluster_expressions": [{"key": "tier", "operator": "In", "values": ["a", "b"]}]})
        made = self.read("environment", "create", "tiers", "--spec", "-", stdin=spec)
        self.assertEqual(made["cluster_expressions"][0]["values"], ["a", "b"])
        self.ctl("environment", "delete", "tiers")

    def test_an_environment_that_a_policy_names_stays(self):
        self.ctl("environment", "create", "used", "--cluster-label", "a=b")
        self.ctl("policy", "create", "user", "-f", "-", "--environment", "used", stdin=SPLIT % 90)
        refused = self.ctl("environment", "delete", "used", code=4)
        self.assertIn("ENVIRONMENT_IN_USE", refused.stderr)
        self.ctl("policy", "delete", "user", "--wait")
        self.ctl("environment", "delete", "used")

    def test_bad_input_of_environments(self):
        self.ctl("environment", "create", "UPPER", code=2)
        self.ctl("environment", "create", "x", "--cluster-label", "novalue", code=2)
        self.ctl("environment", "create", "x", "--spec", "-", stdin="[]", code=2)
        self.ctl("environment", "update", "nobody", "--display-name", "x", code=8)
        self.ctl("environment", code=2)

    def test_a_policy_is_changed_compared_rolled_back_paused_and_resumed(self):
        self.ctl("policy", "create", "web", "-f", "-", "--all", "--note", "first", stdin=SPLIT % 90)
        self.ctl("policy", "create", "web", "-f", "-", "--all", stdin=SPLIT % 90, code=4)
        changed = self.read("policy", "update", "web", "-f", "-", "--note", "half", stdin=SPLIT % 10)
        self.assertEqual(changed["revision"], 2)
        self.assertTrue(changed["spec"]["target"]["all"])
        difference = self.read("policy", "diff", "web", "--from", "1", "--to", "2")
        self.assertIn("/spec/backends/0/weight", json.dumps(difference))
        back = self.read("policy", "rollback", "web", "1", "--note", "too fast")
        self.assertEqual(back["revision"], 3)
        revisions = self.read("policy", "revisions", "web")
        self.assertEqual([(r["number"], r.get("restored_from", 0)) for r in revisions], [(3, 1), (2, 0), (1, 0)])
        self.assertIn("too fast", self.ctl("policy", "revisions", "web").stdout)
        self.assertTrue(self.read("policy", "pause", "web", "--reason", "holiday")["paused"])
        self.assertFalse(self.read("policy", "resume", "web").get("paused", False))
        self.assertEqual(self.read("policy", "status", "web", "--wait", code=4), [])
        self.assertIn("web", self.ctl("policy", "list").stdout)
        self.ctl("policy", "delete", "web", "--wait")
        self.ctl("policy", "get", "web", code=8)

    def test_documents_may_be_a_folder(self):
        with open(self.folder.name + "/split.yaml", "w", encoding="utf-8") as file:
            file.write(SPLIT % 90)
        with open(self.folder.name + "/notes.txt", "w", encoding="utf-8") as file:
            file.write("kind: [")
        self.ctl("smi", "lint", "-f", self.folder.name)
        empty = tempfile.mkdtemp(dir=self.folder.name)
        self.ctl("policy", "create", "empty", "-f", empty, "--all", code=2)

    def test_bad_input_of_policies(self):
        self.ctl("policy", "create", "bad", "-f", "-", "--all", stdin="kind: [", code=2)
        invalid = self.ctl("policy", "create", "bad", "-f", "-", "--all", stdin=SPLIT % -1, code=2)
        self.assertIn("SMI_INVALID", invalid.stderr)
        self.ctl("policy", "create", "bad", "-f", "-", "--environment", "nobody", stdin=SPLIT % 1, code=8)
        missing = self.folder.name + "/missing"
        self.assertIn(missing, self.ctl("policy", "create", "bad", "-f", missing, "--all", code=2).stderr)
        self.ctl("policy", "diff", "nobody", code=8)
        self.ctl("policy", "rollback", "nobody", "1", code=8)
        self.ctl("policy", "create", "bad", "--on-drift", "LOUDLY", code=2)


if __name__ == "__main__":
    for name in ("meshplay-server", "meshplayctl"):
        if not os.path.exists(BIN + "/" + name):
            print("SKIPPED: %s is not built in %s" % (name, BIN))
            sys.exit(4)
    unittest.main()
