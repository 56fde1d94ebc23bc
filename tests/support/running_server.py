"""A meshplay-server of its own on free ports, and meshplayctl against it."""
import json
import os
import subprocess
import tempfile
import time


def wait_for(what, condition, seconds=120):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError("waited in vain for " + what)
        time.sleep(0.02)


class RunningServer:
    """Starts the server in the folder `bin`; `folder` is a temporary one that goes with it."""

    def __init__(self, bin_folder):
        self.bin = bin_folder
        self._folder = tempfile.TemporaryDirectory(prefix="meshplay-e2e")
        self.folder = self._folder.name
        self.token_file = self.folder + "/admin-token"
        self._log = open(self.folder + "/server.log", "w+", encoding="utf-8")
        ports = self.folder + "/ports.json"
        self.process = subprocess.Popen(
            [self.bin + "/meshplay-server", "serve", "--data-dir", self.folder + "/data", "--ports-file", ports,
             "--admin-token-file", self.token_file, "--rest-listen", "127.0.0.1:0", "--grpc-listen", "127.0.0.1:0",
             "--hub-listen", "127.0.0.1:0"], stdout=self._log, stderr=subprocess.STDOUT)
        wait_for("the ports file", lambda: os.path.exists(ports) or self.process.poll() is not None)
        if self.process.poll() is not None:
            self._log.seek(0)
            raise AssertionError("the server ended: " + self._log.read())
        with open(ports, encoding="utf-8") as file:
            self.url = "http://" + json.load(file)["rest"]
        with open(self.token_file, encoding="utf-8") as file:
            self.token = file.read().strip()

    def environment(self, home=None, url=None, token=True):
        """What meshplayctl needs to reach this server, and nothing else; `home` is where it keeps its settings."""
        environment = {"PATH": os.environ["PATH"], "HOME": home or self.folder, "MESHPLAY_SERVER": url or self.url}
        if token:
            environment["MESHPLAY_TOKEN"] = self.token
        return environment

    def ctl(self, *arguments, stdin="", code=0, **where):
        """Runs meshplayctl; another exit code than `code` is a failure, and so is the token in what it prints."""
        done = subprocess.run([self.bin + "/meshplayctl", *arguments], input=stdin, capture_output=True, text=True,
                              timeout=300, env=self.environment(**where), check=False)
        assert done.returncode == code, f"exit code {done.returncode}, not {code}: {done.stdout}{done.stderr}"
        assert self.token not in done.stdout + done.stderr, "meshplayctl printed the token"
        return done

    def stop(self):
        self.process.terminate()
        self.process.wait(timeout=120)
        self._log.close()
        self._folder.cleanup()
