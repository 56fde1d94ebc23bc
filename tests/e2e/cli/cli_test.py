#!/usr/bin/env python3
"""meshplayctl against a real server on free ports. Argument: the folder with both binaries."""
import json
import os
import signal
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "support"))
from running_server import RunningServer, wait_for  # noqa: E402

BIN = sys.argv.pop(1) if len(sys.argv) > 1 else "build/debug/bin"


class Cli(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.running = RunningServer(BIN)
        cls.token_file, cls.url, cls.token = cls.running.token_file, cls.running.url, cls.running.token

    @classmethod
    def tearDownClass(cls):
        cls.running.stop()

    def setUp(self):
        self.config = tempfile.TemporaryDirectory(prefix="cli-config")
        self.addCleanup(self.config.cleanup)

    def ctl(self, *arguments, **more):
        return self.running.ctl(*arguments, home=self.config.name, **more)

    def config_file(self):
        return self.config.name + "/.config/meshplay/config.json"

    def test_login_reads_the_token_from_standard_input_and_keeps_it_private(self):
        self.ctl("login", stdin=self.token + "\n", token=False)
        self.assertEqual(os.stat(self.config_file()).st_mode & 0o777, 0o600)
        self.ctl("clusters", "list", token=False)

    def test_login_reads_the_token_from_a_file(self):
        self.ctl("login", "--token-file", self.token_file, token=False)
        self.ctl("adapters", "list", token=False)

    def test_a_wrong_token_is_not_saved(self):
        self.ctl("login", stdin="wrong\n", token=False, code=7)
        self.assertFalse(os.path.exists(self.config_file()))

    def test_a_saved_token_goes_to_no_other_server(self):
        self.ctl("login", stdin=self.token + "\n", token=False)
        other = self.url.replace("127.0.0.1", "localhost")
        self.ctl("clusters", "list", token=False, url=other, code=7)

    def test_lists_in_every_format(self):
        self.assertEqual(self.ctl("clusters", "list").stdout, "(none)\n")
        self.assertEqual(json.loads(self.ctl("clusters", "list", "-o", "json").stdout), [])
        self.assertEqual(self.ctl("-o", "yaml", "clusters", "list").stdout.strip(), "[]")

    def test_usage_is_2(self):
        self.ctl(code=2)
        self.ctl("nonsense", code=2)
        self.ctl("clusters", "list", "-o", "xml", code=2)
        self.ctl("run", "istio.install", "--cluster", "c", "-p", "novalue", code=2)
        self.ctl("operations", "list", "--filter", "((", code=2)

    def test_help_is_0_and_shows_examples(self):
        self.assertIn("Examples", self.ctl("--help").stdout)

    def test_without_a_token_is_7(self):
        self.ctl("clusters", "list", token=False, code=7)

    def test_unknown_is_8(self):
        self.ctl("clusters", "get", "nobody", code=8)
        self.ctl("operations", "get", "01900000-0000-7000-8000-000000000000", code=8)
        self.ctl("clusters", "get", "../operations", code=8)
        self.ctl("clusters", "forget", "nobody", code=8)
        self.ctl("clusters", "forget", code=2)

    def test_unreachable_is_9(self):
        self.ctl("clusters", "list", url="http://127.0.0.1:1", code=9)

    def test_bytes_that_are_no_text_are_no_crash(self):
        done = subprocess.run([BIN + "/meshplayctl", "clusters", "get", b"\xff\xfe"], capture_output=True, timeout=300,
                              env=self.running.environment(home=self.config.name), check=False)
        self.assertIn(done.returncode, (2, 8), done.stderr)

    def test_following_events_ends_with_130(self):
        with subprocess.Popen([BIN + "/meshplayctl", "events", "--follow", "-o", "json"], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE,
                              env=self.running.environment(home=self.config.name)) as process:
            status = "/proc/%d/status" % process.pid

            def handles_sigint():
                with open(status, encoding="utf-8") as file:
                    caught = [line for line in file if line.startswith("SigCgt:")]
                return int(caught[0].split()[1], 16) & (1 << (signal.SIGINT - 1))

            wait_for("the handler", handles_sigint)
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=120)
            self.assertEqual(process.returncode, 130)


if __name__ == "__main__":
    for name in ("meshplay-server", "meshplayctl"):
        if not os.path.exists(BIN + "/" + name):
            print("SKIPPED: %s is not built in %s" % (name, BIN))
            sys.exit(4)
    unittest.main()
