#!/usr/bin/env python3
"""The launcher's own parts: counting results, verifying a download, processes and locks, usage."""
import http.server
import importlib.util
import os
import subprocess
import tempfile
import threading
import time
import unittest
import zipfile

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "../../.."))
SCRIPTS = os.path.join(ROOT, "scripts")


def bash(script, **environment):
    """Runs bash with the launcher's common functions loaded."""
    return subprocess.run(["bash", "-c", f'set -euo pipefail; . "{SCRIPTS}/lib/common.sh"; . "{SCRIPTS}/lib/tools.sh"; {script}'],
                          capture_output=True, text=True, timeout=300, env={**os.environ, **environment})


class Results(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def summary(self):
        run = subprocess.run(["python3", os.path.join(SCRIPTS, "test_results.py"), "summary", self.folder.name],
                             capture_output=True, text=True)
        return run.returncode, run.stdout.rstrip("\n").split("\n")[-1]

    def write(self, name, text):
        with open(os.path.join(self.folder.name, name), "w", encoding="utf-8") as file:
            file.write(text)

    def junit(self, *cases):
        self.write("unit.xml", "<testsuite>" + "".join(cases) + "</testsuite>")

    PASSED = '<testcase name="a" status="run"/>'
    FAILED = '<testcase name="b" status="fail"><failure message=""/></testcase>'
    SKIPPED = '<testcase name="c" status="notrun"><skipped message="SKIP_RETURN_CODE=4"/></testcase>'
    NOT_BUILT = '<testcase name="d" status="notrun"><skipped message="Unable to find executable"/></testcase>'

    def test_passed_failed_and_skipped_are_counted(self):
        self.junit(self.PASSED, self.PASSED, self.FAILED, self.SKIPPED)
        self.assertEqual(self.summary(), (1, "2 passed, 1 failed, 1 skipped"))

    def test_a_test_that_was_not_built_has_failed(self):
        self.junit(self.PASSED, self.NOT_BUILT)
        self.assertEqual(self.summary(), (1, "1 passed, 1 failed, 0 skipped"))

    def test_a_step_that_failed_before_the_tests_counts_as_failed(self):
        self.junit(self.PASSED)
        self.write("build.failed", "the build failed")
        self.assertEqual(self.summary(), (1, "1 passed, 1 failed, 0 skipped"))

    def test_all_passed_is_exit_code_0(self):
        self.junit(self.PASSED, self.SKIPPED)
        self.assertEqual(self.summary(), (0, "1 passed, 0 failed, 1 skipped"))

    def test_nothing_at_all_is_not_a_success(self):
        self.assertEqual(self.summary(), (1, "0 passed, 0 failed, 0 skipped"))


class GoToolchain(unittest.TestCase):
    """The download from a module proxy, against a proxy of our own."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.zip = os.path.join(self.folder, "toolchain.zip")
        with zipfile.ZipFile(self.zip, "w") as archive:
            archive.writestr("golang.org/toolchain@v0.0.1-go1.0.0.linux-amd64/bin/go", "#!/bin/sh\necho go\n")
        spec = importlib.util.spec_from_file_location("fetch_go", os.path.join(SCRIPTS, "fetch_go.py"))
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        with zipfile.ZipFile(self.zip) as archive:
            self.checksum = module.module_checksum(archive)
        with open(self.zip, "rb") as file:
            body = file.read()

        class Proxy(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                found = self.path == "/golang.org/toolchain/@v/v0.0.1-go1.0.0.linux-amd64.zip"
                self.send_response(200 if found else 404)
                self.end_headers()
                if found:
                    self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.HTTPServer(("127.0.0.1", 0), Proxy)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)

    def fetch(self, checksum, version="go1.0.0"):
        target = os.path.join(self.folder, "cache", "go")
        run = subprocess.run(["python3", os.path.join(SCRIPTS, "fetch_go.py"), version, "linux-amd64", checksum, target],
                             capture_output=True, text=True,
                             env={**os.environ, "GOPROXY": f"http://127.0.0.1:{self.server.server_port},direct", "no_proxy": "*"})
        return run, target

    def test_a_matching_checksum_gives_an_executable_go(self):
        run, target = self.fetch(self.checksum)
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertEqual(subprocess.check_output([os.path.join(target, "bin/go")], text=True), "go\n")

    def test_another_checksum_is_refused_and_nothing_is_left(self):
        run, target = self.fetch("h1:AAAA=")
        self.assertNotEqual(run.returncode, 0)
        self.assertIn("was not used", run.stderr)
        self.assertEqual(os.listdir(os.path.dirname(target)), [])

    def test_a_version_that_the_proxy_does_not_have_is_an_error(self):
        run, _ = self.fetch(self.checksum, version="go9.9.9")
        self.assertNotEqual(run.returncode, 0)
        self.assertIn("404", run.stderr)

    def test_the_checksum_is_that_of_go_sum(self):
        # printf "$(printf '#!/bin/sh\necho go\n' | sha256sum | cut -d' ' -f1)  <name>\n" | openssl dgst -sha256 -binary | base64
        self.assertEqual(self.checksum, "h1:sgkgZBZFhh4HYBPiIdSyWxR25ul2E/lbMH2R8OS7s6E=")


class DebianPackages(unittest.TestCase):
    """A tool out of a package, with stand-ins for apt and dpkg-deb."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.program("apt-get", 'echo "$@" >> "$LOG"; touch package.deb')
        self.program("dpkg-deb", 'mkdir -p "$3/usr/bin"; printf "#!/bin/sh\\necho beans\\n" > "$3/usr/bin/prometheus"; '
                     'chmod +x "$3/usr/bin/prometheus"')

    def program(self, name, script):
        os.makedirs(os.path.join(self.folder, "bin"), exist_ok=True)
        path = os.path.join(self.folder, "bin", name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(f"#!/bin/sh\n{script}\n")
        os.chmod(path, 0o755)

    def take(self, *revisions):
        self.program("apt-cache", "\n".join(f"echo 'prometheus | {revision} | mirror'" for revision in revisions) or "true")
        return bash('cd "$MP_CACHE"; tool prometheus; tool prometheus', MESHPLAY_CACHE_DIR=self.folder,
                    LOG=os.path.join(self.folder, "log"), PATH=os.path.join(self.folder, "bin") + ":" + os.environ["PATH"])

    def test_any_revision_of_the_pinned_version_is_taken_once_and_only_the_program_is_kept(self):
        run = self.take("2.53.3-1", "2.42.0+ds-5+deb12u9", "2.42.0+ds-1")
        self.assertEqual(run.returncode, 0, run.stderr)
        path = run.stdout.split()[0]
        self.assertEqual(run.stdout.split(), [path, path])
        self.assertEqual(subprocess.check_output([path], text=True), "beans\n")
        self.assertEqual(os.listdir(os.path.dirname(path)), ["prometheus"])
        with open(os.path.join(self.folder, "log"), encoding="utf-8") as log:
            self.assertEqual(log.read().count("download prometheus=2.42.0+ds-5+deb12u9"), 1)

    def test_another_version_is_not_taken_instead(self):
        run = self.take("2.42.01-1", "2.53.3-1")
        self.assertNotEqual(run.returncode, 0)
        self.assertIn("apt offers no package prometheus of that version", run.stderr)
        self.assertFalse(os.path.exists(os.path.join(self.folder, "log")))

    def test_a_package_without_the_program_leaves_nothing(self):
        self.program("dpkg-deb", "mkdir -p \"$3/usr/bin\"")
        self.assertNotEqual(self.take("2.42.0-1").returncode, 0)
        for _, _, files in os.walk(os.path.join(self.folder, "prometheus")):
            self.assertEqual(files, [])


class Processes(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def test_a_process_is_started_found_alive_and_stopped(self):
        run = bash(f'cd {self.folder}; start_detached p log sleep 100; alive p && echo up; stop_process p 2; alive p || echo down; ls')
        self.assertEqual(run.stdout.split(), ["up", "down", "log"], run.stderr)

    def test_a_process_that_ignores_sigterm_is_killed(self):
        run = bash(f'cd {self.folder}; start_detached p log bash -c \'trap "" TERM; echo ready; while :; do sleep 0.1; done\';'
                   ' wait_until 60 grep ready log; pid=$(pid_of p); stop_process p 1; '
                   'state=$(sed -n "s/^State:\\s*\\(.\\).*/\\1/p" /proc/$pid/status 2>/dev/null || true); echo "${state:-gone}"')
        self.assertIn(run.stdout.strip(), ("gone", "Z"), run.stderr)

    def test_a_pid_that_now_belongs_to_another_process_is_not_ours(self):
        run = bash(f'cd {self.folder}; echo "$$ 1" > p; alive p || echo no; stop_process p; echo survived')
        self.assertEqual(run.stdout.split(), ["no", "survived"], run.stderr)

    def test_a_lock_lets_one_in_at_a_time(self):
        script = 'work() { echo in; sleep 0.3; echo out; }; with_lock x work & with_lock x work & wait'
        run = bash(script, MESHPLAY_CACHE_DIR=self.folder)
        self.assertEqual(run.stdout.split(), ["in", "out", "in", "out"], run.stderr)

    def test_waiting_for_a_condition_ends_at_its_deadline(self):
        started = time.monotonic()
        run = bash("wait_until 1 false || echo over")
        self.assertEqual(run.stdout.strip(), "over")
        self.assertLess(time.monotonic() - started, 60)


class Usage(unittest.TestCase):
    COMMANDS = ("build", "test", "up", "down", "status", "logs", "demo", "doctor-setup", "cluster")

    def run_it(self, *arguments):
        return subprocess.run([os.path.join(ROOT, "meshplay"), *arguments], capture_output=True, text=True, timeout=300,
                              stdin=subprocess.DEVNULL)

    def test_each_command_has_help(self):
        for command in self.COMMANDS:
            run = self.run_it(command, "--help")
            self.assertEqual(run.returncode, 0, run.stderr)
            self.assertIn(f"usage: ./meshplay {command}", run.stdout)

    def test_help_names_each_command(self):
        text = self.run_it("help").stdout
        for command in self.COMMANDS:
            self.assertIn(command, text)

    def test_unknown_commands_and_options_are_usage_errors(self):
        for arguments in (["frobnicate"], ["up", "--frob"], ["test", "nolevel"], ["demo", "--cluster", "moon"],
                          ["build", "nopreset"], ["cluster", "frob"], ["cluster", "up", "--name", "No Good"], ["logs", "moon"]):
            run = self.run_it(*arguments)
            self.assertEqual(run.returncode, 2, f"{arguments}: {run.stderr}")
            self.assertTrue(run.stderr.startswith("error: "), run.stderr)

    def test_every_script_parses(self):
        for folder, _, names in os.walk(ROOT):
            if any(part in folder for part in ("/build", "/.git", "/.meshplay")):
                continue
            for name in names:
                path = os.path.join(folder, name)
                if name.endswith(".sh") or name in ("meshplay", "rig", "derive"):
                    self.assertEqual(subprocess.run(["bash", "-n", path]).returncode, 0, path)


if __name__ == "__main__":
    unittest.main()
