"""The kubelet's door for exec: WebSockets of v5.channel.k8s.io, which the API server hands on as they are."""
import base64
import hashlib
import json
import ssl
import struct
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

PROTOCOL = "v5.channel.k8s.io"
GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
STDIN, STDOUT, STDERR, STATUS, CLOSE = 0, 1, 2, 3, 255


def serve_exec(node):
    """Serves the pods of `node` on a free port of every address; returns the port."""
    key, certificate = f"{node.folder}/exec.key", f"{node.folder}/exec.crt"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=" + node.name, "-days", "2",
                    "-keyout", key, "-out", certificate], check=True, stderr=subprocess.DEVNULL)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    class Handler(ExecHandler):
        def find(self, namespace, name):
            return node.find(namespace, name)

    server = ThreadingHTTPServer(("0.0.0.0", 0), Handler)
    server.daemon_threads = True
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]


class ExecHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        url = urlsplit(self.path)
        parts = url.path.strip("/").split("/")
        pod = self.find(parts[1], parts[2]) if len(parts) == 4 and parts[0] == "exec" else None
        if pod is None or parts[3] not in pod.environments or PROTOCOL not in self.headers.get("Sec-WebSocket-Protocol", ""):
            self.send_error(404)
            return
        accept = hashlib.sha1((self.headers["Sec-WebSocket-Key"] + GUID).encode()).digest()
        self.send_response(101)
        for name, value in (("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Protocol", PROTOCOL),
                            ("Sec-WebSocket-Accept", base64.b64encode(accept).decode())):
            self.send_header(name, value)
        self.end_headers()
        self.close_connection = True
        environment, folder, _, _ = pod.environments[parts[3]]
        argv = pod.command(parts[3], parse_qs(url.query)["command"])
        given = b"" if "input" not in parse_qs(url.query) and "stdin" not in parse_qs(url.query) else self._input()
        done = subprocess.run(argv, cwd=folder, env=environment, input=given, capture_output=True, check=False)
        for channel, text in ((STDOUT, done.stdout), (STDERR, done.stderr)):
            for at in range(0, len(text), 32768):
                self._send(bytes([channel]) + text[at:at + 32768])
        status = {"metadata": {}, "status": "Success"}
        if done.returncode != 0:
            causes = [{"reason": "ExitCode", "message": str(done.returncode)}]
            status = {"metadata": {}, "status": "Failure", "reason": "NonZeroExitCode", "details": {"causes": causes}}
        self._send(bytes([STATUS]) + json.dumps(status).encode())
        self._send(struct.pack(">H", 1000), opcode=8)

    def _input(self):
        """Everything of standard input, until the caller closes it."""
        given = b""
        while True:
            head = self.rfile.read(2)
            if len(head) < 2 or head[0] & 15 == 8:
                return given
            length = head[1] & 127
            if length > 125:
                size = 2 if length == 126 else 8
                length = int.from_bytes(self.rfile.read(size), "big")
            mask = self.rfile.read(4) if head[1] & 128 else b"\0\0\0\0"
            data = bytes(b ^ mask[i % 4] for i, b in enumerate(self.rfile.read(length)))
            if head[0] & 15 == 9:
                self._send(data, opcode=10)
            elif data[:1] == bytes([STDIN]):
                given += data[1:]
            elif data[:2] == bytes([CLOSE, STDIN]):
                return given

    def _send(self, data, opcode=2):
        size = len(data)
        head = bytes([128 | opcode])
        head += bytes([size]) if size < 126 else struct.pack(">BH", 126, size) if size < 65536 else struct.pack(">BQ", 127, size)
        self.wfile.write(head + data)
        self.wfile.flush()
