#!/usr/bin/env python3
"""meshplayctl conformance against a server of our own: what it asks, what it prints and how it ends. usage: ... MESHPLAYCTL"""
import json
import os
import subprocess
import sys
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PROGRAM = sys.argv[1]
FAULTS = []
ASKED = []


def run_of(verdict, done=True):
    return {"id": "r1", "target": {"cluster": "c1", "mesh_type": "istio"}, "mesh_version": "1.30.3", "verdict": verdict,
            "state": "SUCCEEDED" if done else "RUNNING", "done": done, "counts": {"passed": 1, "total": 2},
            "cases": [{"id": "traffic-access-05", "status": "FAILED", "reason": "NOT_STABLE", "detail": "a\u001b[2Jb"}]}


class Handler(BaseHTTPRequestHandler):
    verdict, worse = "PASSED", 0

    def log_message(self, *_):
        pass

    def answer(self, status, body, kind="application/json"):
        data = (body if isinstance(body, str) else json.dumps(body)).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        ASKED.append((self.path, body, self.headers.get("Idempotency-Key")))
        self.answer(200, run_of("", done=False))

    def do_GET(self):
        ASKED.append((self.path, None, None))
        if self.path.startswith("/v1/conformanceRuns:diff"):
            return self.answer(200, {"base": run_of("PASSED"), "other": run_of("FAILED"), "same": 3, "better": 0, "worse": Handler.worse,
                                     "changed": [{"id": "traffic-access-05", "base": "PASSED", "other": "FAILED"}]})
        if self.path.endswith("/junit"):
            return self.answer(200, "<testsuites/>\n", "application/xml")
        if self.path.startswith("/v1/conformanceRuns/none"):
            return self.answer(404, {"code": "NOT_FOUND", "reason": "CONFORMANCE_RUN_UNKNOWN", "status": 404,
                                     "detail": "there is no such conformance run"}, "application/problem+json")
        if self.path.startswith("/v1/operations/"):
            return self.answer(200, {"id": "r1", "state": "SUCCEEDED", "done": True})
        if "/cases/" in self.path:
            return self.answer(200, {"id": "traffic-access-05", "evidence": {"looks_total": 3}})
        if self.path.startswith("/v1/conformanceRuns?") or self.path == "/v1/conformanceRuns":
            return self.answer(200, {"runs": [run_of("FAILED")]})
        return self.answer(200, run_of(Handler.verdict))


def expect(good, text):
    if not good:
        FAULTS.append(text)


def ctl(url, code, *words):
    done = subprocess.run([PROGRAM, "--server", url, *words], capture_output=True, text=True, timeout=120,
                          env={**os.environ, "MESHPLAY_TOKEN": "t", "XDG_CONFIG_HOME": "/nonexistent"})
    expect(done.returncode == code, f"{' '.join(words)} ended with {done.returncode}, not {code}: {done.stdout}{done.stderr}")
    return done.stdout


def read(text):
    try:
        value = json.loads(text)
    except ValueError:
        value = {}
    return value if isinstance(value, dict) else {}


def main():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    asked_for = ["--cluster", "c1", "--mesh-type", "istio"]

    for verdict, code in (("PASSED", 0), ("FAILED", 5), ("INCONCLUSIVE", 6)):
        Handler.verdict = verdict
        out = ctl(url, code, "conformance", "run", *asked_for, "--wait", "-o", "json")
        expect(read(out).get("verdict") == verdict, f"the output of a run is not the run alone: {out}")
        ctl(url, code, "conformance", "get", "r1")
    out = ctl(url, 6, "conformance", "get", "r1")
    expect("traffic-access-05" in out and "\u001b" not in out, f"the table of cases: {out!r}")
    Handler.verdict = "FAILED"
    ctl(url, 0, "conformance", "run", *asked_for, "--group", "traffic-access", "--group", "spec-headers", "--image", "i:1",
        "--image-pull-policy", "Never", "--driver", "proxy", "--converge", "10s", "--ready-timeout", "1m", "--reason", "why",
        "--idempotency-key", "k1")
    expect(ASKED[-1] == ("/v1/conformanceRuns", {
        "target": {"cluster": "c1", "mesh_type": "istio"}, "reason": "why",
        "parameters": {"image": "i:1", "image_pull_policy": "Never", "driver": "proxy", "converge": "10s", "ready_timeout": "1m",
                       "groups": ["traffic-access", "spec-headers"]}}, "k1"), f"asked {ASKED[-1]}")
    expect(read(ctl(url, 0, "conformance", "run", *asked_for, "-o", "json")).get("id") == "r1", "a started run is no JSON object")
    ctl(url, 2, "conformance", "run", *asked_for, "--driver", "carrier-pigeon")
    ctl(url, 2, "conformance", "run")
    ctl(url, 2, "conformance")
    expect("0 passed, 5 failed, 6 inconclusive" in " ".join(ctl(url, 0, "conformance", "run", "--help").split()), "help has no exit codes")

    expect(json.loads(ctl(url, 0, "conformance", "list", "-o", "json"))[0]["id"] == "r1", "the list is no JSON list of runs")
    expect('"looks_total"' in ctl(url, 0, "conformance", "get", "r1", "--case", "traffic-access-05", "-o", "json"), "no evidence")
    ctl(url, 8, "conformance", "get", "none")
    ctl(url, 8, "conformance", "get", "none/../r1")
    for worse, code in ((0, 0), (1, 3)):
        Handler.worse = worse
        expect(f"{worse} worse" in ctl(url, code, "conformance", "diff", "r1", "r2"), "the diff does not count")
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "report.xml")
        ctl(url, 0, "conformance", "junit", "r1", "-f", path)
        with open(path, encoding="utf-8") as file:
            expect(file.read() == "<testsuites/>\n", "the report is not what the server said")
        ctl(url, 1, "conformance", "junit", "r1", "-f", os.path.join(folder, "none", "report.xml"))
    expect(ctl(url, 0, "conformance", "junit", "r1") == "<testsuites/>\n", "the report is not on the standard output")
    server.shutdown()
    server.server_close()
    ctl(url, 9, "conformance", "list")
    print("\n".join(FAULTS) or f"{len(ASKED)} questions, no fault")
    return 1 if FAULTS else 0


if __name__ == "__main__":
    sys.exit(main())
